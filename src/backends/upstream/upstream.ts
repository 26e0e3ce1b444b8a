/**
 * One HTTP server that answers for models, seen from here: kept connections, a limit of calls at once, a limit of
 * silence, and every way in which it can fail as a `TuttiError`. Not a backend: backends of several protocols stand on it.
 */
import { Pool } from 'undici';
import type { Clock } from '../../contracts/clock.ts';
import { TuttiError } from '../../errors/error.ts';
import { IdleWatch } from './idle-watch.ts';
import { networkError } from './network-error.ts';
import { Slots } from './slots.ts';

export interface UpstreamOptions {
  /** How messages name it: the backend's id. */
  readonly name: string;
  /** With the path that all requests begin with (`https://api.openai.com/v1`), and a query that all end with (`?api-version=…`). */
  readonly baseUrl: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The longest silence, in milliseconds, from sending a request or between bytes. */
  readonly timeoutMs: number;
  /** Calls at once; null: no limit. Others wait their turn. */
  readonly maxConcurrency?: number | null;
  readonly clock: Clock;
}

export interface UpstreamRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Added to the base URL's path: `/chat/completions`. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly signal: AbortSignal;
  /** Who goes first when calls wait for their turn. Default 0. */
  readonly priority?: number;
  /** Instead of the upstream's: `Infinity` for answers that may take any time. */
  readonly timeoutMs?: number;
}

export interface UpstreamResponse extends Disposable {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The bytes as they come, once. A cut throws `stream_truncated`, silence `upstream_timeout`. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The whole body as text, cut after `limit` bytes. */
  text(limit?: number): Promise<string>;
  /**
   * What matters has been read: the body may end now, and is given so many milliseconds for it, so that the connection
   * can be used again. Nothing that happens to it from here on is an error. May be said again, with another time.
   */
  conclude(withinMs: number): void;
}

/** No TCP or TLS handshake takes longer on a network that works; waiting the whole `timeoutMs` would delay the fallback. */
const CONNECT_TIMEOUT_MS = 10_000;
const BODY_LIMIT = 256 * 2 ** 20;

export class Upstream implements AsyncDisposable {
  readonly name: string;
  readonly baseUrl: string;
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #query: string;
  readonly #options: UpstreamOptions;
  readonly #slots: Slots;
  #disposed: Promise<void> | null = null;

  constructor(options: UpstreamOptions) {
    const url = new URL(options.baseUrl);
    this.name = options.name;
    this.baseUrl = options.baseUrl;
    this.#options = options;
    this.#prefix = url.pathname.replace(/\/+$/, '');
    this.#query = url.search;
    this.#slots = new Slots(options.maxConcurrency ?? null);
    // Silence is watched here, by Tutti's clock, so undici's own timers are off.
    this.#pool = new Pool(url.origin, {
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: Math.min(options.timeoutMs, CONNECT_TIMEOUT_MS) },
    });
  }

  /**
   * Sends a request and waits for the head of the answer, whatever its status. Dispose of the answer: that aborts what
   * is still under way, and the server sees its connection close.
   */
  async request(request: UpstreamRequest): Promise<UpstreamResponse> {
    if (this.#disposed) throw new TuttiError('closed', `The backend ${this.name} is closed.`);
    const { signal } = request;
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    const timeoutMs = request.timeoutMs ?? this.#options.timeoutMs;
    using stack = new DisposableStack();
    stack.use(await this.#slots.take(request.priority ?? 0, signal));

    const controller = new AbortController();
    const state = { failure: null as TuttiError | null, concluded: false };
    const abort = (reason: TuttiError): void => {
      state.failure ??= reason;
      controller.abort(reason);
    };
    const onAbort = (): void => abort(TuttiError.from(signal.reason, 'cancelled'));
    signal.addEventListener('abort', onAbort, { once: true });
    stack.defer(() => signal.removeEventListener('abort', onAbort));
    const watch = Number.isFinite(timeoutMs)
      ? stack.use(new IdleWatch(this.#options.clock, timeoutMs, () => abort(this.#silent(timeoutMs))))
      : null;

    try {
      const { statusCode, headers, body } = await this.#pool.request({
        method: request.method,
        path: this.#prefix + request.path + this.#query,
        headers: {
          ...this.#options.headers,
          ...(request.body !== undefined && { 'content-type': 'application/json' }),
        },
        body: request.body === undefined ? null : JSON.stringify(request.body),
        signal: controller.signal,
      });
      watch?.heard();
      body.on('error', () => {}); // an abort after the last read is not an event that anybody must handle
      stack.defer(() => void body.destroy());
      const closing = { timer: null as Disposable | null };
      stack.defer(() => closing.timer?.[Symbol.dispose]());
      const held = stack.move();
      const bytes = this.#read(body, { watch, state });
      return {
        status: statusCode,
        headers,
        body: bytes,
        text: (limit = BODY_LIMIT) => readText(bytes, limit),
        conclude: (withinMs) => {
          if (held.disposed) return;
          state.concluded = true;
          closing.timer?.[Symbol.dispose]();
          closing.timer = this.#options.clock.after(withinMs, () => controller.abort());
        },
        [Symbol.dispose]: () => held.dispose(),
      };
    } catch (error) {
      throw state.failure ?? networkError(error, { name: this.name, url: this.baseUrl, phase: 'request' });
    }
  }

  async *#read(
    body: AsyncIterable<Uint8Array>,
    { watch, state }: { watch: IdleWatch | null; state: { readonly failure: TuttiError | null; readonly concluded: boolean } },
  ): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of body) {
        watch?.pause();
        yield chunk;
        watch?.heard();
      }
    } catch (error) {
      if (state.concluded) return;
      throw state.failure ?? networkError(error, { name: this.name, url: this.baseUrl, phase: 'body' });
    }
    // A body that was aborted may also just end.
    if (state.failure && !state.concluded) throw state.failure;
  }

  #silent(timeoutMs: number): TuttiError {
    return new TuttiError('upstream_timeout', `${this.name} sent nothing for ${timeoutMs / 1000} s (${this.baseUrl}).`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#pool.destroy(new TuttiError('closed', `The backend ${this.name} was closed.`));
    return this.#disposed;
  }
}

async function readText(bytes: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.byteLength;
    text += decoder.decode(chunk, { stream: true });
    if (size >= limit) return text.slice(0, limit);
  }
  return text + decoder.decode();
}
