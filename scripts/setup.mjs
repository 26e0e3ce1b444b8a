/**
 * Makes `npm start`, `npm test` and the other scripts work on a bare clone: installs the locked dependencies, among them the
 * pinned Node that the scripts then run on. npm calls it before each of them (`prestart`, `pretest`, …).
 *
 * Plain JavaScript without dependencies, because the machine's own Node runs it: 20 is enough. Once installed it costs
 * the reading of two small files.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const OLDEST_NODE = 20;
const OLDEST_NPM = 10;
/** What takes longer than this on a very busy machine is left to the first start. */
const PRECOMPILE_MS = 20_000;
const REGISTRY_TROUBLE = /E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH)|network/i;

/**
 * What the stamp must hold: changes with the lockfile, the approved install scripts and the kind of machine.
 * @param {string} lockfile
 * @param {string} manifest
 */
export function stampOf(lockfile, manifest, platform = `${process.platform}-${process.arch}`) {
  const approved = JSON.stringify(JSON.parse(manifest).allowScripts ?? {});
  return createHash('sha256').update(lockfile).update(approved).update(platform).digest('hex');
}

/**
 * Whether what npm has installed is what the lockfile asks for. `npm install <name>` leaves such a folder, and so does
 * `npm ci --omit=optional`: both need no second installation.
 * @param {string} lockfile the text of package-lock.json
 * @param {string} installed the text of node_modules/.package-lock.json
 */
export function satisfies(lockfile, installed) {
  /** @typedef {{ version?: string, link?: boolean, optional?: boolean, devOptional?: boolean }} Package */
  const present = /** @type {Record<string, Package>} */ (JSON.parse(installed).packages ?? {});
  const locked = /** @type {Record<string, Package>} */ (JSON.parse(lockfile).packages ?? {});
  return Object.entries(locked).every(([path, wanted]) => {
    if (path === '' || wanted.link) return true;
    const found = present[path];
    return found === undefined ? Boolean(wanted.optional || wanted.devOptional) : found.version === wanted.version;
  });
}

/**
 * The PATH without the clone's own programs: npm must not run on the Node that it is about to replace.
 * @param {string} path
 * @param {string} root
 */
export function outerPath(path, root) {
  return path
    .split(delimiter)
    .filter((folder) => !resolve(folder || '.').startsWith(join(root, 'node_modules')))
    .join(delimiter);
}

/**
 * What to tell a person when npm failed, after npm's own output.
 * @param {string} output
 */
export function adviceFor(output) {
  if (/\bEUSAGE\b|can only install packages when/.test(output))
    return 'package.json and package-lock.json disagree. Run "npm install" with the pinned Node and commit both files.';
  if (/\bENOSPC\b/.test(output)) return 'The disk is full: the dependencies take about 1.1 GB (0.4 GB with --omit=optional).';
  if (/\bE(ACCES|PERM|ROFS)\b/.test(output))
    return 'The folder cannot be written to. Give this user the clone, or clone it elsewhere.';
  if (/\bETARGET\b|\bE404\b/.test(output))
    return 'The npm registry in use lacks a package of the lockfile. Check "npm config get registry".';
  if (REGISTRY_TROUBLE.test(output))
    return 'The npm registry cannot be reached. Check the network, proxy and "npm config get registry".';
  return 'The output above says why. After mending it, run the same command again: nothing is left half installed.';
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`\ntutti: ${message}`);
  process.exit(1);
}

/**
 * @param {string} file
 * @param {string} fallback
 */
function readOr(file, fallback) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return fallback;
    throw error;
  }
}

/**
 * The npm that called us, or the one on the PATH.
 * @param {readonly string[]} args
 * @param {string} root
 * @param {import('node:child_process').StdioOptions} stdio
 */
function npm(args, root, stdio) {
  const env = {
    ...process.env,
    PATH: outerPath(process.env.PATH ?? '', root),
    // npm before 11 knows no allowScripts; these keep the two denied scripts from downloading or reporting anything.
    NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true',
    SCARF_ANALYTICS: 'false',
  };
  const { npm_execpath: cli, npm_node_execpath: node } = process.env;
  /** @type {import('node:child_process').SpawnSyncOptionsWithStringEncoding} */
  const options = { cwd: root, env, encoding: 'utf8', maxBuffer: 1 << 26, stdio };
  const isOuter = node && existsSync(node) && !node.startsWith(join(root, 'node_modules'));
  return isOuter && cli?.endsWith('npm-cli.js') ? spawnSync(node, [cli, ...args], options) : spawnSync('npm', args, options);
}

