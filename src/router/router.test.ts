import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventBus, EventType } from '../contracts/event.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import type { Capability, ModelId } from '../contracts/vocabulary.ts';
import { operationOf } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { ModelState } from '../pool/contract.ts';
import { Registry } from '../registry/registry.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { CircuitBreakers } from './breakers.ts';
import type { BackendFacts } from './directory.ts';
import { Measurements } from './measurements.ts';
import { Router, type RouteRequest } from './router.ts';
import { orchestratorSchema, POLICIES, routingSchema } from './schema.ts';

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
  readonly residency?: ModelState;
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
  const residencies = new Map<ModelId, ModelState>();
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

describe('auto', () => {
  const models = {
    'a:chat': { quality: { default: 0.9 }, capabilities: ['text_generation', 'tool_calling'] },
    'a:code': { quality: { default: 0.8 }, capabilities: ['text_generation', 'code_generation'] },
    'a:eyes': { quality: { default: 0.1 }, capabilities: ['text_generation', 'vision'] },
    'a:embed': { capabilities: ['embedding'] },
  };
  const code = 'Write a function that sorts a list.';
  const picture: RouteRequest['input'] = {
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }] }],
  };

  it('detects the kind of the task', () => {
    const { router } = worldOf({ models });
    expect(route(router, 'auto')[0]).toBe('a:chat');
    expect(route(router, 'auto', { text: code })).toEqual(['a:code', 'a:chat', 'a:eyes']);
    expect(route(router, 'auto', { input: picture })).toEqual(['a:eyes']);
    expect(route(router, 'auto', { operation: 'embed', input: { input: 'x' } })).toEqual(['a:embed']);
  });

  it('takes a kind of text that nobody is registered for as text generation', () => {
    const { router } = worldOf({ models });
    const decision = router.route(request('auto', { text: 'Translate "hello" to French' }));
    expect(decision.features).toMatchObject({ type: 'translation' });
    expect(decision.candidates[0]).toMatchObject({
      model: 'a:chat',
      reason: expect.stringContaining('balanced for text_generation'),
    });
  });

  it('uses the default model of the kind, and the policy’s best behind it', () => {
    const { router } = worldOf({ models, orchestrator: { default_code_model: 'a:eyes', default_chat_model: 'code' } });
    expect(route(router, 'auto', { text: code })).toEqual(['a:eyes', 'a:code', 'a:chat']);
    expect(router.route(request('auto')).candidates[0]).toEqual({
      model: 'a:code',
      score: null,
      reason: 'orchestrator.default_chat_model',
    });
  });

  it('passes over a default model that cannot take the request or is not there', () => {
    const { router } = worldOf({ models, orchestrator: { default_vision_model: 'a:chat', default_chat_model: 'a-typo' } });
    const vision = router.route(request('auto', { input: picture }));
    expect(vision.candidates.map(({ model }) => model)).toEqual(['a:eyes']);
    expect(vision.excluded).toEqual([{ model: 'a:chat', reason: 'no vision for the image input' }]);
    const chat = router.route(request('auto'));
    expect(chat.candidates[0]?.model).toBe('a:chat');
    expect(chat.excluded).toMatchObject([{ model: 'a-typo', reason: expect.stringContaining('There is no model `a-typo`') }]);
  });

  it('uses the default backend: its default model, or the best of its models', () => {
    const all = { ...models, 'b:small': { quality: { default: 0.1 } }, 'b:smaller': { quality: { default: 0.05 } } };
    const orchestrator = { default_backend: 'b' };
    expect(route(worldOf({ models: all, orchestrator }).router, null)[0]).toBe('b:small');
    const backends = { b: { onThisMachine: false, defaultModel: 'smaller' } };
    expect(route(worldOf({ models: all, orchestrator, backends }).router, null)[0]).toBe('b:smaller');
  });

  it('follows the first rule that is true, and says which', () => {
    const rules = [
      { when: 'task.complexity > 7', use: 'a:eyes' },
      { when: "task.type == 'code_generation'", use: 'mine' },
    ];
    const { router } = worldOf({ models, routing: { rules }, aliases: { mine: ['a:chat', 'a:code'] } });
    const decision = router.route(request('auto', { text: code }));
    expect(decision.resolvedBy).toBe('rule');
    expect(decision.candidates[0]).toEqual({ model: 'a:chat', score: null, reason: "rule 1: task.type == 'code_generation'" });
    expect(route(router, 'auto', { complexity: 9 })[0]).toBe('a:eyes');
    expect(route(router, 'a:code', { complexity: 9 })).toEqual(['a:code']);
  });

  it('lets a rule name a capability or an orchestration', () => {
    const rules = [
      { when: 'request.stream', use: 'panel' },
      { when: 'true', use: 'code_generation' },
    ];
    const { router } = worldOf({ models, routing: { rules }, orchestrations: ['panel'] });
    expect(route(router, 'auto', { stream: true })[0]).toBe('panel');
    expect(route(router, 'auto')[0]).toBe('a:code');
  });

  it('goes on without a rule that fails or whose model is out, and says why', () => {
    const rules = [
      { when: "request.metadata.team == 'x'", use: 'a:code' },
      { when: 'true', use: 'nowhere' },
    ];
    const decision = worldOf({ models, routing: { rules } }).router.route(request('auto'));
    expect(decision.resolvedBy).toBe('auto');
    expect(decision.candidates[0]?.model).toBe('a:chat');
    expect(decision.excluded.map(({ model }) => model)).toEqual(['a:code', 'nowhere']);
  });

  it('is fast for who is in a hurry', () => {
    const { router, measurements } = worldOf({
      models: { 'a:good': { quality: { default: 1 } }, 'a:fast': { quality: { default: 0.3 } } },
    });
    measurements.record('a:good', { firstTokenMs: 3000, tokensPerSecond: 60 });
    measurements.record('a:fast', { firstTokenMs: 30, tokensPerSecond: 300 });
    expect(route(router, 'auto', { policy: 'accuracy' })[0]).toBe('a:good');
    expect(route(router, 'auto', { requiresSpeed: true })[0]).toBe('a:fast');
    expect(router.route(request('auto', { requiresSpeed: true })).candidates[0]?.reason).toContain(
      'performance for text_generation',
    );
  });
});

