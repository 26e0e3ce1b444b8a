/**
 * The interpreter: finds out which calls a model meant, by a ladder of which each rung is dearer than the one before.
 *
 * | rung | source | confidence |
 * |---|---|---|
 * | calls that the model's own server reported, valid as they are | `structured` | 1 |
 * | calls read in the text, valid as they are | `parsed` | 0.95 by a mark, 0.9 as the whole text, 0.8 in a fence, 0.7 between prose, 0.6 in a program, 0.5 as an example of just what was asked |
 * | either of them, changed without loss to fit the tool's schema | `repaired` | that of the reading × 0.9 |
 * | what a model made of a text that shows a call which could not be read or does not fit, from values of that text only | `model` | the model's own, 0.5 if it has none |
 * | no call was meant, or none could be had | `none` | 1 when nothing points to one, else 0.5 |
 * | a call was written that the question does not ask for | `none` | 0.8 |
 *
 * Of several calls, one that does not fit its tool and could not be mended goes out as it was written, beside those that do: nothing
 * is lost, `problems` says why, and the confidence is multiplied by the share of calls that fit. Where none fits, there is no call.
 *
 * An example needs the question, too: with all of its values said there, and no wish to see code, it is the call that was asked for.
 *
 * The last row needs the question, and holds for calls that were written as text only: what a server reports as a call has been
 * decided upon. Models that were taught to write calls write one also when no tool fits, and make up what it needs. Such a call
 * is dropped when the question says too little of what is in it (the table is in `doubt.ts`). When the question has only no word
 * in common with the tool, the call stays, unless a second opinion is set up: a model that is given the question and the tools. If
 * it calls nothing, the call is dropped; if it calls something, or fails, the call stays. It must be good at telling when no tool
 * fits, which very small models are not: the embedded one would call nothing for most of what it was not told in the tool's words.
 */
import type { ChatInput, ToolCall, ToolDefinition } from '../../contracts/chat.ts';
import { TuttiError } from '../../errors/error.ts';
import type { Ask, AskedAnswer } from '../ask.ts';
import {
  callText,
  checkCalls,
  foundStructured,
  isCanonical,
  sameCalls,
  type CallProblem,
  type CheckedCalls,
} from './checked-calls.ts';
import { doubtOf, type Doubt } from './doubt.ts';
import { saysOnly } from './mended.ts';
import { readToolCalls, type Place, type ReadingContext } from './reader.ts';
import { nearestSpelling, toolIndex, type ToolIndex } from './tool-index.ts';

/** By which rung of the ladder the calls were found. */
export type InterpretSource = 'structured' | 'parsed' | 'repaired' | 'model' | 'none';