/**
 * Whether the process that wrote this lock still runs.
 * @param {string} pid
 */
function isAlive(pid) {
  try {
    return Number(pid) > 0 && process.kill(Number(pid), 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * Two commands on a fresh clone (`npm start` here, `npm test` there) must not install at once: the second waits.
 * @param {string} root
 * @param {() => void} install
 */
function oneAtATime(root, install) {
  const lock = join(root, '.setup.lock');
  for (let told = false, dead = ''; ;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const owner = `pid ${readOr(lock, '')}`;
    if (isAlive(owner.slice('pid '.length))) {
      if (!told) console.error(`tutti: another command is installing; waiting for it (${lock})…`);
      told = true;
    } else if (dead === owner) {
      rmSync(lock, { force: true });
    }
    // Whoever has just made the lock may not have written into it yet: it counts as left behind at the second look.
    dead = owner;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  process.once('exit', () => rmSync(lock, { force: true }));
  install();
}

/**
 * Returns once the dependencies are there; ends the process with a message when they cannot be.
 * @param {string} root
 */
export function setUp(root) {
  if (isSetUp(root)) return;
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE)
    fail(
      `Node ${process.versions.node} is too old to install with; ${OLDEST_NODE} or newer is needed (the rest runs on its own).`,
    );
  if (readOr(join(root, 'package-lock.json'), '') === '')
    fail('package-lock.json is missing: this is not a whole clone of the repository.');
  oneAtATime(root, () => {
    if (!isSetUp(root)) install(root);
  });
}

/** @param {string} root */
const filesOf = (root) => ({
  stamp: join(root, 'node_modules', '.tutti-setup'),
  installed: join(root, 'node_modules', '.package-lock.json'),
  pinnedNode: join(root, 'node_modules', 'node', 'bin', 'node'),
});

/** @param {string} root */
function currentStamp(root) {
  return stampOf(readOr(join(root, 'package-lock.json'), ''), readFileSync(join(root, 'package.json'), 'utf8'));
}

/** @param {string} root */
function isSetUp(root) {
  const files = filesOf(root);
  return readOr(files.stamp, '') === currentStamp(root) && existsSync(files.pinnedNode);
}

/** @param {string} root */
function install(root) {
  const files = filesOf(root);
  const lockfile = readFileSync(join(root, 'package-lock.json'), 'utf8');
  if (!satisfies(lockfile, readOr(files.installed, '{"packages":{}}')) || !existsSync(files.pinnedNode)) {
    const version = npm(['--version'], root, 'pipe').stdout?.trim() ?? '';
    if (version === '') fail('npm was not found. Install Node.js with npm, then run this again.');
    if (Number.parseInt(version, 10) < OLDEST_NPM)
      fail(`npm ${version} is too old; ${OLDEST_NPM} or newer is needed: npm install --global npm`);
    console.error('tutti: installing the dependencies and the pinned Node (once for each lockfile; usually under a minute)…');
    const arguments_ = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
    const run = npm(arguments_, root, ['ignore', 'inherit', 'pipe']);
    process.stderr.write(run.stderr ?? '');
    if (run.status !== 0) fail(`npm ci failed. ${adviceFor(run.stderr ?? String(run.error))}`);
    if (!existsSync(files.pinnedNode))
      fail('npm ci left out the pinned Node: its install script was not run. Run "npm rebuild node" without "ignore-scripts".');
  }
  writeFileSync(files.stamp, currentStamp(root));
  // Only for speed: whatever goes wrong there will be told, if it matters, by the command that comes next.
  spawnSync(files.pinnedNode, [join(root, 'scripts', 'precompile.mjs')], { cwd: root, stdio: 'ignore', timeout: PRECOMPILE_MS });
}

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  setUp(dirname(dirname(fileURLToPath(import.meta.url))));
}
