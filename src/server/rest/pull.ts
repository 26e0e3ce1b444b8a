/** Streams of text: the download of a model, and the lines of its runner. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { toErrorBody, type ErrorBody } from '../../errors/error.ts';
import { flag } from '../query.ts';
import { failStream, openStream, type Call } from '../route.ts';

export const pullBody = z.strictObject({ model: z.string().min(1).describe('`hf:org/repo:Q4_K_M`, or `ollama01:qwen3`.') });

/** One step of a download, as an event or a line. */
export interface WirePull {
  readonly item: string;
  /** `success` at the end. */
  readonly status: string;
  readonly done_bytes: number | null;
  readonly total_bytes: number | null;
}

/** `POST /api/models/pull`, with the model in the body. */
export function pullNamed(call: Call<z.output<typeof pullBody>>): Promise<FastifyReply> {
  return pull(call, call.body.model);
}

/** `POST /api/models/{model}/pull`. */
export function pullModel(call: Call): Promise<FastifyReply> {
  return pull(call, call.params.model ?? '');
}

/**
 * One event a step: `{item, status, done_bytes, total_bytes}`; at the end `{status: "success"}` and `[DONE]`. With
 * `Accept: application/x-ndjson` the same as lines of JSON. Leaving stops the download; asking again goes on with it.
 */
async function pull(call: Call<unknown, unknown>, model: string): Promise<FastifyReply> {
  const asLines = call.request.headers.accept?.includes('application/x-ndjson') ?? false;
  const stream = openStream(call, asLines ? 'application/x-ndjson' : 'text/event-stream');
  const line = (value: WirePull | ErrorBody): string =>
    asLines ? `${JSON.stringify(value)}\n` : `data: ${JSON.stringify(value)}\n\n`;
  try {
    for await (const step of call.services.tutti.pull(model, { signal: call.signal })) {
      stream.write(line({ item: step.item, status: step.status, done_bytes: step.doneBytes, total_bytes: step.totalBytes }));
      if (stream.isCongested) await stream.drained();
    }
    stream.end(
      line({ item: model, status: 'success', done_bytes: null, total_bytes: null }) + (asLines ? '' : 'data: [DONE]\n\n'),
    );
  } catch (thrown) {
    failStream(call, stream, thrown, { tell: (error) => line(toErrorBody(error)) });
  }
  return call.reply;
}

export const logsQuery = z.strictObject({ follow: flag.describe('Go on with what the runner writes from now on.') });

/** The last lines that the model's runner wrote, as plain text. */
export async function modelLogs(call: Call<unknown, z.output<typeof logsQuery>>): Promise<FastifyReply> {
  const signal = AbortSignal.any([call.signal, call.services.stopping]);
  const stream = openStream(call, 'text/plain; charset=utf-8');
  try {
    const lines = call.services.tutti.logs(call.params.model ?? '', { follow: call.query.follow, signal });
    stream.open();
    for await (const text of lines) {
      stream.write(`${text}\n`);
      if (stream.isCongested) await stream.drained();
    }
    stream.end();
  } catch (thrown) {
    if (call.services.stopping.aborted) stream.end();
    else failStream(call, stream, thrown, { tell: () => '', cut: true });
  }
  return call.reply;
}
