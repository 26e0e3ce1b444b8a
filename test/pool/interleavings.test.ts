/** Whatever happens in whatever order: the limits hold, leased models stay, and nobody waits for ever. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Backend, Memory, OpenModel, OpenOptions, Placement } from '../../src/contracts/backend.ts';
import type { ModelDescriptor } from '../../src/contracts/model.ts';
import type { EventBus } from '../../src/contracts/event.ts';
import { SILENT_LOGGER } from '../../src/contracts/logger.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { deferred, type Deferred } from '../../src/lib/deferred.ts';
import type { Lease } from '../../src/pool/contract.ts';
import { Pool } from '../../src/pool/pool.ts';
import { Registry } from '../../src/registry/registry.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { gpu, mib } from './rig.ts';

const CPU_MB = 1000;
const GPU_MB = 500;
const MAX_MODELS = 3;
/** MiB; `f` is too large for the GPU, `g` for everything, `e` shares a runner, `b` is pinned. */
const SIZES: Readonly<Record<string, number>> = { a: 300, b: 200, c: 400, d: 500, e: 50, f: 900, g: 1200 };
const NAMES = Object.keys(SIZES);

const modelOf = (name: string): ModelDescriptor => ({
  id: `t:${name}`,
  backend: 't',
  name,
  capabilities: ['text_generation'],
  operations: ['chat'],
  ...(name === 'e' && { countsAsLoaded: false }),
  ...(name === 'b' && { pinned: true }),
  ...(name === 'd' && { load: { device: 'cpu' as const } }),
});

/** One instance of a model: what it holds, from the start of its load until it has really gone. */
interface Instance {
  readonly name: string;
  readonly memory: Memory;
  readonly counts: boolean;
  state: 'loading' | 'open' | 'closing' | 'gone';
  readonly opened: Deferred<void>;
  readonly closed: Deferred<Error | null>;
  readonly disposed: Deferred<void>;
}

/** A backend whose loads and unloads end when the test says so. */
class SteeredBackend implements Backend {
  readonly id = 't';
  readonly type = 'steered';
  readonly residency = 'local';
  readonly onThisMachine = true;
  readonly instances: Instance[] = [];

  async list(): Promise<readonly ModelDescriptor[]> {
    return NAMES.map(modelOf);
  }

  async estimate(model: ModelDescriptor, { device }: Placement): Promise<Memory> {
    return { [device]: mib(SIZES[model.name] ?? 0) };
  }

