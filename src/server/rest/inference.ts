/** `/api/inference`: one question, many to one model, or one to many models; inputs may hold images, sounds and files. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ChatInput } from '../../contracts/chat.ts';
import type { ExecuteRequest, RunRequest } from '../../contracts/library.ts';
import { operationOf } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import { toChatInput } from '../../composition/chat-request.ts';
import type { MediaAccess } from '../../composition/media.ts';
import type { BatchResult } from '../../tutti.ts';
import { toWireErrorBody } from '../errors.ts';
import { mediaAccess, type Call } from '../route.ts';
import { sendAnswer, stream, toWireAnswer, wireAnswer, type WireAnswer } from './answers.ts';
import { callOf, requestFields, runInput, runRequest, toRunInput, toRunRequest } from './run-request.ts';

export const inferenceBody = runRequest.extend({ stream });
export const batchBody = z.strictObject({ ...requestFields, inputs: z.array(runInput).min(1).max(10_000) });
export const parallelBody = z.union([
  z.strictObject({ requests: z.array(runRequest).min(1).max(256) }),
  z.strictObject({
    ...requestFields,
    model: z.never().optional(),
    models: z.array(z.string().min(1)).min(1).max(256),
    input: runInput,
  }),
]);

const itemError = z.looseObject({ message: z.string(), code: z.string() });
export const wireResults = z.strictObject({
  results: z
    .array(z.union([wireAnswer.extend({ index: z.int() }), z.strictObject({ index: z.int(), error: itemError })]))
    .describe('In the order of the requests; each has `output` or `error`.'),
});
export type WireResults = z.infer<typeof wireResults>;

export async function infer(call: Call<z.output<typeof inferenceBody>>): Promise<WireAnswer | FastifyReply> {
  const { stream: streamed, ...body } = call.body;
  const request = await toRunRequest(call, body);
  const called = { ...callOf(request), ...(await operationOn(request, mediaAccess(call))) };
  if (streamed && called.operation !== 'chat') {
    throw new TuttiError('invalid_request', 'Only conversations are streamed.', { param: 'stream' });
  }
  const execution = call.services.tutti.execute({ ...called, commit: streamed ? 'first-content' : 'finish' });
  const target = body.model ?? body.capability ?? 'auto';
  return sendAnswer(call, execution, { streamed, steps: body.steps, target, extra: extraOf(called) });
}

/** Parameters that no conversation has. */
function extraOf({ operation, input }: Pick<ExecuteRequest, 'operation' | 'input'>): Record<string, unknown> | undefined {
  return operation === 'chat' ? (input as ChatInput).extra : undefined;
}

/** Texts for embedding are embedded, everything else is a conversation. */
async function operationOn(request: RunRequest, access: MediaAccess): Promise<Pick<ExecuteRequest, 'operation' | 'input'>> {
  if (operationOf(request.capability ?? request.model ?? '') === 'embed' && typeof request.input === 'string') {
    return { operation: 'embed', input: { input: request.input } };
  }
  return { operation: 'chat', input: await toChatInput(request, access) };
}

export async function inferBatch(call: Call<z.output<typeof batchBody>>): Promise<WireResults> {
  const { inputs, ...rest } = call.body;
  const { input: _, ...shared } = await toRunRequest(call, { ...rest, input: '' });
  const access = mediaAccess(call);
  const request = { ...shared, inputs: await Promise.all(inputs.map((each) => toRunInput(each, access))) };
  return toWireResults(await call.services.tutti.runBatch(request, access));
}

export async function inferParallel(call: Call<z.output<typeof parallelBody>>): Promise<WireResults> {
  const { body } = call;
  if ('requests' in body) {
    const requests = await Promise.all(body.requests.map((request) => toRunRequest(call, request)));
    return toWireResults(await call.services.tutti.runParallel({ requests }, mediaAccess(call)));
  }
  const { models, ...rest } = body;
  const { model: _, ...request } = await toRunRequest(call, rest);
  return toWireResults(await call.services.tutti.runParallel({ ...request, models }, mediaAccess(call)));
}

function toWireResults(results: readonly BatchResult[]): WireResults {
  return {
    results: results.map(({ index, answer, error }) =>
      answer === undefined ? { index, error: { ...toWireErrorBody(error).error } } : { index, ...toWireAnswer(answer) },
    ),
  };
}
