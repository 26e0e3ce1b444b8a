/** `POST /api/inference/orchestrated`: a configured orchestration by name, or one that comes with the request. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { toChatInput } from '../../composition/chat-request.ts';
import type { InlineOrchestration } from '../../contracts/library.ts';
import { POLICIES, type Policy } from '../../contracts/policy.ts';
import { TuttiError } from '../../errors/error.ts';
import { tuttiSettings } from '../openai/chat-request.ts';
import { mediaAccess, type Call } from '../route.ts';
import { validate } from '../validate.ts';
import { sendAnswer, stream, type WireAnswer } from './answers.ts';
import { answerFields, callOf, runInput, toRunRequest } from './run-request.ts';

const { capability, backend, priority, timeout, complexity, requires_speed, metadata } = tuttiSettings.shape;
const { available_tools, web_search_query, workflow, members, budget, timeouts } = tuttiSettings.shape;
const { context, verification, confidence, steps } = tuttiSettings.shape;

const { tools, ...answering } = answerFields;

/** Fields that belong to the call, whatever the strategy: none has such a key. */
export const callFields = {
  input: runInput,
  ...answering,
  ...{ backend, priority, timeout, complexity, requires_speed, metadata, available_tools, web_search_query, workflow },
  stream,
};
const sharedFields = { tools, context, verification, confidence, steps };
/** Names that strategies have, too: which values of them are the call's. */
const isCalls: Readonly<Record<keyof typeof sharedFields, (value: unknown) => boolean>> = {
  // An arbiter's own tools are names.
  tools: (value) => !Array.isArray(value) || value.some((tool) => typeof tool !== 'string'),
  context: (value) => typeof value === 'string',
  verification: (value) => typeof value === 'boolean',
  confidence: (value) => typeof value === 'boolean',
  steps: (value) => typeof value === 'boolean',
};
/** What a configured orchestration has of its own, and a call may change; given with a strategy it is the strategy's. */
const changedFields = { members, budget, timeouts };

const strategyField = z
  .string()
  .min(1)
  .describe(
    '`handoff`, `consensus` …, with the keys of its config beside it; or a policy that chooses one model: `performance`, `accuracy`, `cost`, `balanced`.',
  );

/** For the first look, and for `/openapi.json`: which keys there are depends on the strategy. */
export const orchestratedBody = z.looseObject({
  ...callFields,
  orchestration: z.string().min(1).optional().describe('The name of a configured orchestration, in place of `strategy`.'),
  strategy: strategyField.optional(),
  capability: capability.describe('With `strategy`: in place of `members`, the best models for it.'),
  num_models: z.int().min(1).optional().describe('How many models `capability` gives. Default 3.'),
});
type OrchestratedBody = z.output<typeof orchestratedBody>;

const call = z.strictObject({ ...callFields, ...sharedFields });
const configured = call.extend({ ...changedFields, orchestration: z.string().min(1) });
const chosen = call.extend({ ...changedFields, strategy: z.enum(POLICIES), capability });

/** Errors: `invalid_request` with the wrong key; those of the run. */
export async function inferOrchestrated(given: Call<OrchestratedBody>): Promise<WireAnswer | FastifyReply> {
  const { body, target } = readBody(given.body);
  const { stream: streamed, policy, orchestration, ...rest } = body;
  const request = await toRunRequest(given, rest);
  const execution = given.services.tutti.execute({
    ...callOf(request),
    operation: 'chat',
    input: await toChatInput(request, mediaAccess(given)),
    ...(policy !== undefined && { policy }),
    ...(orchestration !== undefined && { orchestration }),
    commit: streamed ? 'first-content' : 'finish',
  });
  return sendAnswer(given, execution, { streamed, steps: rest.steps, target });
}

type Read = z.output<typeof call> & {
  readonly model?: string;
  readonly capability?: string | undefined;
  readonly policy?: Policy;
  readonly orchestration?: InlineOrchestration;
};

/** The three forms of the body: a name, a policy, a strategy with its keys. */
function readBody(body: OrchestratedBody): { readonly body: Read; readonly target: string } {
  if (body.orchestration !== undefined) {
    if (body.strategy !== undefined) {
      throw new TuttiError('invalid_request', 'Give either `strategy` or `orchestration`, not both.', { param: 'orchestration' });
    }
    const { orchestration: model, ...rest } = validate(configured, body);
    return { body: { ...rest, model }, target: model };
  }
  if (body.strategy === undefined) {
    throw new TuttiError('invalid_request', 'Give `strategy`, or the name of an `orchestration`.', { param: 'strategy' });
  }
  if ((POLICIES as readonly string[]).includes(body.strategy)) {
    const { strategy: policy, ...rest } = validate(chosen, body);
    return { body: { ...rest, model: 'auto', policy }, target: 'auto' };
  }
  const [ours, own] = split(body);
  const orchestration: InlineOrchestration = { ...own, strategy: body.strategy };
  // For the record: what kind of work it was.
  const { capability: type } = body;
  return {
    body: { ...validate(call, ours), orchestration, ...(type !== undefined && { capability: type }) },
    target: `inline:${body.strategy}`,
  };
}

/** The fields of the call, and those of the strategy. */
function split(body: OrchestratedBody): [Record<string, unknown>, Record<string, unknown>] {
  const ours: Record<string, unknown> = {};
  const own: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(body)) {
    const isOurs =
      Object.hasOwn(callFields, key) || (Object.hasOwn(sharedFields, key) && isCalls[key as keyof typeof sharedFields](value));
    (isOurs ? ours : own)[key] = value;
  }
  return [ours, own];
}