describe('a backend on the call', () => {
  const models = {
    'a:one': {},
    'a:two': { quality: { default: 0.9 } },
    'a:code': { capabilities: ['code_generation'] },
    'b:one': {},
    'b:three': {},
  };
  const world = (more: Partial<WorldOptions> = {}) => worldOf({ models, aliases: { mine: ['b:one', 'a:two'] }, ...more }).router;

  it.each<[string | null, string, ModelId[]]>([
    ['one', 'a', ['a:one']],
    ['a:one', 'a', ['a:one']],
    ['mine', 'a', ['a:two']],
    ['code_generation', 'a', ['a:code']],
    ['auto', 'b', ['b:one', 'b:three']],
    [null, 'a', ['a:two', 'a:one']],
  ])('%s at %s', (target, backend, candidates) => {
    const decision = world().route(request(target, { backend }));
    expect(decision.resolvedBy).toBe('backend');
    expect(decision.candidates.map(({ model }) => model)).toEqual(candidates);
  });

  it('uses its default model when none is named, and no rules', () => {
    const router = world({
      backends: { a: { onThisMachine: true, defaultModel: 'one' } },
      routing: { rules: [{ when: 'true', use: 'b:one' }] },
    });
    expect(route(router, null, { backend: 'a' })).toEqual(['a:one', 'a:two']);
  });

  it('that is unknown is an error with the known ones', () => {
    const error = errorOf(() => route(world(), null, { backend: 'c' }));
    expect(error.code).toBe('unknown_backend');
    expect(error.message).toContain('a, b');
  });

  it('that lacks the model is an error', () => {
    expect(errorOf(() => route(world(), 'three', { backend: 'a' })).code).toBe('model_not_found');
  });
});

