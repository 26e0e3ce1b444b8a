/**
 * A model server to test against: real HTTP on loopback, OpenAI's protocol under `/v1` and Ollama's under `/api`. It says
 * what it is told, also everything that a server should not do.
 *
 * @example
 * await using upstream = await createFakeUpstream({ models: { tiny: { answer: 'hello' } } });
 * upstream.next({ status: 429, retryAfter: 3, body: { error: { message: 'slow down' } } });
 * const backend = … base_url: `${upstream.url}/v1` …
 * expect(upstream.requests.at(-1)?.body).toMatchObject({ model: 'tiny' });
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ChatInput } from '../contracts/chat.ts';
import { deferred, type Deferred } from '../lib/deferred.ts';
import { asString, asObject, parseJson, type JsonObject } from '../lib/json-value.ts';
import { textOfContent, type FakeAnswer } from './fake-answer.ts';
import type { Exchange, UpstreamModel, UpstreamRequestRecord } from './fake-exchange.ts';
import { handleOllama } from './fake-upstream-ollama.ts';
import { handleOpenAi } from './fake-upstream-openai.ts';

/** What the server does instead of answering. */
export type UpstreamBehaviour =
  /** Says this, whatever the model. */
  | { readonly answer: FakeAnswer }
  /** Sends these bytes as they are, in pieces of `cut` bytes, or cut at the positions given. */
  | {
      readonly replay: string | Uint8Array;
      readonly status?: number;
      readonly contentType?: string;
      readonly cut?: number | readonly number[];
      /** What follows: the end of the body (default), a reset of the connection, or silence. */
      readonly afterwards?: 'end' | 'reset' | 'silence';
    }
  /** An error status. */
  | {
      readonly status: number;
      readonly body?: unknown;
      readonly retryAfter?: number | string;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** Resets the connection. */
  | { readonly refuse: true }
  /** Takes the request and never answers: before the head of the answer, or after it. */
  | { readonly stall: 'before head' | 'after head' };

interface Planned {
  readonly behaviour: UpstreamBehaviour;
  readonly path: string | null;
}

/** A real HTTP server on loopback that speaks OpenAI's and Ollama's protocols and does what it is told. */
export class FakeUpstream implements AsyncDisposable {
  /** `http://127.0.0.1:<port>`; add `/v1` for OpenAI's protocol. */
  readonly url: string;
  /** All requests so far, in the order of their arrival. */
  readonly requests: UpstreamRequestRecord[] = [];
  readonly models: Map<string, UpstreamModel>;
  /** The names of the models that Ollama's side holds in memory. */
  readonly resident = new Map<string, { loadedAt: number }>();
  readonly #server: Server;
  readonly #planned: Planned[] = [];
  readonly #calls = new Map<string, number>();
  #waiters: { path: string; waiter: Deferred<UpstreamRequestRecord> }[] = [];
  #stopped: Promise<void> | null = null;
  #connections = 0;

  /** Use `createFakeUpstream`. */
  constructor(server: Server, models: Readonly<Record<string, UpstreamModel>>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.models = new Map(Object.entries(models));
    server.on('connection', () => this.#connections++);
    server.on('request', (incoming: IncomingMessage, response: ServerResponse) => void this.#handle(incoming, response));
  }

  /** How many connections were opened so far. */
  get connections(): number {
    return this.#connections;
  }

  /** What it does with the next requests, one each: POSTs, or those whose path begins with `path`. */
  next(behaviours: UpstreamBehaviour | readonly UpstreamBehaviour[], { path = null }: { path?: string | null } = {}): void {
    for (const behaviour of [behaviours].flat()) this.#planned.push({ behaviour, path });
  }

  /** The next request to come whose path begins with `path`. */
  nextRequest(path = '/'): Promise<UpstreamRequestRecord> {
    const waiter = deferred<UpstreamRequestRecord>();
    this.#waiters.push({ path, waiter });
    return waiter.promise;
  }

  /** From now on nothing listens at its address. */
  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = incoming.url ?? '/';
    const ended = deferred<'completed' | 'aborted'>();
    response.on('close', () => ended.resolve(response.writableFinished ? 'completed' : 'aborted'));
    const text = await readBody(incoming);
    const body = asObject(parseJson(text)) ?? undefined;
    const request: UpstreamRequestRecord = {
      method: incoming.method ?? 'GET',
      path,
      headers: incoming.headers,
      body,
      ended: ended.promise,
    };
    this.requests.push(request);
    for (const { waiter } of this.#waiters.filter((entry) => path.startsWith(entry.path))) waiter.resolve(request);
    this.#waiters = this.#waiters.filter((entry) => !path.startsWith(entry.path));

    const behaviour = this.#takePlanned(request);
    if (behaviour && !('answer' in behaviour)) return misbehave(behaviour, response);
    const exchange: Exchange = {
      request,
      path: path.split('?')[0] ?? path,
      body: body ?? {},
      response,
      models: this.models,
      resident: this.resident,
      answerOf: (model, name) => behaviour?.answer ?? this.#scripted(model, name, body ?? {}),
    };
    try {
      await (exchange.path.startsWith('/api/') ? handleOllama(exchange) : handleOpenAi(exchange));
    } catch (error) {
      if (!response.destroyed) response.destroy(error instanceof Error ? error : undefined);
    }
  }

  #takePlanned({ method, path }: UpstreamRequestRecord): UpstreamBehaviour | undefined {
    const at = this.#planned.findIndex((plan) => (plan.path === null ? method === 'POST' : path.startsWith(plan.path)));
    return at < 0 ? undefined : this.#planned.splice(at, 1)[0]?.behaviour;
  }

  #scripted({ answer }: UpstreamModel, name: string, body: JsonObject): FakeAnswer {
    const index = this.#calls.get(name) ?? 0;
    this.#calls.set(name, index + 1);
    const given = typeof answer === 'function' ? answer(body) : answer;
    if (given === undefined) return { text: lastMessage(body) };
    if (typeof given === 'string') return { text: given };
    return isList(given) ? (given[Math.min(index, given.length - 1)] ?? {}) : given;
  }
}

const isList = (value: FakeAnswer | readonly FakeAnswer[]): value is readonly FakeAnswer[] => Array.isArray(value);

function lastMessage(body: JsonObject): string {
  const messages = body['messages'];
  if (!Array.isArray(messages)) return asString(body['prompt']) ?? '';
  return textOfContent((messages.at(-1) as ChatInput['messages'][number] | undefined)?.content);
}

/** Starts one. Port 0 (any free one) unless given. Without models it has one, `tiny`. */
export async function createFakeUpstream(
  options: { readonly models?: Readonly<Record<string, UpstreamModel>>; readonly port?: number } = {},
): Promise<FakeUpstream> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return new FakeUpstream(server, options.models ?? { tiny: {} });
}

