/**
 * Which folder may import which, as one table: the direction rules of the architecture. `layers` decides, the lint plug-in
 * reports, and `test/project/layers.test.ts` plants a violation of each row.
 */

/** Everyone may import these three (among themselves: `errors` and `lib` only `contracts`, `contracts` nothing). */
const GROUND = ['contracts', 'errors', 'lib'] as const;

/** What is wired together. */
const PARTS =
  'config host registry runs storage hub backends knowledge tools tasks pool router answers strategies arbiter version.ts'.split(
    ' ',
  );

/** The light part of each folder: its share of the config, and how it describes itself. */
const SCHEMAS = 'schema.ts';

/** What the ways of using Tutti may see: the composition root, and what it hands out. */
const OUTER = ['config', 'tutti.ts', 'composition', 'version.ts', 'pool/contract.ts', SCHEMAS];

interface Layer {
  /** Folders and files directly under `src/`, single files of a folder (`pool/contract.ts`). */
  readonly mayImport: readonly string[];
  /** Said when the row is broken: the reason for it. */
  readonly because: string;
}

const ground = (because: string, ...more: string[]): Layer => ({ mayImport: [...GROUND, ...more], because });

/** A row for each folder (or file) directly under `src/`. One without a row is a violation: new parts state their place first. */
export const LAYERS: Readonly<Record<string, Layer>> = {
  contracts: { mayImport: [], because: 'contracts are the vocabulary: whoever reads them must need nothing else' },
  errors: { mayImport: ['contracts'], because: 'errors are used everywhere, so they may know only the contracts' },
  lib: { mayImport: ['contracts'], because: 'lib is free of the domain, so it may know only the contracts' },
  config: ground('the config must be checked whole without loading what it configures'),
  registry: ground('the registry answers questions about models and must not reach for what holds them'),
  host: ground('the host runs a strategy against effects that it is given, so it knows nothing of what carries them out'),
  runs: ground('runs record what others do; they know the storage and nobody else', 'storage'),
  storage: ground('storage keeps rows and does not know who asks'),
  hub: ground('downloading a model file needs no other part'),
  backends: ground('a backend is replaceable by a plug-in, so it sees no more than a plug-in does'),
  knowledge: ground('memory, retrieval and cache stand on the storage alone', 'storage'),
  tools: ground('a tool is standalone: usable without the rest'),
  tasks: ground('the queue runs whatever it is given and stands on the storage alone', 'storage'),
  pool: ground('the pool loads and evicts; who is asked for is the router’s matter', 'registry'),
  router: ground('the router chooses; what was chosen is carried out above it', 'registry', 'pool/contract.ts'),
  answers: ground('comparing, voting and calibrating are pure functions on answers: they know nobody who asks or is asked'),
  strategies: ground('a strategy’s only effect is its context’s `call`, so it knows neither pool nor router', 'answers'),
  arbiter: ground('the arbiter gets what it needs through its context, so it knows neither pool nor router', 'answers'),
  eval: ground('an evaluation makes figures of answers that others fetched: it knows no model and asks nobody', 'answers'),
  composition: {
    mayImport: [...GROUND, ...PARTS, SCHEMAS],
    because: 'composition is tutti.ts in parts: of the ways of using Tutti it may read only their schema.ts',
  },
  testing: ground('tutti/testing is published for plug-in authors: it runs strategies, and must work without the rest', 'host'),
  server: ground('the server is one way to use Tutti and goes through tutti.ts like any other', ...OUTER),
  'ai-sdk': ground('a provider for the AI SDK is one way to use Tutti and goes through tutti.ts like any other', ...OUTER),
  cli: ground(
    'the command line is one way to use Tutti: it goes through tutti.ts, and starts the server',
    ...OUTER,
    'server',
    'answers',
    'eval',
  ),
};