describe('fallbacks', () => {
  const models = {
    'a:one': { fallbacks: ['b:two', 'mine', 'nowhere'] },
    'b:two': { fallbacks: ['a:one', 'c:three'] },
    'c:three': {},
    'c:four': {},
  };
  const aliases = { mine: ['c:four'] };

  it('given to a model follow it, in their order, but not theirs in turn', () => {
    const decision = worldOf({ models, aliases }).router.route(request('a:one'));
    expect(decision.candidates).toEqual([
      { model: 'a:one', score: null, reason: 'named by the request' },
      { model: 'b:two', score: null, reason: 'fallback of a:one' },
      { model: 'c:four', score: null, reason: 'fallback of a:one' },
    ]);
    expect(decision.excluded.map(({ model }) => model)).toEqual(['nowhere']);
  });

  it('of a capability are the next best, unless that is switched off', () => {
    const many = { 'a:1': {}, 'a:2': {}, 'a:3': { fallbacks: ['b:x'] }, 'b:x': { capabilities: ['vision', 'text_generation'] } };
    const ranked = { ...many, 'a:3': { ...many['a:3'], quality: { default: 1 } } };
    expect(route(worldOf({ models: ranked }).router, 'text_generation')).toEqual(['a:3', 'b:x', 'a:1', 'a:2']);
    const orchestrator = { enable_auto_fallback: false };
    expect(route(worldOf({ models: ranked, orchestrator }).router, 'text_generation')).toEqual(['a:3', 'b:x']);
    expect(route(worldOf({ models: ranked, orchestrator }).router, 'auto')).toEqual(['a:3', 'b:x']);
  });

  it('may be a capability: its best', () => {
    const { router } = worldOf({
      models: { 'a:one': { fallbacks: ['vision'] }, 'b:eyes': { capabilities: ['vision', 'text_generation'] } },
    });
    expect(route(router, 'a:one')).toEqual(['a:one', 'b:eyes']);
  });

  it('are few, however many there are', () => {
    const crowd = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`a:m${i}`, {}]));
    expect(route(worldOf({ models: crowd }).router, 'auto')).toHaveLength(5);
  });
});

describe('what is left out', () => {
  const image = {
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }] }],
  };

  it('is not who cannot see, when nobody else is meant and somebody can describe', () => {
    const models = {
      'a:plain': {},
      'a:coder': { capabilities: ['code_generation'] },
      'a:embed': { capabilities: ['embedding'] },
    };
    const eyes = { 'b:eyes': { capabilities: ['text_generation', 'vision'] } };
    const aliases = { blind: ['a:embed', 'a:plain'], mixed: ['a:plain', 'b:eyes'] };
    const { router } = worldOf({ models: { ...models, ...eyes }, aliases });
    const blind = router.route(request('blind', { input: image }));
    expect(blind.candidates).toMatchObject([
      { model: 'a:plain', reason: expect.stringContaining('images are described for it') },
    ]);
    expect(blind.excluded.map(({ model }) => model)).toEqual(['a:embed']);
    expect(route(router, 'code_generation', { input: image })).toEqual(['a:coder']);
    expect(route(router, 'mixed', { input: image })).toEqual(['b:eyes']);
    const { router: dark } = worldOf({ models, aliases: { blind: ['a:plain'] } });
    expect(errorOf(() => route(dark, 'blind', { input: image })).code).toBe('unsupported_input');
  });

  it('is nothing that a model might be able to do of which nobody has said what it can', () => {
    const { router } = worldOf({
      models: { 'a:plain': {} },
      backends: { b: { onThisMachine: false } },
      aliases: { mine: ['a:plain', 'b:new'] },
    });
    const input = { ...image, tools: [{ type: 'function', function: { name: 'f' } }] };
    const decision = router.route(request('mine', { input }));
    expect(decision.candidates.map(({ model }) => model)).toEqual(['b:new']);
    expect(decision.excluded).toEqual([{ model: 'a:plain', reason: 'no vision for the image input' }]);
  });

  it('cannot take the request', () => {
    const { router } = worldOf({
      models: {
        'a:plain': {},
        'a:narrow': { contextWindow: 100, capabilities: ['text_generation', 'tool_calling'] },
        'a:able': { capabilities: ['text_generation', 'tool_calling', 'vision'] },
        'a:embed': { capabilities: ['embedding'] },
      },
      aliases: { all: ['a:plain', 'a:narrow', 'a:embed', 'a:able'] },
    });
    const input = {
      messages: [{ role: 'user', content: 'word '.repeat(1000) }],
      tools: [{ type: 'function', function: { name: 'f' } }],
    };
    const decision = router.route(request('all', { input }));
    expect(decision.candidates.map(({ model }) => model)).toEqual(['a:able']);
    expect(decision.excluded).toEqual([
      { model: 'a:plain', reason: 'no tool calling' },
      { model: 'a:narrow', reason: expect.stringContaining('context window of 100 tokens is too small for about 1') },
      { model: 'a:embed', reason: 'cannot `chat`, only `embed`' },
    ]);
  });

  it('is not the model that the request itself names, unless it has another operation', () => {
    const { router } = worldOf({ models: { 'a:plain': { contextWindow: 1 }, 'a:embed': { capabilities: ['embedding'] } } });
    expect(route(router, 'a:plain', { input: image })).toEqual(['a:plain']);
    expect(errorOf(() => route(router, 'a:embed'))).toMatchObject({ code: 'invalid_request', param: 'model' });
  });

  it.each([
    ['images', { input: image }, 'unsupported_input'],
    ['length', { text: 'word '.repeat(1000) }, 'context_length_exceeded'],
  ])('for %s only, is an error that says so', (_, asked, code) => {
    const { router } = worldOf({ models: { 'a:m': { contextWindow: 100 } }, aliases: { it: ['a:m'] } });
    const error = errorOf(() => route(router, 'it', asked));
    expect(error.code).toBe(code);
    expect(error.details['excluded']).toMatchObject([{ model: 'a:m' }]);
  });

  it('a capability that nobody knows is told as one, with the nearest, and is no name of anything else', () => {
    const poet = { capabilities: ['poetry'] };
    const { router } = worldOf({ models: { 'a:poet': poet, 'a:poetri': {} }, backends: { a: { onThisMachine: true } } });
    const refused = { code: 'no_model_for_capability', param: 'capability' };
    for (const asked of [{}, { backend: 'a' }]) {
      const error = errorOf(() => route(router, 'poetri', { isCapability: true, ...asked }));
      expect(error).toMatchObject({ ...refused, details: { capability: 'poetri', nearest: ['poetry'] } });
      expect(error.message).toBe('`poetri` is a capability that no model has. The nearest: poetry.');
    }
    expect(errorOf(() => route(router, 'visoin', { isCapability: true })).details.nearest).toEqual(['vision']);
    expect(errorOf(() => route(router, 'zzzzzzzzzzzzz', { isCapability: true })).message).toMatch(/tutti models/);
    expect(route(router, 'poetry', { isCapability: true })).toEqual(['a:poet']);
    expect(route(router, 'poetri')).toEqual(['a:poetri']);
  });

  it('is everything when nobody has the capability', () => {
    const { router } = worldOf({ models: { 'a:m': {} } });
    expect(errorOf(() => route(router, 'vision')).code).toBe('no_model_for_capability');
    expect(errorOf(() => route(router, 'auto', { input: image })).code).toBe('no_model_for_capability');
    expect(errorOf(() => route(worldOf({ models: {} }).router, 'auto')).code).toBe('no_model_for_capability');
  });
});

