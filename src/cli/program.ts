/** The commands and their options, and what an error looks like. */
import { Command, CommanderError, Option } from 'commander';
import { TuttiError } from '../errors/error.ts';
import { version } from '../version.ts';
import { createContext, type CommandContext, type GlobalOptions } from './context.ts';
import { createOutput } from './output.ts';

type Options = Readonly<Record<string, unknown>>;
/** What a command's module exports. The number is the exit status; none is 0. */
export type CommandRun = (context: CommandContext, args: readonly string[], options: Options) => Promise<number | void>;

/** Exit status: 0 done, 1 failed, 2 wrong usage or config, 130 stopped by Ctrl-C. */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const stop = new AbortController();
  let status = 0;
  const program = new Command('tutti')
    .description('Many models, one system: serve, combine and watch AI models.')
    .version(version, '-V, --version', 'print the version')
    .addOption(new Option('-c, --config <file>', 'the config file').env('TUTTI_CONFIG'))
    .option('--url <url>', 'act on the server at this address (also TUTTI_URL)')
    .option('--key <key>', 'API key for that server (also TUTTI_API_KEY)')
    .option('--local', 'act in this process, even when a server runs here')
    .option('--json', 'print JSON for programs')
    .showHelpAfterError('(see tutti --help)')
    .exitOverride();

  const define = (parent: Command, usage: string, description: string, load: () => Promise<{ run: CommandRun }>): Command => {
    const command = parent.command(usage).description(description);
    command.action(async () => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const output = createOutput({ json: globals.json === true });
      const onInterrupt = (): void => stop.abort();
      process.once('SIGINT', onInterrupt);
      try {
        const { run } = await load();
        status = (await run(createContext(output, globals, stop.signal), command.args, command.opts())) ?? 0;
      } finally {
        process.removeListener('SIGINT', onInterrupt);
      }
    });
    return command;
  };
  defineCommands(program, define);

  try {
    await program.parseAsync([...argv], { from: 'user' });
    return status;
  } catch (error) {
    return report(error, argv.includes('--json'), stop.signal.aborted);
  }
}

function defineCommands(
  program: Command,
  define: (parent: Command, usage: string, description: string, load: () => Promise<{ run: CommandRun }>) => Command,
): void {
  define(program, 'serve', 'start the server', () => import('./commands/serve.ts'))
    .option('-p, --port <port>', 'port to listen on (0: any)', Number)
    .option('--host <host>', 'address to listen on')
    .option('--watch', 'reload the config when its file changes')
    .option('--plugin <spec...>', 'load these plug-ins, too')
    .option('--log-level <level>', 'debug, info, warn, error or silent');

  const ask = (command: Command): Command =>
    command
      .option('--system <text>', 'instructions put before the conversation')
      .option('--temperature <number>', 'randomness, 0 to 2', Number)
      .option('--max-tokens <number>', 'longest answer', Number)
      .option('--seed <number>', 'makes sampling repeatable', Number)
      .option('--backend <id>', 'only models of this backend');
  ask(
    define(program, 'run [model] [text...]', 'ask once; without text it reads standard input', () => import('./commands/run.ts')),
  )
    .option('--capability <name>', 'let the router choose a model with this capability')
    .option('--models <ids>', 'ask several models at once, separated by commas')
    .option('--batch <file>', 'ask one model each line of a JSONL file')
    .option('--image <file...>', 'send images along')
    .option('--audio <file...>', 'send sounds along')
    .option('--file <file...>', 'send files along')
    .option('--schema <file>', 'make the answer follow this JSON schema')
    .option('--tools <file>', 'offer the tools of this JSON file (OpenAI’s format)')
    .option('--logprobs', 'print each token’s probability')
    .option('--priority <number>', 'larger goes first', Number)
    .option('--explain', 'print how the answer came about');
  ask(define(program, 'chat [model]', 'talk with a model', () => import('./commands/chat.ts')));

  const models = define(program, 'models', 'list models, or change them', () => import('./commands/models-list.ts'))
    .option('--capability <name>', 'only those with it, best first')
    .option('--best', 'only the best');
  define(models, 'info <id>', 'show all that is known of a model', () => import('./commands/models-info.ts'));
  define(models, 'add <id>', 'register a model', () => import('./commands/models-add.ts'))
    .option('--capability <names>', 'separated by commas')
    .option('--device <device>', 'auto, cpu, cuda, metal, vulkan or gpu:N')
    .option('--context-window <tokens>', 'tokens, prompt and answer together', Number)
    .option('--set <key=value...>', 'any other key, as in `tutti models set`');
  define(
    models,
    'set <id> <changes...>',
    'change keys of a model: quality.vision=0.8 fallbacks=a,b pinned=true',
    () => import('./commands/models-set.ts'),
  );
  define(models, 'remove <id>', 'take back what was registered', () => import('./commands/models-remove.ts'));
  define(models, 'load <id>', 'load a model into memory', () => import('./commands/models-load.ts')).option(
    '--no-wait',
    'return at once',
  );
  define(models, 'unload <id>', 'free its memory', () => import('./commands/models-unload.ts'));
  define(
    models,
    'swap <old> <new>',
    'replace a loaded model without a failed request',
    () => import('./commands/models-swap.ts'),
  );
  define(models, 'evict', 'unload idle models until so much is used', () => import('./commands/models-evict.ts')).requiredOption(
    '--target-memory-mb <mb>',
    'unload idle models, least recently used first, until at most so many MiB are used',
    Number,
  );

  define(program, 'pull <model>', 'download a model: hf:org/repo:Q4_K_M, or backend:name', () => import('./commands/pull.ts'));
  define(program, 'ps', 'show what is loaded and how much memory it takes', () => import('./commands/ps.ts')).option(
    '--stats',
    'show statistics of the runs',
  );
  define(program, 'logs <model>', 'show what a model’s runner wrote', () => import('./commands/logs.ts')).option(
    '-f, --follow',
    'go on showing',
  );
  const config = program.command('config').description('check or write the config');
  define(config, 'check', 'check the config: file, line and reason of every error', () => import('./commands/config-check.ts'));
  define(config, 'init', 'write a commented tutti.yaml', () => import('./commands/config-init.ts'))
    .option('--force', 'overwrite the file that is there')
    .option('-o, --output <file>', 'where to write it', 'tutti.yaml');
  define(config, 'schema', 'print the JSON Schema of the config, for editors', () => import('./commands/config-schema.ts'));
  define(
    config,
    'show',
    'print the config as it is after defaults and environment, without secrets',
    () => import('./commands/config-show.ts'),
  );
  define(program, 'doctor', 'say what is here, what is missing and how to mend it', () => import('./commands/doctor.ts'));
}

function report(error: unknown, json: boolean, interrupted: boolean): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (interrupted) return 130;
  const failure = TuttiError.from(error);
  if (json)
    process.stdout.write(`${JSON.stringify({ error: { code: failure.code, message: failure.message, ...failure.details } })}\n`);
  else process.stderr.write(`${failure.message}\n(${failure.code}: ${failure.info.help})\n`);
  const usage = ['config_invalid', 'config_not_found', 'environment_missing', 'unknown_backend', 'invalid_request'];
  return usage.includes(failure.code) ? 2 : 1;
}
