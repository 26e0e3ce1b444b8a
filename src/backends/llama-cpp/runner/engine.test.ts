import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunnerPart } from '../protocol.ts';
import { Engine, type BatchContext, type EngineJob } from './engine.ts';

/**
 * A context whose cells must be filled in order, as llama.cpp's must. `steps` holds what each batch did, and `gate`
 * lets a test act between two batches.
 */
class FakeContext implements BatchContext {
  readonly cells: number[][];
  readonly steps: { sequence: number; tokens: number[] }[][] = [];
  gate: (step: number) => void = () => {};
  fails: ((step: number) => boolean) | null = null;
  threads: number[] = [];
  #batch: { sequence: number; tokens: number[] }[] = [];
  #size = 0;

  constructor(parallel: number) {
    this.cells = Array.from({ length: parallel }, () => []);
  }
  initBatch(size: number): void {
    this.#size = size;
    this.#batch = [];
  }
  addToBatch(sequence: number, position: number, tokens: Uint32Array, wanted: Uint32Array): Uint32Array {
    const cells = this.cells[sequence];
    expect(cells).toBeDefined();
    expect(position).toBe(cells?.length);
    expect(this.#batch.some((item) => item.sequence === sequence)).toBe(false);
    cells?.push(...tokens);
    this.#batch.push({ sequence, tokens: [...tokens] });
    this.#size -= tokens.length;
    expect(this.#size).toBeGreaterThanOrEqual(0);
    return wanted.map(() => sequence);
  }
  async decodeBatch(): Promise<void> {
    this.steps.push(this.#batch);
    await Promise.resolve();
    this.gate(this.steps.length);
    if (this.fails?.(this.steps.length) === true) throw new Error('no slot');
  }
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean {
    expect(end).toBe(-1);
    this.cells[sequence]?.splice(start);
    return true;
  }
  setThreads(threads: number): void {
    this.threads.push(threads);
  }
}

/** Answers with `length` tokens, each of which tells whose it is. */
class FakeJob implements EngineJob {
  readonly prompt: Uint32Array;
  readonly tag: number;
  readonly #length: number;
  written = 0;
  disposed = 0;
  finished = false;
  #out: RunnerPart[] = [];

  constructor(tag: number, prompt: readonly number[], length: number) {
    this.tag = tag;
    this.prompt = Uint32Array.from(prompt);
    this.#length = length;
  }
  get pending(): boolean {
    return this.#out.length > 0;
  }
  async next(): Promise<number | null> {
    await Promise.resolve();
    expect(this.disposed).toBe(0);
    if (this.written >= this.#length) {
      this.finished = true;
      return null;
    }
    this.written++;
    this.#out.push({ type: 'text-delta', text: 'x' });
    return 1000 + this.tag;
  }
  outOfRoom(): void {
    this.finished = true;
  }
  take(): RunnerPart[] {
    return this.#out.splice(0);
  }
  closing(cachedInputTokens: number): RunnerPart[] {
    return [{ type: 'usage', usage: { inputTokens: this.prompt.length, outputTokens: this.written, cachedInputTokens } }];
  }
  [Symbol.dispose](): void {
    this.disposed++;
  }
}

interface Run {
  readonly job: FakeJob;
  readonly parts: RunnerPart[];
  readonly done: Promise<unknown>;
  readonly controller: AbortController;
}

function run(engine: Engine, job: FakeJob, options: { principal?: string; priority?: number } = {}): Run {
  const parts: RunnerPart[] = [];
  const controller = new AbortController();
  const call = {
    generation: job,
    principal: options.principal ?? 'ann',
    priority: options.priority ?? 0,
    onParts: (more: RunnerPart[]) => parts.push(...more),
  };
  const done = engine.run(call, controller.signal).then(
    () => 'complete',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );
  return { job, parts, done, controller };
}

const texts = (parts: readonly RunnerPart[]): number =>
  parts.reduce((sum, part) => sum + (part.type === 'text-delta' ? part.text.length : 0), 0);
const engineOf = (context: FakeContext, contextSize = 1000): Engine =>
  new Engine({ context, parallel: context.cells.length, contextSize, batchSize: 64 });

describe('the engine', () => {
  it('answers any mix of calls completely, and confirms a cancel only when nothing more is computed', async () => {
    const callOf = fc.record({
      prompt: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 150 }),
      length: fc.integer({ min: 0, max: 12 }),
      principal: fc.constantFrom('ann', 'bob'),
      priority: fc.integer({ min: -1, max: 1 }),
      cancelAt: fc.option(fc.integer({ min: 0, max: 25 }), { nil: null }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(callOf, { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 4 }),
        async (calls, parallel) => {
          const context = new FakeContext(parallel);
          const engine = engineOf(context);
          const runs = calls.map(({ prompt, length, principal, priority }, tag) =>
            run(engine, new FakeJob(tag, prompt, length), { principal, priority }),
          );
          const abort = (step: number): void => {
            for (const [i, { cancelAt }] of calls.entries()) if (cancelAt === step) runs[i]?.controller.abort();
          };
          context.gate = abort;
          abort(0);
          await Promise.all(
            runs.map(async ({ done, job, parts }, i) => {
              const outcome = await done;
              const confirmed = context.steps.length;
              const call = calls[i];
              expect(job.disposed).toBe(1);
              if (outcome === 'complete') {
                expect(texts(parts)).toBe(call?.length);
                expect(parts.at(-1)).toMatchObject({ type: 'usage', usage: { outputTokens: call?.length } });
              } else {
                expect(outcome).toBe('cancelled');
                expect(call?.cancelAt).not.toBe(null);
              }
              await Promise.all(runs.map((other) => other.done));
              const later = context.steps.slice(confirmed).flat();
              expect(later.some(({ tokens }) => tokens.includes(1000 + job.tag))).toBe(false);
            }),
          );
        },
      ),
      { numRuns: 150 },
    );
  });

  it('serves larger priorities first, then by arrival', async () => {
    const engine = engineOf(new FakeContext(1));
    const order: number[] = [];
    const start = (tag: number, priority: number): Promise<unknown> =>
      run(engine, new FakeJob(tag, [tag], 2), { priority }).done.then(() => order.push(tag));
    await Promise.all([start(1, 0), start(2, 5), start(3, 0), start(4, 5)]);
    expect(order).toEqual([2, 4, 1, 3]);
  });

  it('reads a conversation on where it stopped, for the same principal', async () => {
    const context = new FakeContext(1);
    const engine = engineOf(context);
    await run(engine, new FakeJob(0, [1, 2, 3], 0)).done;
    const same = run(engine, new FakeJob(1, [1, 2, 3, 4], 0));
    await same.done;
    expect(same.parts.at(-1)).toMatchObject({ usage: { cachedInputTokens: 3 } });
    const other = run(engine, new FakeJob(2, [1, 2, 3, 4], 0), { principal: 'bob' });
    await other.done;
    expect(other.parts.at(-1)).toMatchObject({ usage: { cachedInputTokens: 0 } });
  });

  it('ends an answer where the context ends', async () => {
    const engine = engineOf(new FakeContext(1), 8);
    const { done, parts } = run(engine, new FakeJob(0, [1, 2, 3], 100));
    expect(await done).toBe('complete');
    expect(texts(parts)).toBe(6);
  });

  it('fails the calls of a batch that fails, forgets what they had read, and goes on', async () => {
    const context = new FakeContext(2);
    const engine = engineOf(context);
    context.fails = (step) => step === 1;
    const [a, b] = [run(engine, new FakeJob(0, [1, 2], 3)), run(engine, new FakeJob(1, [3], 3))];
    expect([await a.done, await b.done]).toEqual(['backend_error', 'backend_error']);
    expect(context.cells).toEqual([[], []]);
    expect(await run(engine, new FakeJob(2, [1, 2], 3)).done).toBe('complete');
  });

  it('lets one broken answer fail alone', async () => {
    const engine = engineOf(new FakeContext(2));
    const broken = new FakeJob(0, [1], 3);
    broken.next = () => Promise.reject(new Error('the grammar broke down'));
    const [bad, good] = [run(engine, broken), run(engine, new FakeJob(1, [2], 3))];
    expect([await bad.done, await good.done]).toEqual(['backend_error', 'complete']);
  });

  it('stops everything before its context is freed', async () => {
    const context = new FakeContext(1);
    const engine = engineOf(context);
    const runs = [run(engine, new FakeJob(0, [1], 1e6)), run(engine, new FakeJob(1, [1], 1e6))];
    await engine.stop();
    const steps = context.steps.length;
    expect(await Promise.all(runs.map(({ done }) => done))).toEqual(['cancelled', 'cancelled']);
    expect(context.steps.length).toBe(steps);
  });

  it('changes threads between two batches only', async () => {
    const context = new FakeContext(1);
    const engine = engineOf(context);
    engine.setThreads(3);
    expect(context.threads).toEqual([3]);
    const { done } = run(engine, new FakeJob(0, [1], 5));
    context.gate = (step) => {
      if (step === 2) engine.setThreads(2);
    };
    await done;
    expect(context.threads).toEqual([3, 2]);
  });
});
