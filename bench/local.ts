/**
 * `npm run bench -- local`: tokens a second through the whole of Tutti (HTTP, router, pool, runner, recorder, stream) against the
 * same weights called directly in one process. Both on one thread, at temperature 0, with the tokens that would end an
 * answer forbidden, so that both compute the same and as long.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BENCH_GGUF, makeGguf } from '../src/testing/gguf-writer.ts';
import { ChatClient } from './harness/chat-stream.ts';
import { DirectModel, type Answer } from './harness/direct.ts';
import { childrenOf, cpuMs } from './harness/process-figures.ts';
import { progress, readOptions, report, single, type Figure } from './harness/report.ts';
import { launch, type ServerProcess } from './harness/server.ts';
import { interleave, ratios, summarize } from './harness/statistics.ts';

interface Case {
  readonly name: string;
  readonly model: string;
  readonly path: string;
  readonly contextSize: number;
  readonly streams: number;
  readonly maxTokens: number;
  readonly atLeast: number;
}

/** Of one round: what was made, in which time, and what the processes computed for it. */
interface Measured {
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** Milliseconds of processor time in the process that holds the weights. */
  readonly modelCpu: number;
  /** In the server, where there is one. */
  readonly serverCpu: number;
}

const WEIGHTS = join(import.meta.dirname, '..', 'models', 'weights');

export default async function local(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  await report('local', options, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tutti-bench-weights-'));
    try {
      const random = join(folder, 'random.gguf');
      await makeGguf(random, BENCH_GGUF);
      const weights = options.weights ?? WEIGHTS;
      const base = { model: 'embedded:base', path: join(weights, 'base.gguf'), contextSize: 1024, maxTokens: 256 };
      const cases: Case[] = [
        { ...base, name: 'base, one stream', streams: 1, atLeast: 0.75 },
        { ...base, name: 'base, four streams', streams: 4, atLeast: 0.8 },
        {
          name: '57 M, one stream',
          model: 'bench:random',
          path: random,
          contextSize: 2048,
          maxTokens: 32,
          streams: 1,
          atLeast: 0.95,
        },
      ];
      // One thread, as the peer has: what is compared is what stands around the computing.
      const config = {
        backends: {
          embedded: { type: 'embedded', models_dir: weights },
          bench: { type: 'llama-cpp', models_dir: folder, threads: 1, gpu: false },
        },
      };
      await using server = await launch({ config });
      await using client = new ChatClient(server.url);
      const figures: Figure[] = [];
      for (const one of cases) figures.push(...(await measure(one, { server, client, rounds: options.rounds })));
      return figures;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

interface Setting {
  readonly server: ServerProcess;
  readonly client: ChatClient;
  readonly rounds: number;
}

async function measure(
  { name, model, path, contextSize, streams, maxTokens, atLeast }: Case,
  { server, client, rounds }: Setting,
): Promise<Figure[]> {
  await using direct = await DirectModel.load(path, { sequences: streams, contextSize });
  const prompts = (round: number): string[] => Array.from({ length: streams }, (_, i) => `What is ${100 + round} + ${200 + i}?`);
  const through = (round: number): Promise<Answer[]> =>
    Promise.all(prompts(round).map((prompt) => client.ask({ model, prompt, maxTokens, banned: direct.endings })));
  const directly = (round: number): Promise<Answer[]> => direct.answer(prompts(round), maxTokens);
  // Loads the model, and lets both be compiled.
  requireSame(await through(-1), await directly(-1), maxTokens);
  await through(-2);

  const runners = (): number => childrenOf(server.pid).reduce((sum, pid) => sum + cpuMs(pid), 0);
  const pairs = await interleave(
    rounds,
    (round) => {
      progress(`${name}: ${round + 1} of ${rounds}`);
      return timed(() => through(round), { model: runners, server: () => cpuMs(server.pid) });
    },
    (round) => timed(() => directly(round), { model: ownCpuMs, server: () => 0 }),
  );
  const speed = (who: string, side: 'ours' | 'peer'): Figure => ({
    name: `  ${who}`,
    unit: 'tokens/s',
    ...summarize(pairs.map((pair) => pair[side].tokensPerSecond)),
  });
  // The kernel counts in steps of ten milliseconds, so it is asked for the sum of all rounds.
  const cpu = (measured: readonly Measured[], of: 'modelCpu' | 'serverCpu'): number =>
    measured.reduce((sum, one) => sum + one[of], 0) / measured.reduce((sum, one) => sum + one.tokens, 0);
  const ours = pairs.map((pair) => pair.ours);
  const runner = cpu(ours, 'modelCpu');
  const peer = cpu(
    pairs.map((pair) => pair.peer),
    'modelCpu',
  );
  return [
    { name, unit: 'ratio', target: { atLeast }, ...ratios(pairs, (measured) => measured.tokensPerSecond) },
    speed('through HTTP', 'ours'),
    speed('directly', 'peer'),
    single('  CPU a token, directly', 'ms', peer),
    single('  CPU a token, runner', 'ms', runner),
    single('  CPU a token, server', 'ms', cpu(ours, 'serverCpu')),
    single('  CPU, directly to runner', 'ratio', peer / runner),
  ];
}

interface Meters {
  readonly model: () => number;
  readonly server: () => number;
}

async function timed(work: () => Promise<readonly Answer[]>, meters: Meters): Promise<Measured> {
  const before = { model: meters.model(), server: meters.server() };
  const began = performance.now();
  const answers = await work();
  const seconds = (performance.now() - began) / 1000;
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  return {
    tokens,
    tokensPerSecond: tokens / seconds,
    modelCpu: meters.model() - before.model,
    serverCpu: meters.server() - before.server,
  };
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** A comparison of different answers would compare nothing. */
function requireSame(ours: readonly Answer[], theirs: readonly Answer[], maxTokens: number): void {
  for (const [i, { tokens, text }] of ours.entries()) {
    if (tokens !== maxTokens) throw new Error(`The server wrote ${tokens} tokens of ${maxTokens}.`);
    if (text.slice(0, 32) !== theirs[i]?.text.slice(0, 32))
      throw new Error(`Different answers: ${JSON.stringify([text, theirs[i]?.text])}`);
  }
}
