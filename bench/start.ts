/**
 * `npm run bench -- start`: from the launch of `tutti serve` with an empty data folder to the first 200 of `/readyz`, the
 * memory of the idle server before any model is loaded, and the first text of an embedded model that was not loaded.
 * The first launch fills Node's compile cache and is reported by itself.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ChatClient } from './harness/chat-stream.ts';
import { cpuMs, residentMb } from './harness/process-figures.ts';
import { progress, readOptions, report, single, type Figure } from './harness/report.ts';
import { launch, type LaunchOptions } from './harness/server.ts';
import { interleave, ratios, summarize } from './harness/statistics.ts';

/** How long the server is left alone before its memory is read. Milliseconds. */
const IDLE_MS = 1000;

interface Started {
  readonly readyMs: number;
  readonly readyCpuMs: number;
  readonly idleMb: number;
  readonly firstTokenMs: number;
}

export default async function start(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  await report('start', options, async () => {
    const temporary = await mkdtemp(join(tmpdir(), 'tutti-bench-start-'));
    try {
      // As on a fresh machine, without a config; other weights need one to be found.
      const config =
        options.weights === undefined ? undefined : { backends: { embedded: { type: 'embedded', models_dir: options.weights } } };
      const launchOnce = (round: number): Promise<Started> => {
        progress(`start: ${round + 1} of ${options.rounds}`);
        return startOnce({ temporary, ...(config && { config }) });
      };
      const first = await launchOnce(-1);
      const pairs = await interleave<Started>(options.rounds, launchOnce, startNothing);
      const ours = (name: string, unit: string, value: (started: Started) => number): Figure => ({
        name,
        unit,
        ...summarize(pairs.map((pair) => value(pair.ours))),
      });
      return [
        { ...ours('ready after launch', 'ms', ({ readyMs }) => readyMs), target: { atMost: 700 } },
        ours('  CPU until ready', 'ms', ({ readyCpuMs }) => readyCpuMs),
        { name: '  a bare Node process', unit: 'ms', ...summarize(pairs.map(({ peer }) => peer.readyMs)) },
        { name: '  launch against bare Node', unit: 'ratio', ...ratios(pairs, ({ readyMs }) => readyMs) },
        { ...ours('first token, cold model', 'ms', ({ firstTokenMs }) => firstTokenMs), target: { atMost: 1000 } },
        { ...ours('memory of the idle server', 'MB', ({ idleMb }) => idleMb), target: { atMost: 130 } },
        single('first launch ever: ready', 'ms', first.readyMs),
        single('first launch ever: first token', 'ms', first.firstTokenMs),
        single('first launch ever: memory', 'MB', first.idleMb),
      ];
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  });
}

async function startOnce(options: LaunchOptions): Promise<Started> {
  await using server = await launch(options);
  const readyCpuMs = cpuMs(server.pid);
  await sleep(IDLE_MS);
  const idleMb = residentMb(server.pid);
  await using client = new ChatClient(server.url);
  const { firstTextMs } = await client.ask({ model: 'embedded:base', prompt: 'What is 12 + 30?', maxTokens: 8, banned: [] });
  return { readyMs: server.readyMs, readyCpuMs, idleMb, firstTokenMs: firstTextMs };
}

/** How long this machine takes, at this moment, to start a Node that does nothing. */
async function startNothing(): Promise<Started> {
  const began = performance.now();
  await once(spawn(process.execPath, ['--eval', ''], { stdio: 'ignore' }), 'exit');
  return { readyMs: performance.now() - began, readyCpuMs: 0, idleMb: 0, firstTokenMs: 0 };
}
