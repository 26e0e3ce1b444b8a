/** The commands and their options. Each command's module is loaded when it is called. `docs/cli.md` is held against this. */
import { Command, Option } from 'commander';
import { ANSWER_KINDS } from '../answers/answer.ts';
import { version } from '../version.ts';
import type { CommandContext, GlobalOptions } from './context.ts';
import { collected, names, numberIn, pricesOf, wholeNumber } from './option-values.ts';

type Options = Readonly<Record<string, unknown>>;
/** What a command's module exports. The number is the exit status; none is 0. */
export type CommandRun = (context: CommandContext, args: readonly string[], options: Options) => Promise<number | void>;

export interface Definition {
  readonly load: () => Promise<{ readonly run: CommandRun }>;
  /** Whether the command treats signals itself. */
  readonly ownSignals: boolean;
}

export type Start = (definition: Definition, globals: GlobalOptions, args: readonly string[], options: Options) => Promise<void>;

type Define = (
  parent: Command,
  usage: string,
  description: string,
  load: Definition['load'],
  more?: { readonly ownSignals?: boolean },
) => Command;

/** The program; `start` is called with the command that the words name. */
export function createProgram(start: Start): Command {
  const program = new Command('tutti')
    .description('Many models, one system: serve, combine and watch AI models.')
    .version(version, '-V, --version', 'print the version')
    .addOption(new Option('-c, --config <file>', 'the config file').env('TUTTI_CONFIG'))
    .addOption(new Option('--url <url>', 'act on the server at this address').env('TUTTI_URL'))
    .addOption(new Option('--key <key>', 'API key for that server').env('TUTTI_API_KEY'))
    .option('--local', 'act in this process, even when a server runs here')
    .option('--json', 'print JSON for programs')
    .showHelpAfterError('(see tutti --help)')
    .exitOverride();
  const define: Define = (parent, usage, description, load, { ownSignals = false } = {}) => {
    const command = parent.command(usage).description(description);
    const path = parent === program ? command.name() : `${parent.name()} ${command.name()}`;
    command.showHelpAfterError(`(see tutti ${path} --help)`);
    return command.action(() => {
      // Commander gives an option that a command and its parent both have (`models add --capability`) to the parent.
      const all = command.optsWithGlobals<GlobalOptions & Options>();
      return start({ load, ownSignals }, all, command.args, all);
    });
  };
  defineServing(program, define);
  defineAsking(program, define);
  defineTools(program, define);
  defineEval(program, define);
  defineModels(program, define);
  defineWatching(program, define);
  defineConfig(program, define);
  return program;
}

function defineServing(program: Command, define: Define): void {
  define(program, 'serve', 'start the server', () => import('./commands/serve.ts'), { ownSignals: true })
    .option('-p, --port <port>', 'port to listen on (0: any)', wholeNumber(0, 65_535))
    .option('--host <host>', 'address to listen on')
    .option('--watch', 'reload the config when its file changes')
    .option('--plugin <spec>', 'load this plug-in, too; may be given several times', collected)
    .addOption(new Option('--log-level <level>', 'how much is logged').choices(['debug', 'info', 'warn', 'error', 'silent']));
}

