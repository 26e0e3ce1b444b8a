/** The real server program with real runners, over models made on the spot, in a folder of its own. */
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Channel } from '../../src/lib/channel.ts';
import { parseSse } from '../../src/lib/sse.ts';
import { makeGguf, type GgufOptions } from '../../src/testing/gguf-writer.ts';
import { Events } from './events.ts';
import { Program, type ProgramOptions } from './program.ts';

export interface ServedOptions extends Omit<ProgramOptions, 'folder'> {
  /** GGUF files of the backend `gguf`, by name. */
  readonly models?: Readonly<Record<string, GgufOptions>>;
  /** More keys of the backend `gguf`. */
  readonly gguf?: Readonly<Record<string, unknown>>;
  /** More of the config. */
  readonly config?: Config;
  /** Called with the folder before the program starts. */
  readonly prepare?: (folder: string) => Promise<void>;
}

type Init = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> };
type Section = Readonly<Record<string, unknown>>;
export interface Config {
  readonly server?: Section;
  readonly backends?: Section;
  readonly [key: string]: unknown;
}

/** One whose answer is short and known. */
export const PARROT: GgufOptions = { script: ['Hello', ' there', '!'] };
/** One that answers until its window is full, which takes some seconds. */
export const ENDLESS: GgufOptions = { script: ['tick', ' tock'], loop: true, contextLength: 16_384 };

export class Served implements AsyncDisposable {
  readonly program: Program;
  readonly url: string;
  readonly folder: string;
  readonly #owned: AsyncDisposableStack;

  constructor(program: Program, url: string, folder: string, owned: AsyncDisposableStack) {
    this.program = program;
    this.url = url;
    this.folder = folder;
    this.#owned = owned;
  }

  fetch(path: string, body?: unknown, init: Init = {}): Promise<Response> {
    return fetch(this.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      ...(body !== undefined && { body: isRaw(body) ? body : JSON.stringify(body) }),
      ...init,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...init.headers },
    });
  }

  /** Status and JSON of an answer. */
  async json(path: string, body?: unknown, init?: Init): Promise<{ status: number; json: Json }> {
    const response = await this.fetch(path, body, init);
    return { status: response.status, json: (await response.json()) as Json };
  }

  chat(model: string, fields: object = {}): ReturnType<Served['json']> {
    return this.json(CHAT, chat(model, fields));
  }

  /** A streamed chat, read as it comes. */
  async stream(model: string, fields: object = {}, init: Init = {}): Promise<ChatStream> {
    return new ChatStream(await this.fetch(CHAT, chat(model, { ...fields, stream: true }), init));
  }

  /** What happens from now on. */
  events(): Promise<Events> {
    return Events.open(this.url);
  }

  async pool(): Promise<readonly PoolModel[]> {
    const { json } = await this.json('/api/pool');
    return json['models'] as PoolModel[];
  }

  async runnerOf(model: string): Promise<number> {
    const found = (await this.pool()).find(({ id }) => id === model);
    if (typeof found?.pid !== 'number') throw new Error(`${model} has no runner: ${JSON.stringify(found)}`);
    return found.pid;
  }

  async writeConfig(config: Config, gguf: Section = {}): Promise<void> {
    await writeConfig(this.folder, config, gguf);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }
}

export type Json = Record<string, unknown> & {
  readonly error?: { readonly code: string; readonly message: string; readonly param: string | null };
  readonly choices?: readonly Choice[];
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number };
};
interface Choice {
  readonly index: number;
  readonly finish_reason: string;
  readonly message: { readonly content: string | null };
  readonly logprobs: { readonly content: readonly Logprob[] } | null;
}
interface Logprob {
  readonly token: string;
  readonly logprob: number;
  readonly top_logprobs: readonly { readonly token: string; readonly logprob: number }[];
}
interface PoolModel {
  readonly id: string;
  readonly state: string;
  readonly leases: number;
  readonly waiting: number;
  readonly pid: number | null;
}

export const CHAT = '/v1/chat/completions';
export const chat = (model: string, fields: object = {}): object => ({
  model,
  messages: [{ role: 'user', content: 'Hi' }],
  ...fields,
});

/** A streamed answer, or the error that came in its place. */
export class ChatStream {
  readonly status: number;
  readonly headers: Headers;
  text = '';
  error: { readonly code: string; readonly message: string } | null = null;
  /** Whether it said `[DONE]`. */
  complete = false;
  readonly #events: AsyncIterator<{ readonly data: string }>;

  constructor(response: Response) {
    this.status = response.status;
    this.headers = response.headers;
    if (response.body === null) throw new Error('the answer has no body');
    const isStream = response.headers.get('content-type') === 'text/event-stream';
    this.#events = isStream ? parseSse(readAhead(response.body)) : asOneEvent(response);
  }

  /** Reads until there is text. */
  async begun(): Promise<this> {
    while (this.text === '' && (await this.#read()));
    if (this.text === '') throw new Error(`the stream ended without text: ${JSON.stringify(this.error)}`);
    return this;
  }

  /** Reads to the end, also to that of a connection that is cut. */
  async ended(): Promise<this> {
    try {
      while (await this.#read());
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // what fetch throws for a connection that was cut
    }
    return this;
  }

  async #read(): Promise<boolean> {
    const { value, done } = await this.#events.next();
    if (done === true) return false;
    if (value.data === '[DONE]') this.complete = true;
    else {
      const json = JSON.parse(value.data) as { error?: ChatStream['error']; choices?: { delta: { content?: string } }[] };
      if (json.error) this.error = json.error;
      this.text += json.choices?.[0]?.delta.content ?? '';
    }
    return true;
  }
}

/** Reads at once: what fetch has not handed out when a connection is cut, it throws away. */
function readAhead(body: ReadableStream<Uint8Array>): Channel<Uint8Array> {
  const chunks = new Channel<Uint8Array>();
  const pump = async (): Promise<void> => {
    for await (const chunk of body) chunks.push(chunk);
  };
  pump().then(
    () => chunks.close(),
    (error: unknown) => chunks.fail(error),
  );
  return chunks;
}

async function* asOneEvent(response: Response): AsyncGenerator<{ readonly data: string }> {
  yield { data: await response.text() };
}

function isRaw(body: unknown): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === 'string' || body instanceof Uint8Array;
}

async function writeConfig(folder: string, { server, backends, ...rest }: Config, gguf: Section): Promise<void> {
  const config = {
    server: { port: 0, log: { level: 'warn' }, ...server },
    backends: {
      gguf: { type: 'llama-cpp', models_dir: './models', gpu: false, temperature: 0, threads: 1, ...gguf },
      ...backends,
    },
    ...rest,
  };
  await writeFile(join(folder, 'tutti.yaml'), JSON.stringify(config, null, 2)); // JSON is YAML
}

export async function temporaryFolder(owned: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tutti-e2e-'));
  owned.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function serve({ models = {}, gguf = {}, config = {}, prepare, ...options }: ServedOptions = {}): Promise<Served> {
  await using owned = new AsyncDisposableStack();
  const folder = await temporaryFolder(owned);
  await mkdir(join(folder, 'models'));
  await Promise.all(Object.entries(models).map(([name, made]) => makeGguf(join(folder, 'models', `${name}.gguf`), made)));
  await writeConfig(folder, config, gguf);
  await prepare?.(folder);
  const program = owned.use(new Program(['--json', '--config', join(folder, 'tutti.yaml'), 'serve'], { folder, ...options }));
  const ready = await program.says(/"url":"([^"]+)"/, 'stdout');
  return new Served(program, ready[1] ?? '', folder, owned.move());
}