  async open(model: ModelDescriptor, { placement, signal }: OpenOptions): Promise<OpenModel> {
    const one: Instance = {
      name: model.name,
      memory: await this.estimate(model, placement),
      counts: model.countsAsLoaded !== false,
      state: 'loading',
      opened: deferred(),
      closed: deferred(),
      disposed: deferred(),
    };
    this.instances.push(one);
    // A stopped load ends when the test says so as well: it holds its memory until then.
    await one.opened.promise.catch((error: unknown) => {
      one.state = 'gone';
      throw error;
    });
    if (signal.aborted) {
      one.state = 'gone';
      throw TuttiError.from(signal.reason, 'cancelled');
    }
    one.state = 'open';
    return {
      descriptor: model,
      closed: one.closed.promise,
      call: () => {
        throw new TuttiError('internal_error', 'Nobody calls it here.');
      },
      [Symbol.asyncDispose]: async () => {
        one.state = 'closing';
        await one.disposed.promise;
        one.state = 'gone';
        one.closed.resolve(null);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  in(...states: Instance['state'][]): Instance[] {
    return this.instances.filter(({ state }) => states.includes(state));
  }
}

type Step =
  | { readonly do: 'acquire'; readonly name: string; readonly priority: number }
  | { readonly do: 'release' | 'leave' | 'load' | 'fail' | 'dispose' | 'crash'; readonly which: number }
  | { readonly do: 'unload'; readonly name: string }
  | { readonly do: 'swap'; readonly name: string; readonly to: string }
  | { readonly do: 'evict'; readonly mb: number }
  | { readonly do: 'wait'; readonly ms: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('acquire' as const),
      name: fc.constantFrom(...NAMES),
      priority: fc.integer({ min: -3, max: 3 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(9) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('load' as const), which: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('dispose' as const), which: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'fail' as const, 'crash' as const), which: fc.nat(5) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unload' as const), name: fc.constantFrom(...NAMES) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('swap' as const), name: fc.constantFrom(...NAMES), to: fc.constantFrom(...NAMES) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('evict' as const), mb: fc.nat(1500) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(10, 1000, 6000, 70_000) }) },
);

/** How waiting may end here; a swap that fails never ends it. */
const OUTCOMES = ['lease', 'cancelled', 'load_failed', 'model_too_large'];
const SWAP_ERRORS = ['load_failed', 'model_too_large', 'model_in_use'];

interface Waiting {
  readonly name: string;
  readonly leaving: AbortController;
  outcome: 'waiting' | 'lease' | string;
}

class World {
  readonly backend = new SteeredBackend();
  readonly clock = new FakeClock();
  readonly leases: { readonly name: string; readonly lease: Lease }[] = [];
  readonly waiting: Waiting[] = [];
  /** Swaps and unloads that have not ended. */
  #underWay = 0;
  readonly pool: Pool;

  constructor() {
    const silent: EventBus = { publish: () => undefined, on: () => ({ [Symbol.dispose]: () => undefined }) };
    const registry = new Registry({ events: silent });
    registry.setBackendModels('t', NAMES.map(modelOf));
    this.pool = new Pool({
      limits: {
        maxLoadedModels: MAX_MODELS,
        cpuMemoryLimitMb: CPU_MB,
        gpuMemoryLimitMb: GPU_MB,
        fallbackToCpu: true,
        idleUnloadMs: 60_000,
        agingMs: 1000,
        fairnessMs: 5000,
        pressure: 1,
      },
      clock: this.clock,
      events: silent,
      log: SILENT_LOGGER,
      describe: (id, how) => registry.describe(id, how),
      backendOf: () => this.backend,
      redirect: (from, to) => registry.redirect(from, to),
      devices: async () => [gpu(0)],
      systemMemory: () => ({ totalBytes: mib(100_000), availableBytes: mib(100_000) }),
      readFile: () => null,
      cores: 4,
    });
  }

  async take(one: Step): Promise<void> {
    this.#start(one);
    await turn();
    this.check();
  }

  #start(one: Step): void {
    switch (one.do) {
      case 'acquire':
        return this.#acquire(one.name, one.priority);
      case 'release':
        return void this.leases.splice(one.which % Math.max(1, this.leases.length), 1)[0]?.lease.release();
      case 'leave':
        return nth(this.#open, one.which)?.leaving.abort();
      case 'load':
        return nth(this.backend.in('loading'), one.which)?.opened.resolve();
      case 'fail':
        return nth(this.backend.in('loading'), one.which)?.opened.reject(new TuttiError('load_failed', 'as asked'));
      case 'dispose':
        return nth(this.backend.in('closing'), one.which)?.disposed.resolve();
      case 'crash':
        return this.#crash(nth(this.backend.in('open'), one.which));
      case 'unload':
        return this.#meanwhile(this.pool.unload(`t:${one.name}`));
      case 'swap':
        return this.#meanwhile(this.pool.swap(`t:${one.name}`, `t:${one.to}`));
      case 'evict':
        return this.#meanwhile(this.pool.evict({ targetMemoryMb: one.mb }));
      case 'wait':
        return this.clock.advance(one.ms);
      default:
        one satisfies never;
    }
  }

  #meanwhile(work: Promise<unknown>): void {
    this.#underWay++;
    work.then(
      () => this.#underWay--,
      (error: unknown) => {
        this.#underWay--;
        expect(SWAP_ERRORS).toContain(TuttiError.isInstance(error) ? error.code : error);
      },
    );
  }

  #acquire(name: string, priority: number): void {
    const waiter: Waiting = { name, leaving: new AbortController(), outcome: 'waiting' };
    this.waiting.push(waiter);
    this.pool.acquire(`t:${name}`, { priority, signal: waiter.leaving.signal }).then(
      (lease) => {
        waiter.outcome = 'lease';
        this.leases.push({ name: lease.model.descriptor.name, lease });
      },
      (error: unknown) => (waiter.outcome = TuttiError.isInstance(error) ? error.code : String(error)),
    );
  }

  #crash(one: Instance | undefined): void {
    if (one === undefined) return;
    one.state = 'gone';
    one.closed.resolve(new TuttiError('runner_crashed', 'as asked'));
    // Its leases are worth nothing now; their holders give them back.
    for (const { lease, name } of this.leases.splice(0).filter((held) => this.#keep(held, one.name === held.name))) {
      this.leases.push({ lease, name });
    }
  }

  #keep(held: { readonly lease: Lease }, isGone: boolean): boolean {
    if (isGone) void held.lease.release();
    return !isGone;
  }

  get #open(): Waiting[] {
    return this.waiting.filter(({ outcome }) => outcome === 'waiting');
  }

