/** `tutti serve`: runs the server until a signal ends it. */
import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { TuttiError } from '../../errors/error.ts';
import { createServer, type TuttiServer } from '../../server/app.ts';
import { createTutti, type Tutti } from '../../tutti.ts';
import type { CommandContext } from '../context.ts';
import type { CommandRun } from '../commands.ts';

interface ServeOptions {
  readonly port?: number;
  readonly host?: string;
  readonly watch?: boolean;
  readonly plugin?: readonly string[];
  readonly logLevel?: string;
}

/** Editors write a file in several steps: the config is read once they are quiet for so long. */
const SETTLE_MS = 200;

export const run: CommandRun = async (context, _args, given) => {
  const options = given as ServeOptions;
  const settings = await context.loadConfig({
    overrides: overridesOf(options),
    pluginSpecs: (options.plugin ?? []).map(fromHere),
  });
  const tutti = await createTutti({ settings });
  const server = createServer(tutti, tutti.config.server, { log: tutti.log });
  const ending = untilSignal(tutti, context);
  try {
    // Before anybody is told that it is ready: a change made from then on is seen.
    using _watching = options.watch === true ? watchConfig(context, tutti, settings.loaded.file) : null;
    const { url } = await server.listen();
    announce(context, tutti, url, settings.loaded.warnings);
    await ending.signalled;
    context.output.note('Finishing what runs; a second signal stops at once.');
    await shutDown(server, tutti, ending.again);
  } catch (error) {
    await server.close({ graceMs: 0 });
    await tutti.close({ graceMs: 0 });
    throw error;
  } finally {
    ending[Symbol.dispose]();
  }
};

/** A file named on the command line lies where the command runs, not where the config is. */
function fromHere(spec: string): string {
  return spec.startsWith('.') ? resolve(spec) : spec;
}

function overridesOf(options: ServeOptions): Record<string, unknown> {
  const log = options.logLevel === undefined ? undefined : { level: options.logLevel };
  const server = { port: options.port, host: options.host, log };
  return {
    server: Object.fromEntries(Object.entries(server).filter(([, value]) => value !== undefined)),
  };
}

function announce({ output }: CommandContext, tutti: Tutti, url: string, warnings: readonly string[]): void {
  for (const warning of warnings) output.note(`Warning: ${warning}`);
  if (output.json) return output.data({ ready: true, url, pid: process.pid });
  const docs = tutti.config.server.docs ? `, all routes: ${url}/docs` : '';
  output.line(`Tutti listens on ${url} (for OpenAI clients: ${url}/v1${docs}). Ctrl-C ends it.`);
}

/** SIGTERM and SIGINT end the server, SIGHUP reads the config again. */
function untilSignal(tutti: Tutti, context: CommandContext): Disposable & { signalled: Promise<void>; again: AbortSignal } {
  const first = Promise.withResolvers<void>();
  const again = new AbortController();
  let count = 0;
  const end = (): void => {
    count += 1;
    if (count === 1) first.resolve();
    else again.abort();
  };
  const hangUp = (): void => reload(tutti, context);
  process.on('SIGTERM', end).on('SIGINT', end).on('SIGHUP', hangUp);
  return {
    signalled: first.promise,
    again: again.signal,
    [Symbol.dispose]: () => void process.off('SIGTERM', end).off('SIGINT', end).off('SIGHUP', hangUp),
  };
}

async function shutDown(server: TuttiServer, tutti: Tutti, again: AbortSignal): Promise<void> {
  const graceMs = tutti.config.server.grace_seconds * 1000;
  const hurry = Promise.withResolvers<void>();
  again.addEventListener('abort', () => hurry.resolve(), { once: true });
  await Promise.race([server.close({ graceMs }), hurry.promise.then(() => server.close({ graceMs: 0 }))]);
  await tutti.close({ graceMs: 0 });
}

function reload(tutti: Tutti, { output }: CommandContext): void {
  tutti.reload().then(
    ({ changed, waiting }) => {
      output.note(changed.length === 0 ? 'The config did not change.' : `Config reloaded: ${changed.join(', ')}.`);
      if (waiting.length > 0) output.note(`Only after a restart: ${waiting.join(', ')}.`);
    },
    (error: unknown) => output.note(`The config was not reloaded, the old one stays:\n${TuttiError.from(error).message}`),
  );
}

function watchConfig(context: CommandContext, tutti: Tutti, file: string | null): Disposable | null {
  if (file !== null) return watchFile(file, () => reload(tutti, context));
  context.output.note('There is no config file to watch; `tutti config init` writes one.');
  return null;
}

/** The folder is watched, not the file: editors replace files, and a watch of the old one would see no more. */
function watchFile(file: string, changed: () => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const watcher: FSWatcher = watch(dirname(file), (_event, name) => {
    if (name !== basename(file) && name !== '.env') return;
    clearTimeout(timer);
    timer = setTimeout(changed, SETTLE_MS);
  });
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
