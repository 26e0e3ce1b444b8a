/** A real server over a real Tutti, whose models are fakes. Everything is released when the test's scope ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { z } from 'zod';
import { ERROR_CODES } from '../../src/errors/codes.ts';
import { createServer, ROUTES, type TuttiServer } from '../../src/server/app.ts';
import { routesAt } from '../../src/server/routing.ts';
import { serverSchema } from '../../src/server/schema.ts';
import { FakeBackend, type FakeBackendOptions } from '../../src/testing/fake-backend.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { EventMonitor } from '../../src/testing/event-monitor.ts';
import { createTutti, type Tutti, type TuttiOptions } from '../../src/tutti.ts';

export interface Harness extends AsyncDisposable {
  readonly url: string;
  readonly tutti: Tutti;
  readonly server: TuttiServer;
  readonly backend: FakeBackend;
  readonly events: EventMonitor;
  /** Everybody's: time stands still unless a test moves it. */
  readonly clock: FakeClock;
  /** A folder of its own. */
  readonly directory: string;
  /** The official client, without retries. */
  client(key?: string): OpenAI;
  fetch(path: string, options?: FetchOptions): Promise<Response>;
}

export interface FetchOptions {
  readonly method?: string;
  /** JSON, or a text as it is. */
  readonly body?: unknown;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface HarnessOptions {
  /** The `server:` section. */
  readonly server?: Readonly<Record<string, unknown>>;
  /** Other keys of the config, and options of `createTutti`. */
  readonly tutti?: TuttiOptions;
  readonly fake?: FakeBackendOptions;
}

export async function startServer({
  server: section = {},
  tutti: options = {},
  fake = {},
}: HarnessOptions = {}): Promise<Harness> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'tutti-server-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const clock = new FakeClock();
  const backend = new FakeBackend({ clock, ...fake });
  const tutti = await createTutti({
    directory,
    environment: {},
    discover: false,
    log: 'silent',
    clock,
    data_dir: join(directory, 'data'),
    backends: [backend],
    ...options,
  });
  stack.use(tutti);
  await tutti.backends.settled();
  const events = stack.use(new EventMonitor(tutti.events));
  const server = createServer(tutti, serverSchema.parse({ port: 0, ...section }), { clock });
  stack.defer(() => server.close({ graceMs: 0 }));
  const { url } = await server.listen();
  const owned = stack.move();
  return {
    url,
    tutti,
    server,
    backend,
    events,
    clock,
    directory,
    client: (key = 'none') => new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 }),
    fetch: (path, request = {}) => send(url, path, request),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Sends a request, and holds every JSON answer against what the route table promises. */
async function send(url: string, path: string, { method, body, key, headers, signal }: FetchOptions): Promise<Response> {
  const response = await fetch(url + path, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(signal && { signal }),
  });
  if (response.headers.get('content-type')?.startsWith('application/json')) {
    const value: unknown = await response.clone().json();
    if (response.status >= 400 && path !== '/readyz') errorBody.parse(value);
    else schemaOf(method ?? (body === undefined ? 'GET' : 'POST'), path)?.parse(value);
  }
  return response;
}

const errorBody = z.strictObject({
  error: z.strictObject({
    message: z.string().min(1),
    type: z.string(),
    code: z.enum(Object.keys(ERROR_CODES)),
    param: z.string().nullable(),
    details: z.record(z.string(), z.unknown()).optional(),
    tutti: z.unknown().optional(),
  }),
});

function schemaOf(method: string, path: string): z.ZodType | undefined {
  const [bare = ''] = path.split('?');
  // Of those that fit, the one that says most is the one that answers.
  const fitting = routesAt(ROUTES, bare).filter((route) => route.method === method);
  const said = (path: string): number => path.replaceAll(/\{\w+\}/g, '').length;
  const response = fitting.toSorted((a, b) => said(b.path) - said(a.path))[0]?.response;
  return typeof response === 'object' ? response : undefined;
}

/** A body for `/v1/chat/completions`. */
export function chat(fields: object = {}): object {
  return { model: 'fake:echo', messages: [{ role: 'user', content: 'Hello there' }], ...fields };
}
