/**
 * Commands act through the HTTP interface, whether the server runs elsewhere or was made in this process: there is one
 * implementation of each command, and what the command line can do, any client can.
 */
import { TuttiError } from '../errors/error.ts';
import { ERROR_CODES, type Code } from '../errors/codes.ts';
import { parseSse, type SseEvent } from '../lib/sse.ts';
import { readLines } from '../lib/json-lines.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE' | 'PUT';

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Carries one request; the two implementations are a socket and an in-process server. */
export interface Transport extends AsyncDisposable {
  /** For messages: `http://127.0.0.1:8000`, or `this process`. */
  readonly name: string;
  /** Whether a run that waits for a reply outlives the command. */
  readonly lasting: boolean;
  send(method: Method, path: string, body: unknown, signal: AbortSignal | undefined): Promise<RawResponse>;
}

export class Api implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #signal: AbortSignal | undefined;

  /** `signal` stops every call that has none of its own. */
  constructor(transport: Transport, signal?: AbortSignal) {
    this.#transport = transport;
    this.#signal = signal;
  }

  /** For messages: `http://127.0.0.1:8000`, or `this process`. */
  get name(): string {
    return this.#transport.name;
  }

  /** Whether a run that waits for a reply outlives the command. */
  get lasting(): boolean {
    return this.#transport.lasting;
  }

  /** The answer's JSON. Errors: the server's own, with their code and message. */
  async call<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    const { response } = await this.open(method, path, body, signal);
    const text = await readAll(response.body);
    try {
      return (text === '' ? null : JSON.parse(text)) as T;
    } catch (cause) {
      const message = `What answers at ${this.name} is no Tutti server; it says: ${text.slice(0, 100)}`;
      throw new TuttiError('upstream_invalid', message, { cause });
    }
  }

  /** The answer's events, from a stream of server-sent events. An error event throws. */
  async *events(method: Method, path: string, body?: unknown, signal?: AbortSignal): AsyncGenerator<SseEvent> {
    const { response } = await this.open(method, path, body, signal);
    yield* readEvents(response);
  }

  /** The answer's lines, from a stream of NDJSON or text. */
  async *lines(method: Method, path: string, body?: unknown, signal?: AbortSignal): AsyncGenerator<string> {
    const { response } = await this.open(method, path, body, signal);
    yield* readLines(response.body);
  }

  async open(
    method: Method,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<{ response: RawResponse; runId: string | null }> {
    const response = await this.#transport.send(method, path, body, signal ?? this.#signal);
    const header = response.headers['x-tutti-run-id'];
    const runId = typeof header === 'string' ? header : null;
    if (response.status >= 400) throw errorFrom(response.status, await readAll(response.body), runId);
    return { response, runId };
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#transport[Symbol.asyncDispose]();
  }
}

/** Server-sent events of an answer. An error event throws the error that it carries. */
export async function* readEvents(response: RawResponse): AsyncGenerator<SseEvent> {
  for await (const event of parseSse(response.body)) {
    if (event.data.startsWith('{"error"')) throw errorFrom(502, event.data);
    yield event;
  }
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function errorFrom(status: number, text: string, runId: string | null = null): TuttiError {
  let error:
    | { message?: unknown; code?: unknown; param?: unknown; details?: Record<string, unknown>; tutti?: unknown }
    | undefined;
  try {
    error = (JSON.parse(text) as { error?: typeof error }).error;
  } catch {
    error = undefined; // Not our server, or a proxy before it: its text is quoted below.
  }
  const code =
    typeof error?.code === 'string' && Object.hasOwn(ERROR_CODES, error.code) ? (error.code as Code) : 'upstream_error';
  const message = typeof error?.message === 'string' ? error.message : `The server answered ${status}: ${text.slice(0, 200)}`;
  return new TuttiError(code, message, {
    ...(typeof error?.param === 'string' && { param: error.param }),
    details: {
      ...error?.details,
      ...(error?.tutti !== undefined && { tutti: error.tutti }),
      ...(runId !== null && { run_id: runId }),
    },
  });
}

/** A model id as a path: slashes and colons stay readable, the rest is encoded. */
export function modelPath(id: string): string {
  return `/api/models/${id.split('/').map(encodeURIComponent).join('/').replaceAll('%3A', ':')}`;
}
