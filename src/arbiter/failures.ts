/**
 * Failure assistance: when a step fails for a reason that no rule covers, a reasoning model is asked what to do, and answers
 * with one of five actions. What it answers is advice: whoever asks carries it out, within limits of their own.
 *
 * Without a model, or when its answer cannot be read, a fixed table decides by the error's code; see `FIRST_AID`.
 */
import type { ChatInput, ToolCall, ToolDefinition } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';
import { asNumber, asObject, asString, parseJson, type JsonObject } from '../lib/json-value.ts';
import type { Ask } from './ask.ts';
import {
  diagnosis,
  failureOf,
  FAILURE_ACTIONS,
  FIRST_AID,
  firstAid,
  type Diagnosis,
  type Failure,
  type FailureAction,
  type FailureArguments,
} from './first-aid.ts';
import { readAnswer, type Interpreter } from './interpreter/interpreter.ts';
import { readLiteral } from './interpreter/literal.ts';

/** A failure and what led to it. Names as in the library. */
export interface FailureContext {
  readonly phase: string;
  /** A `TuttiError`, another error, something with a message and perhaps a code, or words. */
  readonly error: unknown;
  readonly recentActions?: readonly string[] | undefined;
  readonly state?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** An answer that could not be used, and why. */
export interface ReinterpretInput {
  readonly response: string;
  readonly failureReason: string;
  readonly tools?: readonly ToolDefinition[] | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The answer, understood anew. */
export interface Reinterpretation {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly source: 'model' | 'interpreter' | 'none';
  readonly confidence: number;
}

/** What failure assistance needs. */
export interface FailuresOptions {
  /** The reasoning model, or null: then the table decides, and the interpreter reinterprets. */
  readonly model: string | null;
  readonly ask: Ask;
  readonly interpreter: Interpreter;
}

/** Advice on failures. */
export interface Failures {
  /** Always has an answer. Errors: `cancelled`. */
  diagnose(context: FailureContext): Promise<Diagnosis>;
  /** Asks the reasoning model what a response was to say. Errors: `cancelled`. */
  reinterpret(input: ReinterpretInput): Promise<Reinterpretation>;
}

/** Makes failure assistance. */
export function createFailures({ model, ask, interpreter }: FailuresOptions): Failures {
  return {
    async diagnose(context) {
      const failure = failureOf(context.error);
      if (model === null) return firstAid(failure, context.recentActions);
      const signal = signalOf(context);
      try {
        const answer = await ask(model, diagnosisInput(context, failure), { signal, key: 'diagnose' });
        return readDiagnosis(answer.text, answer.toolCalls, failure) ?? firstAid(failure, context.recentActions);
      } catch (error) {
        if (signal.aborted) throw TuttiError.from(error, 'cancelled');
        return firstAid(failure, context.recentActions); // the model that was to help has failed, too
      }
    },

    async reinterpret(input) {
      const { response, failureReason, tools = [] } = input;
      const signal = signalOf(input);
      const asItWas: Reinterpretation = { text: response, toolCalls: [], source: 'none', confidence: 0 };
      if (model === null) {
        if (tools.length === 0) return asItWas;
        const repaired = await interpreter.repair({ call: response, error: failureReason, tools, signal });
        if (repaired.toolCalls.length === 0) return asItWas;
        const { text, toolCalls, confidence } = repaired;
        return { text, toolCalls, source: 'interpreter', confidence };
      }
      try {
        const answer = await ask(model, reinterpretInput(response, failureReason, tools), { signal, key: 'reinterpret' });
        const read = readAnswer({ message: { content: answer.text, tool_calls: answer.toolCalls }, tools });
        if (read.calls.length === 0 && read.text.trim() === '') return asItWas;
        const confidence = answer.confidence?.score ?? (read.calls.length > 0 ? read.confidence : UNSURE);
        return { text: read.text, toolCalls: read.calls, source: 'model', confidence };
      } catch (error) {
        if (signal.aborted) throw TuttiError.from(error, 'cancelled');
        return asItWas; // no better than before, and no worse
      }
    },
  };
}

const UNSURE = 0.5;

function signalOf({ signal }: { readonly signal?: AbortSignal | undefined }): AbortSignal {
  return signal ?? new AbortController().signal;
}

/** The model's answer is held to this: flat, because small models lose their way in deeper ones. */
const ANSWER_SCHEMA = {
  type: 'object',
  properties: {
    cause: { type: 'string', description: 'The likely cause, in one sentence.' },
    action: { type: 'string', enum: [...FAILURE_ACTIONS] },
    detail: { type: 'string', description: 'What to change, the phase, the question, the step to return to, or the approach.' },
    delay_seconds: { type: 'number', description: 'Only for retry_with_changes: how long to wait.' },
  },
  required: ['cause', 'action', 'detail'],
  additionalProperties: false,
};

function diagnosisInput({ phase, recentActions = [], state }: FailureContext, failure: Failure): ChatInput {
  const code = failure.code === null ? '' : ` (${failure.code})`;
  const lines = [
    'A step of a larger task failed. Find the likely cause and choose what to do next.',
    '',
    `Phase: ${phase}`,
    `Error: ${failure.message}${code}`,
    ...(recentActions.length > 0 ? ['Recent actions:', ...recentActions.map((action) => `- ${action}`)] : []),
    ...(state === undefined || state === null ? [] : [`State: ${typeof state === 'string' ? state : JSON.stringify(state)}`]),
    '',
    'Actions:',
    '- retry_with_changes: try the same again with something changed (detail: what to change)',
    '- change_phase: go on with another phase (detail: its name)',
    '- request_user_input: only the user can help (detail: the question)',
    '- rollback: return to an earlier step (detail: its name)',
    '- alternative_approach: solve it another way (detail: how)',
    '',
    'Answer in JSON: {"cause": "…", "action": "…", "detail": "…"}',
  ];
  return {
    messages: [{ role: 'user', content: lines.join('\n') }],
    response_format: { type: 'json_schema', json_schema: { name: 'diagnosis', schema: ANSWER_SCHEMA, strict: true } },
    temperature: 0,
    max_tokens: 400,
  };
}

/**
 * What a model advises, read leniently: JSON with or without prose around it, a call such as `suggest_rollback({…})`, or a text
 * that names exactly one of the actions. Null when it says nothing of the kind.
 */
export function readDiagnosis(text: string, calls: readonly ToolCall[], failure: Failure): Diagnosis | null {
  for (const call of calls) {
    const action = actionOf(call.function.name);
    if (action !== null) return fromObject(action, asObject(parseJson(call.function.arguments)) ?? {}, failure);
  }
  const start = text.indexOf('{');
  const object = start < 0 ? null : asObject(readLiteral(text, start)?.value);
  const written = object === null ? null : asString(object['action'] ?? object['name'] ?? object['tool']);
  const action = written === null ? null : actionOf(written);
  if (object !== null && action !== null) return fromObject(action, object, failure);
  const named = FAILURE_ACTIONS.filter((one) => new RegExp(`\\b(?:suggest_)?${one}\\b`, 'i').test(text));
  const [only] = named;
  if (only === undefined || named.length > 1) return null;
  return fromObject(only, { cause: failure.message, detail: text.trim() }, failure);
}

/** The seeds' names (`suggest_phase_change`), ours, and spellings between. */
function actionOf(written: string): FailureAction | null {
  const name = written
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, '_')
    .replace(/^suggest_/, '');
  if (name === 'phase_change') return 'change_phase';
  return FAILURE_ACTIONS.find((action) => action === name) ?? null;
}

function fromObject(action: FailureAction, object: JsonObject, failure: Failure): Diagnosis {
  const inner = asObject(object['arguments'] ?? object['parameters']) ?? {};
  const all: JsonObject = { ...inner, ...object };
  const first = (...keys: string[]): string | undefined =>
    keys.map((key) => asString(all[key])?.trim()).find((value) => value !== undefined && value !== '');
  const cause = first('cause', 'reason', 'analysis') ?? failure.message;
  const delay = asNumber(all['delay_seconds'] ?? all['delay']);
  const given: FailureArguments = {};
  switch (action) {
    case 'retry_with_changes': {
      const changes = first('changes', 'detail', 'details');
      if (changes !== undefined) given.changes = changes;
      if (delay !== null && delay >= 0) given.delay_seconds = Math.min(delay, 3600);
      // What the code says plainly holds whatever words the model finds for it.
      const known = failure.code === null ? undefined : FIRST_AID[failure.code];
      if (known?.arguments.shorten === true) given.shorten = true;
      if (known?.arguments.other_model === true) given.other_model = true;
      break;
    }
    case 'change_phase': {
      const phase = first('phase', 'change_phase', 'new_phase', 'detail');
      if (phase !== undefined) given.phase = phase;
      break;
    }
    case 'request_user_input':
      given.question = first('question', 'prompt', 'detail') ?? cause;
      break;
    case 'rollback': {
      const to = first('to', 'step', 'detail');
      if (to !== undefined) given.to = to;
      break;
    }
    case 'alternative_approach':
      given.approach = first('approach', 'alternative', 'detail') ?? 'Solve it another way.';
      break;
    default:
      return action satisfies never;
  }
  return diagnosis(cause, action, given, 'model');
}

function reinterpretInput(response: string, failureReason: string, tools: readonly ToolDefinition[]): ChatInput {
  const what =
    tools.length > 0
      ? 'Make the tool calls that it was meant to make. If none was meant, write what it was meant to say.'
      : 'Write what it was meant to say, so that it can be used.';
  const content = `Another model wrote this response:\n${response}\n\nIt could not be used, because:\n${failureReason}\n\n${what}`;
  return { messages: [{ role: 'user', content }], ...(tools.length > 0 && { tools: [...tools] }), temperature: 0 };
}
