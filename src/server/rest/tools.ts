/** `/api/tools`: the interpreter of tool calls, the mediator between models, and what to do about a failure. */
import { z } from 'zod';
import { toolCallSchema, toolDefinition } from '../../contracts/chat.ts';
import type { Call } from '../route.ts';
import { present } from '../wire/answer.ts';

/** Longer texts are no answers with calls; reading takes time that grows with them. */
const LONGEST_TEXT = 200_000;
const long = z.string().max(LONGEST_TEXT);
const tools = z.array(toolDefinition).max(256);
const toolCalls = z.array(toolCallSchema);
const source = z.enum(['structured', 'parsed', 'repaired', 'model', 'none']).describe('How the calls were found.');

/** A call as clients write it: OpenAI's, or a name with arguments, or a text. */
const failedCall = z.union([
  toolCallSchema,
  z.strictObject({ name: z.string().min(1), arguments: z.union([z.string(), z.record(z.string(), z.unknown())]).default({}) }),
  long.min(1),
]);

export const interpretBody = z
  .strictObject({
    text: long.optional().describe('All that a model wrote.'),
    message: z
      .looseObject({ content: long.nullish(), tool_calls: toolCalls.nullish() })
      .optional()
      .describe('In place of `text`: an assistant’s message, with `content`, `tool_calls` or both.'),
    question: long
      .optional()
      .describe('What the user asked, if that is all they said. With it, a written call that it does not ask for is dropped.'),
    call: failedCall.optional().describe('In place of both: a call that failed. It is corrected.'),
    error: long.optional().describe('With `call`: what went wrong.'),
    tools: tools.min(1, 'tools must hold at least one tool').describe('Those that may be called.'),
  })
  .refine((body) => [body.text, body.message, body.call].filter((given) => given !== undefined).length === 1, {
    message: 'give exactly one of text, message and call',
  });
export const interpreted = z.strictObject({
  tool_calls: toolCalls,
  source,
  confidence: z.number().describe('0..1: how sure it is that these calls, and no others, were meant.'),
  text: z.string().describe('The text without the calls.'),
  problems: z
    .array(z.strictObject({ name: z.string(), message: z.string() }))
    .describe('Calls that were left out, or that do not fit their tool and go out as they were written beside others, and why.'),
});

/** What a caller who does not say why a call failed may mean. */
const UNKNOWN_FAILURE = 'The call failed.';

/** Errors: none of models: one that fails is a rung of the ladder that finds nothing. */
export async function interpret(call: Call<z.output<typeof interpretBody>>): Promise<z.infer<typeof interpreted>> {
  const { text, message, question, call: failed, error = UNKNOWN_FAILURE, tools } = call.body;
  const { interpreter } = call.services.tutti;
  const found =
    failed === undefined
      ? await interpreter.interpret({ text, message, question, tools }, asked(call))
      : await interpreter.repair({ call: failed, error, tools }, asked(call));
  return {
    tool_calls: [...found.toolCalls],
    source: found.source,
    confidence: found.confidence,
    text: found.text,
    problems: found.problems.map(({ name, message: why }) => ({ name, message: why })),
  };
}

export const mediateBody = z.strictObject({
  response: z.string().describe('What the first model said.'),
  to: z.string().min(1).describe('The model that is to read it: an id, an alias, an orchestration.'),
  context: z.string().optional().describe('What that model knows already, or is asked: it takes room, and says what matters.'),
  as: z.enum(['text', 'tool_calls']).default('text'),
  tools: tools.optional().describe('Those that calls may be of.'),
  max_tokens: z.int().min(1).optional().describe('Room for the response. Default: half of the other’s window, less the context.'),
});
export const mediated = z.strictObject({
  text: z.string(),
  tool_calls: toolCalls,
  action: z.enum(['as_is', 'stripped', 'summarized', 'truncated', 'interpreted']).describe('What was done to it.'),
  tokens: z.int().describe('About how many the text has.'),
  source: source.optional(),
});

export async function mediate(call: Call<z.output<typeof mediateBody>>): Promise<z.infer<typeof mediated>> {
  const { max_tokens: maxTokens, ...input } = call.body;
  const fit = await call.services.tutti.mediator.mediate({ ...input, maxTokens }, asked(call));
  return present({
    text: fit.text,
    tool_calls: [...fit.toolCalls],
    action: fit.action,
    tokens: fit.tokens,
    source: fit.source,
  });
}

export const diagnoseBody = z.strictObject({
  phase: z.string().min(1).describe('The phase, role or step that failed.'),
  error: z
    .union([
      z.string().min(1),
      z.looseObject({ message: z.string(), code: z.string().optional(), retry_after: z.number().optional() }),
    ])
    .describe('What went wrong: a message, or an error with its code.'),
  recent_actions: z.array(z.string()).max(100).default([]).describe('What was done before, the latest last.'),
  state: z.unknown().optional().describe('What else is known.'),
});
export const diagnosed = z.strictObject({
  cause: z.string().describe('The likely cause, in a sentence.'),
  action: z.enum(['retry_with_changes', 'change_phase', 'request_user_input', 'rollback', 'alternative_approach']),
  arguments: z.record(z.string(), z.unknown()).describe('Of the action: `changes`, `delay_seconds`, `phase`, `question` …'),
  change_phase: z.string().nullable().describe('The phase to go on with.'),
  needs_user: z.boolean().describe('Whether it cannot go on without the user.'),
  source: z.enum(['model', 'rule']).describe('Who says so: a reasoning model, or the table of first aid.'),
});

export async function diagnose(call: Call<z.output<typeof diagnoseBody>>): Promise<z.infer<typeof diagnosed>> {
  const { recent_actions: recentActions, ...context } = call.body;
  const advice = await call.services.tutti.failures.diagnose({ ...context, recentActions }, asked(call));
  return {
    cause: advice.cause,
    action: advice.action,
    arguments: { ...advice.arguments },
    change_phase: advice.changePhase,
    needs_user: advice.needsUser,
    source: advice.source,
  };
}

export const reinterpretBody = z.strictObject({
  response: z.string().min(1).describe('The answer that could not be used.'),
  failure_reason: z.string().min(1).describe('Why not.'),
  tools: tools.default([]),
});
export const reinterpreted = z.strictObject({
  text: z.string(),
  tool_calls: toolCalls,
  source: z.enum(['model', 'interpreter', 'none']).describe('`none`: nobody made sense of it; `text` is the response as it was.'),
  confidence: z.number(),
});

export async function reinterpret(call: Call<z.output<typeof reinterpretBody>>): Promise<z.infer<typeof reinterpreted>> {
  const { failure_reason: failureReason, ...input } = call.body;
  const anew = await call.services.tutti.failures.reinterpret({ ...input, failureReason }, asked(call));
  return { text: anew.text, tool_calls: [...anew.toolCalls], source: anew.source, confidence: anew.confidence };
}

/** Each of them is a run of the caller's. */
function asked({ principal, signal }: Call<unknown>): { principal: Call['principal']; signal: AbortSignal } {
  return { principal, signal };
}