function defineAsking(program: Command, define: Define): void {
  const ask = (command: Command): Command =>
    command
      .option('--system <text>', 'instructions put before the conversation')
      .option('--temperature <number>', 'randomness, 0 to 2', numberIn(0, 2))
      .option('--max-tokens <number>', 'longest answer', wholeNumber(1))
      .option('--seed <number>', 'makes sampling repeatable', wholeNumber(-Number.MAX_SAFE_INTEGER))
      .option('--backend <id>', 'only models of this backend');
  const run = ask(
    define(program, 'run [model] [text...]', 'ask once; without text it reads standard input', () => import('./commands/run.ts')),
  )
    .option('--capability <name>', 'let the router choose a model with this capability')
    .option('--from <id>', 'ask on behalf of this model: the best other one with --capability answers')
    .option('--models <ids>', 'ask several models at once, separated by commas')
    .option('--batch <file>', 'ask one model each line of a JSONL file (-: standard input)')
    .option('--image <file>', 'send an image along; may be given several times', collected)
    .option('--audio <file>', 'send a sound along; may be given several times', collected)
    .option('--file <file>', 'send a file along; may be given several times', collected)
    .option('--schema <file>', 'make the answer follow this JSON schema')
    .option('--tools <file>', 'offer the tools of this JSON file (OpenAI’s format)')
    .option('--tool-choice <choice>', 'auto, none, required, or the name of a tool')
    .option('--logprobs', 'print each token’s probability')
    .option('--priority <number>', 'larger goes first', wholeNumber(-Number.MAX_SAFE_INTEGER))
    .option('--explain', 'print how the answer came about')
    .option('--reply <run>', 'answer the question with which this run waits')
    .option('--resume <run>', 'go on with a run that failed');
  defineOrchestrating(run);
  ask(define(program, 'chat [model]', 'talk with a model', () => import('./commands/chat.ts')));
}

/** Options of `run` for models that work together. */
function defineOrchestrating(run: Command): void {
  const seconds = numberIn(0.001, 86_400);
  run
    .option('--strategy <name>', 'let models work together: consensus, handoff …; or how to choose one: accuracy, cost …')
    .option('--members <ids>', 'those that take part, separated by commas', names)
    .option('--num-models <number>', 'how many models --capability gives to the strategy', wholeNumber(1))
    .addOption(new Option('--voting <way>', 'how a consensus votes').choices(['majority', 'weighted', 'unanimous', 'judge']))
    .option('--stages <file>', 'the stages of a pipeline, as YAML or JSON')
    .option('--confidence-threshold <number>', 'a handoff hands over below it', numberIn(0, 1))
    .option('--set <key=value>', 'any other key of the strategy; may be given several times', collected)
    .option('--context <text>', 'what the models are to know beside the question')
    .option('--web-search <query>', 'what to search the web for')
    .option('--available-tools <names>', 'the tools that a plan may name, separated by commas', names)
    .option('--no-verification', 'do not verify the answer')
    .option('--timeout-context <seconds>', 'limit of the context phase', seconds)
    .option('--timeout-reasoning <seconds>', 'limit of the reasoning phase', seconds)
    .option('--timeout-verification <seconds>', 'limit of the verification phase', seconds)
    .option('--workflow <roles>', 'the roles of a workflow, in order, separated by commas', names);
}

function defineTools(program: Command, define: Define): void {
  const use = program.command('use').description('use a tool');
  define(use, 'embed', 'print the vectors of texts', () => import('./commands/use-embed.ts'))
    .option('--text <text>', 'a text; may be given several times. Default: standard input', collected)
    .option('--model <id>', 'the model; default: the best for embedding')
    .option('--backend <id>', 'only models of this backend')
    .option('--dimensions <number>', 'how many numbers a vector has, where the model lets one choose', wholeNumber(1));
  define(use, 'interpret', 'find the tool calls that a text means, or mend one', () => import('./commands/use-interpret.ts'))
    .option('--text <text>', 'what a model wrote; default: standard input')
    .option('--message <file>', 'an assistant’s message, as JSON')
    .option('--question <text>', 'what the user asked: a written call that it does not ask for is left out')
    .option('--call <file>', 'a call that failed, as JSON or text: it is corrected')
    .option('--error <text>', 'with --call: what went wrong')
    .requiredOption('--tools <file>', 'the tools that may be called (OpenAI’s format)');
  define(use, 'mediate', 'make one model’s answer fit for another', () => import('./commands/use-mediate.ts'))
    .option('--response <text>', 'what the first model said; default: standard input')
    .requiredOption('--to <model>', 'the model that is to read it')
    .option('--context <text>', 'what that model knows already, or is asked')
    .addOption(new Option('--as <form>', 'what it is to be').choices(['text', 'tool_calls']))
    .option('--tools <file>', 'the tools that calls may be of')
    .option('--max-tokens <number>', 'room for it', wholeNumber(1));
  define(use, 'diagnose', 'say what to do about a failure', () => import('./commands/use-diagnose.ts'))
    .requiredOption('--phase <name>', 'the phase, role or step that failed')
    .option('--error <text>', 'what went wrong; default: standard input')
    .option('--code <code>', 'its code, as in docs/errors.md')
    .option('--recent-actions <text>', 'what was done before; may be given several times', collected)
    .option('--state <file>', 'what else is known, as JSON');
  define(use, 'reinterpret', 'say what an unusable answer was to mean', () => import('./commands/use-reinterpret.ts'))
    .option('--response <text>', 'the answer; default: standard input')
    .requiredOption('--failure-reason <text>', 'why it could not be used')
    .option('--tools <file>', 'the tools that calls may be of');
}

