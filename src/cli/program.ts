/** Runs the command line: one command, its signals, and what an error looks like. */
import { CommanderError } from 'commander';
import { createContext } from './context.ts';
import { createProgram } from './commands.ts';
import { createOutput } from './output.ts';
import { Stop } from './stop.ts';

/** Exit status: 0 done, 1 failed, 2 wrong usage or config, 128 + n stopped by signal n (130: Ctrl-C). */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  using stop = new Stop();
  let status = 0;
  const program = createProgram(async ({ load, ownSignals }, globals, args, options) => {
    if (!ownSignals) stop.listen();
    const { run } = await load();
    const context = createContext(createOutput({ json: globals.json === true }), globals, stop.signal);
    status = (await run(context, args, options)) ?? 0;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return stop.status ?? status;
  } catch (error) {
    return stop.status ?? (await report(error, argv.includes('--json')));
  }
}

/** Codes of errors that lie in how the command was called or configured. */
const USAGE = new Set<string>([
  'config_invalid',
  'config_not_found',
  'environment_missing',
  'unknown_backend',
  'invalid_request',
]);

/** What to do, where the general help speaks of headers, fields and paths. Empty: the message says it all. */
const HELP: Readonly<Record<string, string>> = {
  invalid_request: '',
  invalid_json: '',
  file_not_found: '',
  model_not_found: '`tutti models` lists all.',
  unauthorized: 'Give the key of the server with --key or TUTTI_API_KEY.',
  forbidden: 'Give a key with `role: admin`, with --key or TUTTI_API_KEY.',
};

/** Standard error says what is wrong and what to do; with `--json` standard output has it for programs, too. */
async function report(error: unknown, json: boolean): Promise<number> {
  if (error instanceof CommanderError) {
    // Commander has written the message, or the help that was asked for.
    if (error.exitCode === 0) return 0;
    if (json && error.code !== 'commander.help') printError('invalid_request', error.message.replace(/^error: /, ''));
    return 2;
  }
  const { TuttiError } = await import('../errors/error.ts');
  const failure = TuttiError.from(error);
  if (json) printError(failure.code, failure.message, failure.details);
  const help = HELP[failure.code] ?? failure.info.help;
  process.stderr.write(`${failure.message}\n(${failure.code}${help === '' ? '' : `: ${help}`})\n`);
  return USAGE.has(failure.code) ? 2 : 1;
}

function printError(code: string, message: string, details: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(`${JSON.stringify({ error: { code, message, ...details } })}\n`);
}
