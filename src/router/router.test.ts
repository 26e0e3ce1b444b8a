import { describe, expect, it } from 'vitest';
import type { EventBus, EventType } from '../contracts/event.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import type { Capability, ModelId } from '../contracts/vocabulary.ts';
import { operationOf } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { Registry } from '../registry/registry.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { CircuitBreakers } from './breakers.ts';
import type { BackendFacts, Residency } from './directory.ts';
import { Measurements } from './measurements.ts';
import { Router, type RouteRequest } from './router.ts';
import { orchestratorSchema, routingSchema } from './schema.ts';

/** Delivers at once; keeps nothing. */
class Bus implements EventBus {
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  publish(type: EventType, data: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener({ type, data } as never);
  }
  on(type: string, listener: (event: never) => void): Disposable {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }
  get listening(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

interface ModelSketch extends Partial<Omit<ModelDescriptor, 'id' | 'backend' | 'name'>> {
  readonly residency?: Residency;
}

interface WorldOptions {
  /** By id. The text before the colon is its backend. */
  readonly models: Readonly<Record<ModelId, ModelSketch>>;
  readonly backends?: Readonly<Record<string, BackendFacts>>;
  readonly aliases?: Readonly<Record<string, readonly ModelId[]>>;
  readonly orchestrations?: readonly string[];
  readonly routing?: Parameters<typeof routingSchema.parse>[0];
  readonly orchestrator?: Parameters<typeof orchestratorSchema.parse>[0];
}

function worldOf({ models, backends = {}, aliases = {}, orchestrations = [], routing = {}, orchestrator = {} }: WorldOptions) {
  const clock = new FakeClock();
  const events = new Bus();
  const registry = new Registry({ events });
  const residencies = new Map<ModelId, Residency>();
  const byBackend = Map.groupBy(Object.entries(models), ([id]) => id.slice(0, id.indexOf(':')));
  for (const [backend, entries] of byBackend) {
    registry.setBackendModels(
      backend,
      entries.map(([id, { residency = 'remote', ...sketch }]) => {
        residencies.set(id, residency);
        const capabilities = sketch.capabilities ?? ['text_generation'];
        const operations = [...new Set(capabilities.map((capability: Capability) => operationOf(capability)))];
        return { id, backend, name: id.slice(backend.length + 1), operations, ...sketch, capabilities };
      }),
    );
  }
  registry.setConfigured([], aliases, [...new Set([...byBackend.keys(), ...Object.keys(backends)])]);
  for (const id of orchestrations) {
    registry.addModel({ id, backend: null, name: id, capabilities: ['text_generation'], operations: ['chat'] });
  }
  const breakers = new CircuitBreakers({ settings: { failures: 2, cooldownMs: 10_000 }, clock, events });
  const measurements = new Measurements();
  const router = new Router({
    directory: registry,
    backends: new Map(Object.entries(backends)),
    breakers,
    measurements,
    residency: (id) => residencies.get(id) ?? 'remote',
    events,
    routing: routingSchema.parse(routing),
    orchestrator: orchestratorSchema.parse(orchestrator),
  });
  return { clock, events, registry, residencies, breakers, measurements, router };
}

type Asked = Partial<RouteRequest> & { readonly text?: string };
const request = (target: string | null, { text = 'hello', ...asked }: Asked = {}): RouteRequest => ({
  target,
  operation: 'chat',
  input: { messages: [{ role: 'user', content: text }] },
  principal: LOCAL_PRINCIPAL,
  ...asked,
});
const route = (router: Router, target: string | null, asked?: Asked): ModelId[] =>
  router.route(request(target, asked)).candidates.map(({ model }) => model);
const errorOf = (run: () => unknown): TuttiError => {
  try {
    run();
  } catch (error) {
    if (TuttiError.isInstance(error)) return error;
    throw error;
  }
  throw new TuttiError('internal_error', 'it did not fail');
};

describe('what a target means', () => {
  const models = { 'a:one': { quality: { default: 0.9 } }, 'a:two': { quality: { default: 0.2 } }, 'b:one': {} };

  it.each([
    ['an id', 'a:two', 'id', ['a:two']],
    ['a bare name that one backend has', 'two', 'name', ['a:two']],
    ['an orchestration', 'panel', 'orchestration', ['panel']],
    ['an alias, in its order', 'mine', 'alias', ['b:one', 'a:one']],
    ['a capability, best first', 'text_generation', 'capability', ['a:one', 'b:one', 'a:two']],
    ['auto', 'auto', 'auto', ['a:one', 'b:one', 'a:two']],
    ['nothing, which is auto', null, 'auto', ['a:one', 'b:one', 'a:two']],
  ])('%s', (_, target, resolvedBy, candidates) => {
    const { router } = worldOf({ models, aliases: { mine: ['b:one', 'a:one'] }, orchestrations: ['panel'] });
    const decision = router.route(request(target));
    expect(decision.resolvedBy).toBe(resolvedBy);
    expect(decision.candidates.map(({ model }) => model)).toEqual(candidates);
    expect(decision.candidates.every(({ reason }) => reason.length > 0)).toBe(true);
  });

  it('an unknown name is an error', () => {
    const { router } = worldOf({ models });
    expect(errorOf(() => route(router, 'a-one')).code).toBe('model_not_found');
  });
});