function defineEval(program: Command, define: Define): void {
  define(program, 'eval <file>', 'measure how good models and orchestrations are', () => import('./commands/eval.ts'))
    .option('--models <ids>', 'single models, separated by commas', names)
    .option('--orchestrations <names>', 'orchestrations, separated by commas', names)
    .addOption(
      new Option('--answer <kind>', 'how answers are compared with the right one')
        .choices(['auto', ...ANSWER_KINDS])
        .default('auto'),
    )
    .option('--limit <number>', 'ask only so many items, chosen by chance', wholeNumber(1))
    .option('--seed <number>', 'another choice of items', wholeNumber(0), 1)
    .option('--concurrency <number>', 'questions under way at once', wholeNumber(1, 256), 4)
    .option('--temperature <number>', 'randomness, 0 to 2', numberIn(0, 2))
    .option('--max-tokens <number>', 'longest answer', wholeNumber(1))
    .option('--price <model=in,out>', 'dollars a million tokens, where unknown; may be given several times', pricesOf)
    .option('-o, --output <name>', 'write <name>.json and <name>.html, or both into this folder')
    .option('--html <file>', 'write the HTML report there; without --output nothing else')
    .option('--no-output', 'write no files')
    .option('--save', 'let routing and voting go by what was measured');
}

function defineModels(program: Command, define: Define): void {
  const models = define(program, 'models', 'list models, or change them', () => import('./commands/models-list.ts'))
    .option('--capability <name>', 'only those with it, best first')
    .option('--best', 'only the best with the capability');
  define(models, 'info <id>', 'show all that is known of a model', () => import('./commands/models-info.ts'));
  define(models, 'add <id>', 'register a model', () => import('./commands/models-add.ts'))
    .option('--capability <names>', 'separated by commas')
    .option('--device <device>', 'auto, cpu, cuda, metal, vulkan or gpu:N')
    .option('--context-window <tokens>', 'tokens, prompt and answer together', wholeNumber(1))
    .option('--set <key=value>', 'any other key, as in `tutti models set`; may be given several times', collected);
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
    numberIn(0, Infinity),
  );
  define(program, 'pull <model>', 'download a model: hf:org/repo:Q4_K_M, or backend:name', () => import('./commands/pull.ts'));
}

function defineWatching(program: Command, define: Define): void {
  define(program, 'ps', 'show what is loaded and how much memory it takes', () => import('./commands/ps.ts'))
    .option('--stats', 'show statistics of the runs')
    .option('--target <name>', 'statistics of the runs that asked for it')
    .option('--model <name>', 'statistics of the runs that it answered, or that asked for it');
  define(program, 'logs <model>', 'show what a model’s runner wrote', () => import('./commands/logs.ts')).option(
    '-f, --follow',
    'go on showing',
  );
}

function defineConfig(program: Command, define: Define): void {
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
