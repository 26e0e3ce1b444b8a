import type { BackendContext } from '../../contracts/backend.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import type { CallOptions } from '../../contracts/model.ts';
import type { EmbedInput } from '../../contracts/operations.ts';
import type { Part } from '../../contracts/part.ts';
import { TuttiError } from '../../errors/error.ts';
import { deferred } from '../../lib/deferred.ts';
import type { LogBook } from '../../lib/log-book.ts';
import { OpenAiClient } from '../openai-protocol/client.ts';
import { PRESETS } from '../openai-protocol/presets.ts';
import type { Quirks } from '../openai-protocol/quirks.ts';
import { Upstream } from '../upstream/upstream.ts';
import { freePort } from './free-port.ts';
import { groupMemory } from './process-group.ts';
import type { ProcessConfig } from './schema.ts';
import { ServerProcess } from './server-process.ts';

/** A broken connection is often heard of before the death of the process that held it; for so long that is waited for. */
const EXIT_MS = 500;
const HEALTH_TIMEOUT_MS = 5000;

interface Parts {
  readonly process: ServerProcess;
  readonly upstream: Upstream;
  readonly client: OpenAiClient;
}

/** A run of the program together with the connections to it. */
export class RunningServer {
  /** Open models, and opens under way. The backend counts. */
  users = 0;
  /** Settles when it has ended: null when that was asked for. */
  readonly ended: Promise<TuttiError | null>;
  readonly #ended = deferred<TuttiError | null>();
  readonly #config: ProcessConfig;
  readonly #context: BackendContext;
  readonly #ready: Promise<Parts>;
  readonly #abandoned = new AbortController();
  #parts: Parts | null = null;
  #over = false;

  /** Starts at once, when `after` has settled. */
  constructor(config: ProcessConfig, { context, log, after }: { context: BackendContext; log: LogBook; after: Promise<void> }) {
    this.#config = config;
    this.#context = context;
    this.ended = this.#ended.promise;
    this.#ready = after.then(() => this.#start(log));
    this.#ready.catch((error: unknown) => this.#end(TuttiError.from(error, 'load_failed')));
  }

  /** It has ended or is ending: a new call needs a new run. */
  get over(): boolean {
    return this.#over;
  }

  get pid(): number | undefined {
    return this.#parts?.process.pid;
  }

  async #start(log: LogBook): Promise<Parts> {
    const { host, command, env = {}, health } = this.#config;
    const port = await freePort(host, this.#config.port);
    if (this.#abandoned.signal.aborted) throw new TuttiError('cancelled', `The start of ${this.#context.id} was cancelled.`);
    const withPort = (text: string): string => text.replaceAll('${PORT}', String(port));
    const { clock } = this.#context;
    const origin = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    const upstream = new Upstream({
      name: this.#context.id,
      baseUrl: origin + this.#config.base_path,
      headers: { ...(this.#config.api_key && { authorization: `Bearer ${this.#config.api_key}` }), ...this.#config.headers },
      timeoutMs: this.#config.timeout_seconds * 1000,
      maxConcurrency: this.#config.max_concurrency ?? null,
      clock,
    });
    const probe = new Upstream({ name: this.#context.id, baseUrl: origin, timeoutMs: HEALTH_TIMEOUT_MS, clock });
    const process = new ServerProcess({
      name: this.#context.id,
      command: command.map(withPort),
      cwd: this.#config.cwd,
      env: { ...Object.fromEntries(Object.entries(env).map(([key, value]) => [key, withPort(value)])), PORT: String(port) },
      log,
      clock,
      startTimeoutMs: this.#config.start_timeout_seconds * 1000,
      stopSignal: this.#config.stop_signal,
      graceMs: this.#config.stop_grace_seconds * 1000,
      isReady: async (signal) => {
        using response = await probe.request({ method: 'GET', path: health, signal });
        return response.status >= 200 && response.status < 300;
      },
    });
    const quirks: Quirks = this.#config.dialect ? PRESETS[this.#config.dialect].quirks : { reasoningField: 'reasoning_content' };
    const client = new OpenAiClient({
      upstream,
      quirks: { ...quirks, nativeChoices: false },
      clock,
      secret: this.#config.api_key,
    });
    this.#parts = { process, upstream, client };
    try {
      await process.ready(this.#abandoned.signal);
    } catch (error) {
      await upstream[Symbol.asyncDispose]();
      throw error;
    } finally {
      await probe[Symbol.asyncDispose]();
    }
    void process.ended.then((reason) => this.#end(reason));
    return this.#parts;
  }

  #end(reason: TuttiError | null): void {
    this.#over = true;
    this.#ended.resolve(reason);
    void this.#parts?.upstream[Symbol.asyncDispose]();
  }

  /** Settles once it is ready, for whoever waits; leaving with the signal does not stop it, the backend does that. */
  async ready(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    const left = deferred<never>();
    const leave = (): void => left.reject(TuttiError.from(signal.reason, 'cancelled'));
    signal.addEventListener('abort', leave, { once: true });
    try {
      await Promise.race([this.#ready, left.promise]);
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  /** Settles when nothing of it is left. */
  async stop(): Promise<void> {
    this.#over = true;
    this.#abandoned.abort();
    const parts = await this.#ready.catch(() => null); // it did not come up: then there is nothing to stop
    await parts?.process.stop();
    await parts?.upstream[Symbol.asyncDispose]();
    this.#ended.resolve(null);
  }

  chat(name: string, input: ChatInput, options: CallOptions): AsyncGenerator<Part> {
    return this.#watched((client) => client.chat(name, input, options));
  }

  embed(name: string, input: EmbedInput, options: CallOptions): AsyncGenerator<Part> {
    return this.#watched((client) => client.embed(name, input, options));
  }

  /** A call that fails because the program died says that, and not that a connection broke. */
  async *#watched(call: (client: OpenAiClient) => AsyncGenerator<Part>): AsyncGenerator<Part> {
    const { client, process } = await this.#ready;
    try {
      yield* call(client);
    } catch (error) {
      const broken = TuttiError.isInstance(error) && ['stream_truncated', 'upstream_unreachable', 'closed'].includes(error.code);
      if (!broken) throw error;
      const time = deferred<null>();
      using _timer = this.#context.clock.after(EXIT_MS, () => time.resolve(null));
      throw (await Promise.race([process.ended, time.promise])) ?? error;
    }
  }

  async memory(): Promise<number | null> {
    const pid = this.pid;
    return pid === undefined ? null : groupMemory(pid);
  }
}
