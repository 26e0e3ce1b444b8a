/** A server on a data folder that outlives it, in front of a fake upstream that counts what it was asked. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createServer } from '../../src/server/app.ts';
import { serverSchema } from '../../src/server/schema.ts';
import { createFakeUpstream, type FakeUpstream } from '../../src/testing/fake-upstream.ts';
import { createTutti, type Tutti, type TuttiOptions } from '../../src/tutti.ts';
import asking from '../fixtures/asking.ts';

type Models = NonNullable<Parameters<typeof createFakeUpstream>[0]>['models'];
export type Json = Record<string, unknown> & {
  readonly id: string;
  readonly tutti: { readonly run_id: string };
  readonly error?: { readonly code: string; readonly message: string };
};

/** What stays when a server is stopped. */
export interface Place extends AsyncDisposable {
  readonly upstream: FakeUpstream;
  /** The file of the database. */
  readonly database: string;
  /** The models of the chats that the upstream got so far, in their order. */
  asked(): readonly unknown[];
  /** Works on the database while no server has it open. */
  tamper<T>(work: (database: DatabaseSync) => T): T;
  serve(options?: TuttiOptions, section?: object): Promise<Serving>;
}

export interface Serving extends AsyncDisposable {
  readonly tutti: Tutti;
  call(path: string, body?: object, key?: string): Promise<{ readonly status: number; readonly json: Json }>;
}

export async function place(models: Models): Promise<Place> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'tutti-durable-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const upstream = stack.use(await createFakeUpstream(models === undefined ? {} : { models }));
  const database = join(directory, 'data', 'tutti.db');
  const owned = stack.move();
  return {
    upstream,
    database,
    asked: () => upstream.requests.filter(({ path }) => path === '/v1/chat/completions').map(({ body }) => body?.['model']),
    tamper(work) {
      const opened = new DatabaseSync(database);
      try {
        return work(opened);
      } finally {
        opened.close();
      }
    },
    serve: (options = {}, section = {}) => serve(directory, upstream, { options, section }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function serve(
  directory: string,
  upstream: FakeUpstream,
  { options, section }: { readonly options: TuttiOptions; readonly section: object },
): Promise<Serving> {
  await using stack = new AsyncDisposableStack();
  const tutti = await createTutti({
    directory,
    environment: {},
    log: 'silent',
    data_dir: join(directory, 'data'),
    backends: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1`, api_key: 'key-of-the-provider' } },
    routing: { retries: 0 },
    plugins: [asking],
    orchestrations: { ask: { strategy: 'asking', members: ['up:a', 'up:b'] } },
    runs: { store_content: true },
    ...options,
  });
  stack.use(tutti);
  await tutti.settled();
  const server = createServer(tutti, serverSchema.parse({ port: 0, ...section }));
  stack.defer(() => server.close({ graceMs: 0 }));
  const { url } = await server.listen();
  const owned = stack.move();
  return {
    tutti,
    async call(path, body, key) {
      const response = await fetch(url + path, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, json: (text === '' ? {} : JSON.parse(text)) as Json };
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
