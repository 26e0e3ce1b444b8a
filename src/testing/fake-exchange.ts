/** One request to the fake upstream, as its two protocols see it. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { deferred } from '../lib/deferred.ts';
import type { JsonObject } from '../lib/json-value.ts';
import type { FakeAnswer } from './fake-answer.ts';

/** One model of the fake server. Without `answer` it repeats the last message. */
export interface UpstreamModel {
  /** An answer, a list (one a call; the last repeats), or a function of the request's body. */
  readonly answer?: string | FakeAnswer | readonly FakeAnswer[] | ((body: JsonObject) => FakeAnswer | string);
  /** The vector of a text. A model that has it embeds and does not chat. */
  readonly embed?: (text: string) => readonly number[];
  /** Ollama's words: `completion`, `tools`, `vision`, `thinking`, `embedding`. Default: `completion`, or `embedding`. */
  readonly capabilities?: readonly string[];
  readonly contextWindow?: number;
  /** Bytes, on disk and in GPU memory. Default 1 GiB. */
  readonly size?: number;
  /** Added to what `/v1/models` says of it. */
  readonly listed?: Readonly<Record<string, unknown>>;
}

/** A request that the fake upstream got. */
export interface UpstreamRequestRecord {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The body as JSON; undefined when it has none or is none. */
  readonly body: JsonObject | undefined;
  /** Settles when the exchange is over: with `aborted` when the client left before the answer was complete. */
  readonly ended: Promise<'completed' | 'aborted'>;
}

/** What the protocol handlers are given. */
export interface Exchange {
  readonly request: UpstreamRequestRecord;
  readonly path: string;
  readonly body: JsonObject;
  readonly response: ServerResponse;
  readonly models: Map<string, UpstreamModel>;
  /** Ollama's loaded models, with the time of their loading. */
  readonly resident: Map<string, { readonly loadedAt: number }>;
  /** The answer that the script has for this call. */
  answerOf(model: UpstreamModel, name: string): FakeAnswer;
}

/** The answer as JSON. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Waits for a gate and for so many real milliseconds, or throws when the client has left. */
export async function passGate(response: ServerResponse, gate: PromiseLike<unknown> | undefined, ms = 0): Promise<void> {
  if (gate === undefined && ms === 0) return;
  const left = deferred<never>();
  const onClose = (): void => left.reject(new Error('the client left'));
  response.once('close', onClose);
  const time = deferred();
  const timer = setTimeout(time.resolve, ms);
  try {
    await Promise.race([Promise.all([gate, time.promise]), left.promise]);
  } finally {
    clearTimeout(timer);
    response.off('close', onClose);
  }
}

/** Sends what was written and closes the connection in the middle of the answer. */
export async function cutOff(response: ServerResponse): Promise<void> {
  await new Promise(setImmediate); // Node holds back what is written in one go, and would drop it
  response.socket?.destroySoon();
}