describe('open circuits', () => {
  const models = { 'a:one': { fallbacks: ['a:two'] }, 'a:two': {}, 'b:three': {} };
  const down = new TuttiError('runner_crashed', 'gone');

  function break_(world: ReturnType<typeof worldOf>, model: ModelId): void {
    for (let i = 0; i < 2; i++) world.breakers.watch(model, model.slice(0, 1)).settle(down);
  }

  it('are passed over for a fallback, and tried again after the cool-down', () => {
    const world = worldOf({ models });
    break_(world, 'a:one');
    const decision = world.router.route(request('a:one'));
    expect(decision.candidates.map(({ model }) => model)).toEqual(['a:two']);
    expect(decision.excluded).toEqual([{ model: 'a:one', reason: 'circuit open after 2 failures; tried again in 10 s' }]);
    world.clock.advance(10_000);
    expect(route(world.router, 'a:one')).toEqual(['a:one', 'a:two']);
  });

  it('are tried when nothing else is left, the one that may be tried soonest first', () => {
    const world = worldOf({ models });
    break_(world, 'a:one');
    world.clock.advance(1000);
    break_(world, 'a:two');
    const decision = world.router.route(request('a:two'));
    expect(decision.candidates).toMatchObject([{ model: 'a:two', reason: expect.stringContaining('nothing better is left') }]);
    expect(route(world.router, 'a:one')).toEqual(['a:one', 'a:two']);
  });

  it('of a backend take out all its models', () => {
    const world = worldOf({ models });
    for (let i = 0; i < 2; i++) world.breakers.watch('a:one', 'a').settle(new TuttiError('upstream_unreachable', 'gone'));
    expect(route(world.router, 'auto')).toEqual(['b:three']);
  });
});