async function misbehave(behaviour: Exclude<UpstreamBehaviour, { answer: FakeAnswer }>, response: ServerResponse): Promise<void> {
  if ('refuse' in behaviour) {
    response.socket?.resetAndDestroy();
    return;
  }
  if ('stall' in behaviour) {
    if (behaviour.stall === 'after head') response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    return; // until the client leaves or the server stops
  }
  if ('replay' in behaviour) {
    response.writeHead(behaviour.status ?? 200, { 'content-type': behaviour.contentType ?? 'text/event-stream' });
    for (const piece of cutBytes(Buffer.from(behaviour.replay), behaviour.cut)) {
      response.write(piece);
      await new Promise(setImmediate); // lets the pieces go out apart
    }
    if (behaviour.afterwards === 'reset') response.socket?.resetAndDestroy();
    else if (behaviour.afterwards !== 'silence') response.end();
    return;
  }
  const body =
    typeof behaviour.body === 'string' ? behaviour.body : JSON.stringify(behaviour.body ?? { error: { message: 'it failed' } });
  response.writeHead(behaviour.status, {
    'content-type': body.startsWith('<') ? 'text/html' : 'application/json',
    ...(behaviour.retryAfter !== undefined && { 'retry-after': String(behaviour.retryAfter) }),
    ...behaviour.headers,
  });
  response.end(body);
}

/** Pieces of so many bytes, or between the positions given. */
export function cutBytes(bytes: Uint8Array, cut: number | readonly number[] | undefined): Uint8Array[] {
  if (cut === undefined) return [bytes];
  const positions = typeof cut === 'number' ? Array.from({ length: Math.ceil(bytes.length / cut) }, (_, i) => i * cut) : cut;
  const edges = [...new Set([0, ...positions.map((at) => Math.min(Math.max(0, at), bytes.length)), bytes.length])].sort(
    (a, b) => a - b,
  );
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end));
}

async function readBody(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
