/** A pool over a fake backend, a fake clock and the real registry. */
import type { Backend } from '../../src/contracts/backend.ts';
import type { EventBus, EventOf, EventType, TuttiEvent } from '../../src/contracts/event.ts';
import { SILENT_LOGGER } from '../../src/contracts/logger.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { deferred, type Deferred } from '../../src/lib/deferred.ts';
import { MIB } from '../../src/pool/memory-budget.ts';
import type { DeviceInfo } from '../../src/pool/placement.ts';
import { Pool, type PoolOptions } from '../../src/pool/pool.ts';
import { poolSchema, toPoolLimits, type PoolLimits } from '../../src/pool/schema.ts';
import { Registry } from '../../src/registry/registry.ts';
import { EventMonitor } from '../../src/testing/event-monitor.ts';
import { FakeBackend, type FakeModelScript } from '../../src/testing/fake-backend.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';

export interface RigOptions {
  /** Each takes 1000 MiB on its device unless it says otherwise. */
  readonly models: Readonly<Record<string, FakeModelScript>>;
  readonly remote?: Readonly<Record<string, FakeModelScript>>;
  readonly limits?: Partial<PoolLimits>;
  readonly gpus?: readonly DeviceInfo[];
  /** Of the machine. Default 100,000. */
  readonly machineMb?: number;
  readonly options?: Partial<PoolOptions>;
}

export type Rig = ReturnType<typeof makeRig>;

export function mib(count: number): number {
  return count * MIB;
}

export function gpu(index: number, totalMb = 10_000): DeviceInfo {
  return { id: `gpu:${index}`, api: 'cuda', name: 'fake', totalBytes: mib(totalMb), freeBytes: mib(totalMb) };
}

/** A model that holds so many MiB wherever it is put. */
export function sized(mb: number, more: FakeModelScript = {}): FakeModelScript {
  return { memory: ({ device }) => ({ [device]: mib(mb) }), ...more };
}

export function makeRig(options: RigOptions) {
  const clock = new FakeClock();
  const bus = new PlainBus(clock);
  const monitor = new EventMonitor(bus);
  const registry = new Registry({ events: bus });
  const scripts = Object.entries(options.models).map(([name, script]) => [name, { ...sized(1000), ...script }] as const);
  const backend = new FakeBackend({ id: 'gguf', residency: 'local', clock, models: Object.fromEntries(scripts) });
  const remote = new FakeBackend({ id: 'cloud', residency: 'remote', clock, models: options.remote ?? {} });
  const backends = new Map<string, Backend>();
  for (const one of [backend, remote]) {
    backends.set(one.id, one);
    registry.setBackendModels(
      one.id,
      Object.keys(one === backend ? options.models : (options.remote ?? {})).map((name) => one.descriptor(name)),
    );
  }
  const machineMb = options.machineMb ?? 100_000;
  const pool = new Pool({
    limits: { ...toPoolLimits(poolSchema.parse({})), ...options.limits },
    clock,
    events: bus,
    log: SILENT_LOGGER,
    describe: (id, how) => registry.describe(id, how),
    backendOf: (model) => {
      const found = model.backend === null ? undefined : backends.get(model.backend);
      if (found === undefined) throw new TuttiError('unknown_backend', `There is no backend for ${model.id}.`);
      return found;
    },
    redirect: (from, to) => registry.redirect(from, to),
    devices: async () => options.gpus ?? [],
    systemMemory: () => ({ totalBytes: mib(machineMb), availableBytes: mib(machineMb) }),
    readFile: () => null,
    cores: 8,
    ...options.options,
  });
  return { pool, registry, backend, remote, backends, clock, monitor, bus };
}

/** Lets everything that is due in this turn of the event loop happen. No time passes. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A promise and what has become of it. */
export function watched<T>(promise: Promise<T>): { readonly promise: Promise<T>; readonly state: () => string } {
  let state = 'waiting';
  promise.then(
    () => (state = 'done'),
    (error: unknown) => (state = TuttiError.isInstance(error) ? error.code : String(error)),
  );
  return { promise, state: () => state };
}

/** A gate for loads: they go on when it is opened. */
export function gate(): Deferred<void> {
  return deferred();
}

/** The smallest bus that works. */
class PlainBus implements EventBus {
  readonly #clock: FakeClock;
  readonly #listeners = new Set<{ type: string; listener: (event: TuttiEvent) => void }>();
  #id = 0;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  publish<T extends EventType>(type: T, data: EventOf<T>['data']): void {
    const event = { id: ++this.#id, type, at: this.#clock.now(), runId: null, principal: null, data } as unknown as TuttiEvent;
    for (const entry of this.#listeners) if (entry.type === '*' || entry.type === type) entry.listener(event);
  }

  on(type: string, listener: (event: never) => void): Disposable {
    const entry = { type, listener: listener as (event: TuttiEvent) => void };
    this.#listeners.add(entry);
    return { [Symbol.dispose]: () => void this.#listeners.delete(entry) };
  }
}