describe('privacy', () => {
  const models = {
    'cloud:big': { quality: { default: 1 }, fallbacks: ['home:small'] },
    'home:small': { quality: { default: 0.1 }, fallbacks: ['cloud:big'] },
  };
  const backends = { cloud: { onThisMachine: false }, home: { onThisMachine: true } };
  const world = (privacy: string, more: Partial<WorldOptions> = {}) =>
    worldOf({ models, backends, aliases: { mine: ['cloud:big', 'home:small'] }, routing: { privacy: privacy as 'any' }, ...more })
      .router;

  it('any: the best first', () => {
    expect(route(world('any'), 'auto')).toEqual(['cloud:big', 'home:small']);
  });

  it.each(['auto', 'text_generation', 'mine', 'home:small', 'cloud:big'])('local_only: %s never leaves the machine', (target) => {
    expect(route(world('local_only'), target)).toEqual(['home:small']);
  });

  it('local_only: what only leaves the machine is an error', () => {
    const router = world('local_only', { models: { 'cloud:big': {} }, aliases: {} });
    expect(errorOf(() => route(router, 'cloud:big')).code).toBe('no_local_model');
    expect(errorOf(() => route(router, 'auto')).code).toBe('no_local_model');
  });

  it('local_only: a server here may have models that are answered elsewhere', () => {
    const own = { 'home:cloudy': { leavesMachine: true, quality: { default: 1 } }, 'home:small': {} };
    const router = world('local_only', { models: own, aliases: {} });
    expect(route(router, 'auto')).toEqual(['home:small']);
    expect(errorOf(() => route(router, 'home:cloudy')).code).toBe('no_local_model');
  });

  it('prefer_local: models here come first, unless another is named', () => {
    expect(route(world('prefer_local'), 'auto')).toEqual(['home:small', 'cloud:big']);
    expect(route(world('prefer_local'), 'mine')).toEqual(['home:small', 'cloud:big']);
    expect(route(world('prefer_local'), 'cloud:big')).toEqual(['cloud:big', 'home:small']);
  });

  it('lets an orchestration through: what it calls is routed by itself', () => {
    expect(route(world('local_only', { orchestrations: ['panel'] }), 'panel')).toEqual(['panel']);
  });
});

describe('rankings', () => {
  it('follow what changes', () => {
    const world = worldOf({ models: { 'a:one': { residency: 'cold' }, 'a:two': { residency: 'cold' } } });
    expect(route(world.router, 'auto')).toEqual(['a:one', 'a:two']);
    world.residencies.set('a:two', 'loaded');
    world.events.publish('model.loaded', { model: 'a:two', device: 'cpu', ms: 1, memory: {} });
    expect(route(world.router, 'auto')).toEqual(['a:two', 'a:one']);
    world.measurements.record('a:two', { firstTokenMs: 60_000, tokensPerSecond: 1 });
    expect(route(world.router, 'auto')).toEqual(['a:one', 'a:two']);
    world.registry.rate('a:two', { quality: { text_generation: 1 } });
    world.registry.rate('a:one', { quality: { text_generation: 0 } });
    expect(route(world.router, 'auto')).toEqual(['a:two', 'a:one']);
    world.registry.unregister('a:two');
    expect(route(world.router, 'auto')).toEqual(['a:one']);
  });

  it('are always those that scoring everything anew gives', () => {
    const ids = Array.from({ length: 12 }, (_, i) => `a:m${i}`);
    const change = fc.record({ model: fc.constantFrom(...ids), ms: fc.integer({ min: 1, max: 5000 }), read: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.constantFrom(...POLICIES), (changes, policy) => {
        const models = Object.fromEntries(ids.map((id) => [id, {}]));
        const world = worldOf({ models });
        const fresh = worldOf({ models });
        for (const { model, ms, read } of changes) {
          for (const { measurements } of [world, fresh]) measurements.record(model, { firstTokenMs: ms, tokensPerSecond: null });
          if (read) route(world.router, 'auto', { policy });
        }
        expect(route(world.router, 'auto', { policy })).toEqual(route(fresh.router, 'auto', { policy }));
      }),
    );
  });

  it('are no longer followed once the router is disposed of', () => {
    const { router, events } = worldOf({ models: {} });
    expect(events.listening).toBe(4);
    router[Symbol.dispose]();
    expect(events.listening).toBe(0);
  });
});

describe('a decision', () => {
  it('shows the features that it was made by', () => {
    const { router } = worldOf({ models: { 'a:m': {} } });
    expect(router.route(request('a:m', { text: 'Quick: fix the bug in this function', complexity: 4 })).features).toEqual({
      type: 'code_generation',
      intent: 'debug',
      complexity: 4,
      requires_speed: true,
      tokens: 9,
      has_images: false,
      has_tools: false,
    });
  });

  it('classifies a text as auto does', () => {
    const { router } = worldOf({ models: {} });
    expect(router.classify('Write a function')).toEqual({
      type: 'code_generation',
      intent: 'code',
      complexity: 2,
      confidence: 0.9,
      method: 'cues',
    });
  });

  it('refuses a wrong rule when it is made', () => {
    expect(errorOf(() => worldOf({ models: {}, routing: { rules: [{ when: 'nonsense', use: 'a' }] } })).code).toBe(
      'config_invalid',
    );
  });
});
