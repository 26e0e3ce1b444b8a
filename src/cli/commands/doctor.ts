/** `tutti doctor`: what is here, what is missing, and how to mend it. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { TuttiError } from '../../errors/error.ts';
import { createTutti, type Settings, type Tutti } from '../../tutti.ts';
import { version } from '../../version.ts';
import { reachableAt } from '../configured-server.ts';
import type { CommandContext } from '../context.ts';
import type { CommandRun } from '../commands.ts';
import { answers } from '../http-transport.ts';
import { count, formatBytes, style } from '../output.ts';

interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'warning' | 'problem';
  readonly message: string;
}

const BACKEND_TIMEOUT_MS = 10_000;
const LITTLE_DISK_BYTES = 2 * 1024 ** 3;

/** Exit status 1 when there is a problem. */
export const run: CommandRun = async (context) => {
  const findings: Finding[] = [runtime()];
  const settings = await readSettings(context, findings);
  if (settings !== null) {
    try {
      await using tutti = await createTutti({ settings, log: 'silent' });
      await examine(context, tutti, settings, findings);
    } catch (error) {
      if (context.signal.aborted) throw error;
      const { code, message } = TuttiError.from(error);
      findings.push({ what: 'start', state: 'problem', message: `Tutti cannot start: ${message} (${code})` });
    }
  }
  const healthy = findings.every((finding) => finding.state !== 'problem');
  if (context.output.json) context.output.data({ ok: healthy, findings });
  else
    for (const finding of findings)
      context.output.line(`${MARKS[finding.state]} ${style('bold', finding.what)}  ${finding.message}`);
  return healthy ? 0 : 1;
};

const MARKS = { ok: style('green', '✓'), warning: style('yellow', '!'), problem: style('red', '✗') };

function runtime(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  const message = `Tutti ${version} on Node ${process.versions.node}, ${process.platform}-${process.arch}, ${availableParallelism()} processors`;
  return major >= 24
    ? { what: 'runtime', state: 'ok', message }
    : {
        what: 'runtime',
        state: 'problem',
        message: `${message}. Tutti needs Node 24 or newer; \`npm start\` uses the one it brings.`,
      };
}

async function readSettings({ loadConfig }: CommandContext, findings: Finding[]): Promise<Settings | null> {
  try {
    const settings = await loadConfig();
    const { file, warnings } = settings.loaded;
    findings.push({ what: 'config', state: 'ok', message: file ?? 'no file, the defaults; `tutti config init` writes one' });
    for (const message of warnings) findings.push({ what: 'config', state: 'warning', message });
    return settings;
  } catch (error) {
    findings.push({ what: 'config', state: 'problem', message: TuttiError.from(error).message });
    return null;
  }
}

async function examine(context: CommandContext, tutti: Tutti, settings: Settings, findings: Finding[]): Promise<void> {
  await tutti.settled();
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(BACKEND_TIMEOUT_MS)]);
  const health = await Promise.all(
    tutti.backends.list().map(async (backend) => ({ backend, health: await tutti.backends.health(backend.id, signal) })),
  );
  for (const {
    backend,
    health: { ok, message },
  } of health) {
    const own = backend.state === 'down' && backend.error !== null ? backend.error.message : message;
    const healthy = ok && backend.state !== 'down';
    findings.push({
      what: `backend ${backend.id}`,
      state: healthy ? 'ok' : 'problem',
      message: healthy
        ? `${own} (${backend.type}${/\d models?\b/.test(own) ? '' : `, ${count(backend.models, 'model')}`})`
        : `${own} Start it, or correct \`backends.${backend.id}\` (${backend.type}).`,
    });
  }
  if (tutti.registry.list().length === 0) {
    findings.push({
      what: 'models',
      state: 'problem',
      message: 'There are none. Pull one (`tutti pull hf:org/repo:Q4_K_M`) or configure a backend.',
    });
  }
  const { resources, storage, memoryUsage } = await tutti.status();
  const gpus = resources.gpus.map((gpu) => `${gpu.id} ${gpu.name} with ${gpu.totalMb} MiB`).join(', ');
  findings.push({
    what: 'memory',
    state: 'ok',
    message: `${resources.memory.availableMb} of ${resources.memory.totalMb} MiB free; models may use ${Math.round(memoryUsage.limits.cpuMb)} MiB; ${gpus === '' ? 'no GPU, models run on the CPU' : gpus}`,
  });
  findings.push({
    what: 'database',
    state: storage.ok && storage.movedAside.length === 0 ? 'ok' : storage.ok ? 'warning' : 'problem',
    message: storage.message,
  });
  findings.push(await disk(settings.dataDir), await server(settings));
}

async function disk(directory: string): Promise<Finding> {
  if (!existsSync(directory))
    return { what: 'disk', state: 'problem', message: `${directory} is not there and cannot be made; see data_dir` };
  const { bavail, bsize } = await statfs(directory);
  const free = Number(bavail) * Number(bsize);
  const message = `${formatBytes(free)} free at ${directory}`;
  return free < LITTLE_DISK_BYTES
    ? { what: 'disk', state: 'warning', message: `${message}: too little for most models` }
    : { what: 'disk', state: 'ok', message };
}

async function server(settings: Settings): Promise<Finding> {
  const address = reachableAt(settings.loaded.config.server);
  const runs = await answers(address);
  return {
    what: 'server',
    state: 'ok',
    message: runs ? `a Tutti answers at ${address}` : `none runs at ${address}; \`tutti serve\` starts one`,
  };
}