/** What is known of a model's answer: its text, or the whole message. */
export interface InterpretInput {
  readonly text?: string | undefined;
  readonly message?: AnswerMessage | undefined;
  readonly tools: readonly ToolDefinition[];
  /** What the user asked, if that is all they said so far. With it, a written call that answers something else is dropped. */
  readonly question?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An assistant's message, as far as it is looked at. */
export interface AnswerMessage {
  readonly content?: string | null | undefined;
  readonly tool_calls?: readonly ToolCall[] | null | undefined;
}

/** Calls that were written as text, and what they were written for. */
export interface WrittenFor {
  readonly question: string;
  /** What the model was told besides, as by the system: values may be from there. */
  readonly background?: string | undefined;
  readonly calls: readonly ToolCall[];
  readonly tools: readonly ToolDefinition[];
  readonly signal?: AbortSignal | undefined;
}

/** A call that failed, and how. */
export interface RepairInput {
  /** The call as it was made, or the text that was to be one. */
  readonly call: ToolCall | { readonly name: string; readonly arguments: unknown } | string;
  /** What the tool or its caller said. */
  readonly error: string;
  readonly tools: readonly ToolDefinition[];
  readonly signal?: AbortSignal | undefined;
}

/** The calls that were meant. */
export interface Interpretation {
  readonly toolCalls: readonly ToolCall[];
  readonly source: InterpretSource;
  /** 0..1: how sure it is that these calls, and no others, were meant. */
  readonly confidence: number;
  /** The text without the calls. */
  readonly text: string;
  /**
   * Why calls were left out, or do not fit the tool's schema and go out as they were written beside others that do; and the model
   * of the last rung, when it could not be asked.
   */
  readonly problems: readonly CallProblem[];
}

/** What an interpreter needs. */
export interface InterpreterOptions {
  /** The model of the last rung: an id, or null for none. It must be good at tool calls, not at talking. */
  readonly model: string | null;
  readonly ask: Ask;
  /** Drop written calls that the question does not ask for. Default: true. */
  readonly doubt?: boolean | undefined;
  /** The model that is asked about calls that have no word in common with the question. Default: none, so they stand. */
  readonly secondOpinion?: string | null | undefined;
}

/** What is done about written calls that nobody asked for. */
export type Doubts = Pick<InterpreterOptions, 'doubt' | 'secondOpinion'>;

/** Reads and repairs tool calls. */
export interface Interpreter {
  /** Rejects with `cancelled` only: a model that fails is a rung that finds nothing. */
  interpret(input: InterpretInput): Promise<Interpretation>;
  /** Why calls that were written are not to be made, or null. Rejects with `cancelled` only. */
  doubt(written: WrittenFor): Promise<Doubt | null>;
  /** Corrects a call that failed. With no way to do so, the source is `none`. */
  repair(input: RepairInput): Promise<Interpretation>;
}

const READ_CONFIDENCE: Readonly<Record<Place, number>> = {
  marked: 0.95,
  alone: 0.9,
  fenced: 0.8,
  line: 0.7,
  script: 0.6,
  example: 0.5,
};
const REPAIRED = 0.9;
const RESPELLED = 0.8;
/** Errors about how a call is written, not about what it asks for. */
const NOTATION = /json|pars|syntax|malformed|token/i;
/** What callers say who do not know what was wrong. */
const NO_ERROR = /^\s*(?:none|null|unknown|n\/a|-)?\s*$/i;
const UNSURE = 0.5;
/** Below 1: what the question leaves unsaid, the model may have known. */
const DOUBTED = 0.8;

/** Makes an interpreter. */
export function createInterpreter({ model, ask, doubt: doubts = true, secondOpinion = null }: InterpreterOptions): Interpreter {
  const byModel = async (prompt: string, tools: ToolIndex, signal: AbortSignal, key: string): Promise<ModelRung> => {
    if (model === null || tools.tools.length === 0) return {};
    const input: ChatInput = {
      messages: [{ role: 'user', content: prompt }],
      tools: tools.tools.map((tool) => tool.definition),
      tool_choice: 'required',
      temperature: 0,
      logprobs: true,
    };
    try {
      return { found: fromModel(await ask(model, input, { signal, key }), tools) };
    } catch (error) {
      if (signal.aborted) throw TuttiError.from(error, 'cancelled');
      // The rung is missing: what was read without it stands.
      const { message, code } = TuttiError.from(error, 'backend_error');
      return { failed: { name: model, message: `could not be asked: ${message} (${code})` } };
    }
  };

  const findCalls = async (input: InterpretInput): Promise<Interpretation> => {
    const tools = toolIndex(input.tools);
    const read = readAnswer(input, tools);
    if (!isWorthAsking(read, tools)) return result(read);
    const { found, failed } = await byModel(extractPrompt(read.written), tools, signalOf(input), 'interpret');
    // One that finds fewer calls than were read has overlooked some.
    if (found == null || found.toolCalls.length < read.calls.length) return result(read, failed);
    if (!found.toolCalls.every((call) => saysOnly(call, read.written, tools))) return result(read);
    return { ...found, text: read.rest };
  };

  /** Whether a model, given the question itself, would call nothing at all. */
  const callsNothing = async (judge: string, { question, tools, ...rest }: WrittenFor): Promise<boolean> => {
    const input: ChatInput = {
      messages: [{ role: 'user', content: question }],
      tools: [...tools],
      tool_choice: 'auto',
      temperature: 0,
    };
    const signal = signalOf(rest);
    try {
      const answer = await ask(judge, input, { signal, key: 'doubt' });
      const read = readAnswer({ message: { content: answer.text, tool_calls: answer.toolCalls }, tools });
      return !read.meant;
    } catch (error) {
      if (signal.aborted) throw TuttiError.from(error, 'cancelled');
      return false; // no opinion: the call stands
    }
  };

  const doubt = async (written: WrittenFor): Promise<Doubt | null> => {
    const found = doubts ? doubtOf(written) : null;
    if (found?.kind !== 'unrelated') return found;
    return secondOpinion !== null && (await callsNothing(secondOpinion, written)) ? found : null;
  };

  return {
    doubt,

    async interpret(input) {
      const found = await findCalls(input);
      const { question, message, tools, signal } = input;
      if (question === undefined || (message?.tool_calls?.length ?? 0) > 0) return found;
      const doubted = await doubt({ question, calls: found.toolCalls, tools, signal });
      return doubted === null ? found : dropped(found, doubted, message?.content ?? input.text ?? '');
    },

    async repair(input) {
      const tools = toolIndex(input.tools);
      const written = typeof input.call === 'string' ? input.call : callText(input.call);
      const read = readAnswer({ text: written, tools: input.tools }, tools);
      const isWell = read.problems.length === 0 && read.calls.length > 0;
      const isNotation = NO_ERROR.test(input.error) || (typeof input.call === 'string' && NOTATION.test(input.error));
      // What only had to be read, or changed to fit, may well have been all that was wrong.
      if (isWell && (read.source === 'repaired' || isNotation || !isCanonical(written, read.calls))) return result(read);
      if (!isWell) {
        const respelled = readAnswer({ text: written, tools: input.tools }, toolIndex(input.tools, { respell: true }));
        if (respelled.problems.length === 0 && respelled.calls.length > 0) {
          return { ...result(respelled), source: 'repaired', confidence: respelled.confidence * RESPELLED };
        }
      }
      const { found, failed } = await byModel(repairPrompt(written, input.error), tools, signalOf(input), 'repair');
      if (found != null && !sameCalls(found.toolCalls, read.calls)) return found;
      // The very same call would fail the very same way.
      const problems =
        read.problems.length > 0 ? read.problems : [{ name: read.calls[0]?.function.name ?? '', message: input.error }];
      return {
        toolCalls: [],
        source: 'none',
        confidence: UNSURE,
        text: '',
        problems: failed === undefined ? problems : [...problems, failed],
      };
    },
  };
}

/** What came of asking a model. */
interface ModelRung {
  readonly found?: Interpretation | null;
  /** It could not be asked. */
  readonly failed?: CallProblem;
}

/**
 * Whether a model may find more than was read. Not in calls of functions that nobody offered (`no_function()`,
 * `search_web(…)`): asked for a call, a model would make one up. A name that is only misspelt is another matter.
 */
function isWorthAsking({ calls, problems, meant }: AnswerReading, tools: ToolIndex): boolean {
  if (problems.length === 0) return meant && calls.length === 0;
  const names = tools.tools.map((tool) => tool.name);
  return problems.some(({ name }) => tools.isName(name) || nearestSpelling(name, names) !== null);
}

/** The prompts that `embedded:tools` was trained on; other models understand them as well. */
export function extractPrompt(text: string): string {
  return `Response:\n${text}\nExtract the tool calls.`;
}

/** See `extractPrompt`. */
export function repairPrompt(call: string, error: string): string {
  return `Tool call:\n${call}\nError: ${error}\nWrite the correct call.`;
}

/** What the rungs without a model make of an answer. */
export interface AnswerReading {
  /** Those that fit, and beside them, as they were written, those that do not: `problems` says which. */
  readonly calls: readonly ToolCall[];
  /** How many of them fit. */
  readonly fitting: number;
  readonly source: InterpretSource;
  readonly confidence: number;
  readonly text: string;
  /** The text without what is marked as a call, also if that could not be read; empty when there is no telling where it stands. */
  readonly rest: string;
  readonly problems: readonly CallProblem[];
  readonly meant: boolean;
  /** All that the model wrote, for another model to read. */
  readonly written: string;
}

/** The rungs without a model. Pure. */
export function readAnswer(
  input: Pick<InterpretInput, 'text' | 'message' | 'tools'> & ReadingContext,
  tools = toolIndex(input.tools),
): AnswerReading {
  const text = input.message?.content ?? input.text ?? '';
  const structured = input.message?.tool_calls ?? [];
  if (structured.length > 0) {
    const found = structured.map((one) => foundStructured(one, tools));
    const written = structured.map(callText).join('\n');
    const checked = checkCalls(found, tools, structured);
    return {
      ...checked,
      source: sourceOf(checked, 'structured'),
      confidence: confidenceOf(checked, 1),
      text,
      rest: text,
      meant: true,
      written,
    };
  }
  const reading = readToolCalls(text, tools, input);
  const checked = checkCalls(reading.calls, tools);
  const place = reading.place;
  const meant = reading.meant || checked.calls.length > 0;
  const source = sourceOf(checked, 'parsed');
  const none = meant ? UNSURE : 1;
  const confidence = place === null || source === 'none' ? none : confidenceOf(checked, READ_CONFIDENCE[place]);
  return {
    ...checked,
    source,
    confidence,
    text: source === 'none' ? text : reading.rest,
    rest: reading.rest === text ? '' : reading.rest,
    meant,
    written: text,
  };
}

function sourceOf({ calls, changed }: CheckedCalls, source: 'structured' | 'parsed'): InterpretSource {
  if (calls.length === 0) return 'none';
  return changed ? 'repaired' : source;
}

function confidenceOf({ calls, fitting, changed, problems }: CheckedCalls, base: number): number {
  if (calls.length === 0) return UNSURE;
  const share = fitting / (fitting + problems.length);
  return base * (changed ? REPAIRED : 1) * share;
}

function fromModel(answer: AskedAnswer, tools: ToolIndex): Interpretation | null {
  const message = { content: answer.text, tool_calls: answer.toolCalls };
  const read = readAnswer({ message, tools: [] }, tools);
  // It was asked because something did not fit; what does not fit either is no help.
  if (read.calls.length === 0 || read.problems.length > 0) return null;
  return { toolCalls: read.calls, source: 'model', confidence: answer.confidence?.score ?? UNSURE, text: '', problems: [] };
}

function result({ calls, source, confidence, text, problems }: AnswerReading, failed?: CallProblem): Interpretation {
  return { toolCalls: calls, source, confidence, text, problems: failed === undefined ? problems : [...problems, failed] };
}

/** The calls become problems, and the text is what was written. */
function dropped({ toolCalls, problems }: Interpretation, { message }: Doubt, text: string): Interpretation {
  const doubted = toolCalls.map((call) => ({ name: call.function.name, message }));
  return { toolCalls: [], source: 'none', confidence: DOUBTED, text, problems: [...problems, ...doubted] };
}

function signalOf({ signal }: { readonly signal?: AbortSignal | undefined }): AbortSignal {
  return signal ?? new AbortController().signal;
}