  check(): void {
    const holding = this.backend.in('loading', 'open', 'closing');
    const sum = (device: 'cpu' | 'gpu:0'): number => holding.reduce((total, { memory }) => total + (memory[device] ?? 0), 0);
    expect(sum('cpu')).toBeLessThanOrEqual(mib(CPU_MB));
    expect(sum('gpu:0')).toBeLessThanOrEqual(mib(GPU_MB));
    expect(holding.filter(({ counts }) => counts).length).toBeLessThanOrEqual(MAX_MODELS);
    // One instance of each at a time, and each leased one is open.
    expect(new Set(holding.map(({ name }) => name)).size).toBe(holding.length);
    const open = new Set(this.backend.in('open').map(({ name }) => name));
    for (const { name } of this.leases) expect(open).toContain(name);
    // The pool's own account agrees with what is really held.
    const account = this.pool.memory();
    expect(account.totalMb).toBe((sum('cpu') + sum('gpu:0')) / mib(1));
  }

  /** From now on everything goes well and everybody gives back what they have. */
  async drain(): Promise<void> {
    for (let round = 0; round < 400 && (this.#open.length > 0 || this.leases.length > 0 || this.#underWay > 0); round++) {
      for (const { lease } of this.leases.splice(0)) await lease.release();
      for (const one of this.backend.in('loading')) one.opened.resolve();
      for (const one of this.backend.in('closing')) one.disposed.resolve();
      this.clock.advance(100);
      await turn();
      this.check();
    }
    expect(this.#open.map(({ name }) => name)).toEqual([]);
    expect(this.#underWay).toBe(0);
    for (const { outcome } of this.waiting) expect(OUTCOMES).toContain(outcome);
  }

  async close(): Promise<void> {
    const closing = this.pool.close();
    for (let round = 0; round < 3; round++) {
      for (const one of this.backend.in('loading')) one.opened.resolve();
      await turn();
      for (const one of this.backend.in('closing')) one.disposed.resolve();
      this.clock.advance(1);
      await turn();
    }
    await closing;
    expect(this.backend.in('loading', 'open', 'closing')).toEqual([]);
    expect(this.clock.pendingTimers).toBe(0);
  }
}

function nth<T>(items: readonly T[], which: number): T | undefined {
  return items[which % Math.max(1, items.length)];
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Each of the two kept its old model and waited for the other's room. */
const TWO_SWAPS: Step[] = [
  { do: 'acquire', name: 'a', priority: 0 },
  { do: 'load', which: 0 },
  { do: 'acquire', name: 'b', priority: 0 },
  { do: 'load', which: 0 },
  { do: 'acquire', name: 'f', priority: 0 },
  { do: 'crash', which: 3 },
  { do: 'acquire', name: 'e', priority: 0 },
  { do: 'swap', name: 'a', to: 'b' },
  { do: 'swap', name: 'f', to: 'c' },
];

it('in any order of calls, ends of loads, crashes and time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      const world = new World();
      for (const one of steps) await world.take(one);
      await world.drain();
      await world.close();
    }),
    { numRuns: 200, examples: [[TWO_SWAPS]] },
  );
});

it('with nobody left waiting behind a stream of calls for what is loaded', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 1, max: 4 }), async (priority, overlap) => {
      const world = new World();
      // `d` and `c` fill the CPU's room for `f`, and are always leased by somebody.
      const busy: Step[] = ['d', 'c', 'a'].map((name) => ({ do: 'acquire', name, priority: 0 }));
      for (const one of busy) await world.take(one);
      for (let i = 0; i < 3; i++) await world.take({ do: 'load', which: 0 });
      await world.take({ do: 'acquire', name: 'f', priority });
      const wanted = world.waiting.at(-1);
      for (let i = 0; i < 200 && wanted?.outcome === 'waiting'; i++) {
        for (const one of busy) await world.take(one);
        while (world.leases.length > 3 * overlap) await world.take({ do: 'release', which: 0 });
        if (i % 3 === 2) for (let n = 0; n < 3; n++) await world.take({ do: 'release', which: 0 });
        await world.take({ do: 'dispose', which: 0 });
        await world.take({ do: 'load', which: 0 });
        await world.take({ do: 'wait', ms: 500 });
      }
      expect(wanted?.outcome).toBe('lease');
      await world.drain();
      await world.close();
    }),
    { numRuns: 20 },
  );
});
