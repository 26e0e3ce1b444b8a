/** A response whose body is written while it is made: server-sent events, or lines of JSON. */
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import type { Clock } from '../contracts/clock.ts';
import { formatSseComment } from '../lib/sse.ts';

export interface ResponseStreamOptions {
  readonly contentType: 'text/event-stream' | 'application/x-ndjson' | 'text/plain; charset=utf-8';
  readonly clock: Clock;
  /** An event stream that is silent for so many milliseconds gets a comment. 0: never (other formats have no comments). */
  readonly keepAliveMs: number;
}

/**
 * Who writes what is there already (a history of events) never lets the event loop turn: beyond so many characters it must,
 * or all of it would be gathered in memory first.
 */
const MOST_PENDING = 64 * 1024;

/**
 * Writing is cheap: what is written in one turn of the event loop goes out as one chunk, so that many small deltas cost
 * one system call. The status and headers go out with the first text (`isOpen`); until then an error can still
 * become a proper answer. It ends by `end`, which says "complete", or by `cut`, which no client can mistake for that.
 */
export class ResponseStream {
  readonly #reply: FastifyReply;
  readonly #raw: ServerResponse;
  readonly #options: ResponseStreamOptions;
  #pending = '';
  #flushing = false;
  #congested = false;
  #lastWrite: number;
  #timer: Disposable | null = null;

  constructor(reply: FastifyReply, options: ResponseStreamOptions) {
    this.#reply = reply;
    this.#raw = reply.raw;
    this.#options = options;
    this.#lastWrite = options.clock.monotonic();
    this.#raw.once('close', () => this.#stopTimer());
    // Also while nobody waits for it: else the next writer would wait for ever.
    this.#raw.on('drain', () => (this.#congested = false));
    this.#arm(options.keepAliveMs);
  }

  /** Whether the status has been sent. */
  get isOpen(): boolean {
    return this.#raw.headersSent;
  }

  /** Whether it is written faster than the client reads, or than it goes out. Wait for `drained()` then, rather than fill the memory. */
  get isCongested(): boolean {
    return this.#congested || this.#pending.length > MOST_PENDING;
  }

  write(text: string): void {
    this.#pending += text;
    if (this.#flushing) return;
    this.#flushing = true;
    setImmediate(this.#flush);
  }

  comment(text: string): void {
    this.write(formatSseComment(text));
  }

  /** Settles when the client has caught up or has gone. */
  async drained(): Promise<void> {
    while (this.isCongested && !this.#raw.destroyed) {
      if (this.#flushing) await new Promise(setImmediate);
      else await this.#drain();
    }
  }

  #drain(): Promise<void> {
    return new Promise<void>((resolve) => {
      const done = (): void => {
        this.#raw.off('drain', done).off('close', done);
        resolve();
      };
      this.#raw.on('drain', done).on('close', done);
    });
  }

  /** The answer is complete. */
  end(text = ''): void {
    this.#pending += text;
    this.#flush();
    this.#stopTimer();
    this.open();
    this.#raw.end();
  }

  /** Nothing will be written: the answer is somebody else's. */
  abandon(): void {
    this.#pending = '';
    this.#stopTimer();
  }

  /**
   * The answer is not complete, and `text` says so in the stream's own protocol. The body ends after it: where a connection is
   * cut, many clients throw away what they have not read yet, and the error with it.
   */
  fail(text: string): void {
    this.#stopTimer();
    if (this.#raw.destroyed) return;
    this.open();
    const last = this.#pending + text;
    this.#pending = '';
    this.#raw.end(last);
  }

  /**
   * The answer is not complete, and only the connection can tell: after `text` it ends without the mark that closes a chunked
   * body. A request injected in this process has no connection to cut.
   */
  cut(text = ''): void {
    const { socket } = this.#raw;
    if (!(socket instanceof Socket)) return this.fail(text);
    this.#stopTimer();
    if (this.#raw.destroyed) return;
    this.open();
    const last = this.#pending + text;
    this.#pending = '';
    if (last === '') socket.destroySoon();
    else this.#raw.write(last, () => socket.destroySoon());
  }

  /** Sends the status and the headers now, where the first text may be long in coming. */
  open(): void {
    if (this.#raw.headersSent || this.#raw.destroyed) return;
    this.#reply.hijack();
    const headers = this.#reply.getHeaders() as OutgoingHttpHeaders;
    this.#raw.writeHead(this.#reply.statusCode, {
      ...headers,
      'content-type': this.#options.contentType,
      'cache-control': 'no-cache, no-transform',
      // nginx would else keep events back until its buffer is full.
      'x-accel-buffering': 'no',
    });
  }

  readonly #flush = (): void => {
    this.#flushing = false;
    const text = this.#pending;
    this.#pending = '';
    if (text === '' || this.#raw.destroyed || this.#raw.writableEnded) return;
    this.open();
    this.#lastWrite = this.#options.clock.monotonic();
    if (!this.#raw.write(text)) this.#congested = true;
  };

  // One timer for the whole stream: it asks how long the silence is, rather than being set anew for each delta.
  #arm(ms: number): void {
    if (ms <= 0) return;
    this.#timer = this.#options.clock.after(ms, () => {
      const silent = this.#options.clock.monotonic() - this.#lastWrite;
      if (silent < this.#options.keepAliveMs) {
        this.#arm(this.#options.keepAliveMs - silent);
        return;
      }
      this.comment('keep-alive');
      this.#arm(this.#options.keepAliveMs);
    });
  }

  #stopTimer(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
  }
}