/** Parts inside these are siblings that must not import each other. */
const SIBLINGS: Readonly<Record<string, { readonly except: readonly string[]; readonly because: string }>> = {
  backends: {
    except: ['openai-protocol', 'upstream'],
    because:
      'siblings never import siblings: what several backends need lives in backends/openai-protocol, backends/upstream or lib',
  },
  strategies: { except: [], because: 'siblings never import siblings: what strategies have in common belongs to their context' },
  tools: { except: [], because: 'siblings never import siblings: each tool stands alone' },
};

/** Packages that enter at one place, so that starting the server does not load them and they can be replaced. */
const ENTRIES: readonly { readonly package: RegExp; readonly at: RegExp; readonly because: string }[] = [
  {
    package: /^node-llama-cpp(\/|$)/,
    at: /^src\/backends\/llama-cpp\//,
    because: 'node-llama-cpp is heavy and optional: it enters under src/backends/llama-cpp only',
  },
  {
    package: /^vitest(\/|$)/,
    at: /(\.test\.ts|^src\/testing\/.*|^test\/.*|^vitest\.config\.ts)$/,
    because: 'vitest is a development dependency: only tests and src/testing may import it',
  },
];

/** What goes over the wire, gathered for the dashboard: the one face beside those of the package. */
export const WIRE_TYPES = 'src/server/wire-types.ts';

/** Grab bags. A helper with a word of the domain lives in its domain. */
const GRAB_BAGS = /(^|\/)(utils?|helpers?|shared|common)(\/|\.ts$)/;

const isTest = (file: string): boolean => file.endsWith('.test.ts');

/** The folder or file directly under `src/`, and the part inside it. */
function place(file: string): { layer: string; part: string } | null {
  const [root, layer, part = ''] = file.split('/');
  return root === 'src' && layer !== undefined ? { layer, part: part.replace(/(\.test)?\.ts$/, '') } : null;
}

/**
 * Why `importer` may not import `target`, or null when it may.
 *
 * @param importer a path from the repository's root, with `/`
 * @param target the same for a relative import, or the bare specifier of a package
 */
export function importProblem(importer: string, target: string): string | null {
  for (const entry of ENTRIES) {
    if (entry.package.test(target)) return entry.at.test(importer) ? null : entry.because;
  }
  if (importer.startsWith('dashboard/') && target.startsWith('src/') && target !== WIRE_TYPES) {
    return `the dashboard talks HTTP: of the sources it may import ${WIRE_TYPES} only`;
  }
  const from = place(importer);
  const to = place(target);
  if (from === null || to === null) return null;
  if (target === 'src/index.ts') return 'src/index.ts is the public face: nothing inside src imports it';
  if (/^(tutti(\.test)?|index)\.ts$/.test(from.layer)) return null;
  if (isTest(importer) && to.layer === 'testing') return null;
  if (from.layer !== to.layer) {
    const row = Object.hasOwn(LAYERS, from.layer) ? LAYERS[from.layer] : undefined;
    if (row === undefined) return `src/${from.layer} has no row in scripts/lint/layers.ts: say there what it may import, and why`;
    const inside = target.slice('src/'.length);
    if (row.mayImport.some((entry) => entry === to.layer || entry === inside || (entry === SCHEMAS && to.part === 'schema')))
      return null;
    return `src/${from.layer} may not import ${target}: ${row.because}`;
  }
  const siblings = Object.hasOwn(SIBLINGS, from.layer) ? SIBLINGS[from.layer] : undefined;
  if (siblings === undefined || from.part === to.part || siblings.except.includes(to.part)) return null;
  return `src/${from.layer}/${from.part} may not import src/${to.layer}/${to.part}: ${siblings.because}`;
}

/** Why a file may not exist under this path, or null when it may. `entries` are the package's declared entry files. */
export function pathProblem(file: string, entries: readonly string[]): string | null {
  if (file.startsWith('src/') && GRAB_BAGS.test(file)) {
    return 'no utils, helpers, shared or common: a helper with a word of the domain lives in its domain';
  }
  if (/(^|\/)index\.ts$/.test(file) && file.startsWith('src/') && !entries.includes(file)) {
    return 'no barrels: index.ts exists only for the subpaths that package.json exports';
  }
  return null;
}
