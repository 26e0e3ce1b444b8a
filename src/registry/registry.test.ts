import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EventBus, EventData, EventType } from '../contracts/event.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import { TuttiError } from '../errors/error.ts';
import { Registry } from './registry.ts';

let events: string[];
let registry: Registry;

/** Writes down what is published, as `registered a:x`. */
const bus: EventBus = {
  publish<T extends EventType>(type: T, data: EventData[T]): void {
    events.push(`${type.slice('model.'.length)} ${'model' in data ? String(data.model) : ''}`);
  },
  on: () => ({ [Symbol.dispose]: () => undefined }),
};

function model(id: string, more: Partial<ModelDescriptor> = {}): ModelDescriptor {
  const colon = id.indexOf(':');
  return {
    id,
    backend: colon < 0 ? null : id.slice(0, colon),
    name: id.slice(colon + 1),
    capabilities: ['text_generation'],
    operations: ['chat'],
    ...more,
  };
}

function errorOf(run: () => unknown): TuttiError {
  try {
    run();
  } catch (error) {
    if (TuttiError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('it did not throw');
}

beforeEach(() => {
  events = [];
  registry = new Registry({ events: bus });
});

describe('the layers of a model', () => {
  it('lays the config over the backend, the run-time registration over the config, and merges maps by key', () => {
    registry.setBackendModels('a', [
      model('a:x', { contextWindow: 100, quality: { default: 0.1, vision: 0.2 }, metadata: { from: 'backend' } }),
    ]);
    registry.setConfigured(
      [{ id: 'a:x', contextWindow: 200, quality: { default: 0.3 }, metadata: { size: '7B' }, speed: 0.2 }],
      {},
      ['a'],
    );
    registry.register({ id: 'a:x', contextWindow: 300, load: { device: 'cpu' }, price: { perCall: 0 } });
    expect(registry.get('a:x')).toMatchObject({
      contextWindow: 300,
      speed: 0.2,
      quality: { default: 0.3, vision: 0.2 },
      metadata: { from: 'backend', size: '7B' },
      load: { device: 'cpu' },
      price: { perCall: 0 },
    });
  });

  it('derives operations from capabilities that are said, and keeps the backend’s otherwise', () => {
    registry.setBackendModels('a', [model('a:x', { capabilities: ['text_generation'], operations: ['chat', 'embed'] })]);
    expect(registry.get('a:x')?.operations).toEqual(['chat', 'embed']);
    registry.update('a:x', { capabilities: ['embedding', 'reranking'] });
    expect(registry.get('a:x')).toMatchObject({ capabilities: ['embedding', 'reranking'], operations: ['embed', 'rerank'] });
  });

  it('takes a patched field back with null', () => {
    registry.setBackendModels('a', [model('a:x', { contextWindow: 100 })]);
    registry.update('a:x', { contextWindow: 50, pinned: true });
    expect(registry.get('a:x')).toMatchObject({ contextWindow: 50, pinned: true });
    registry.update('a:x', { contextWindow: null });
    expect(registry.get('a:x')).toMatchObject({ contextWindow: 100, pinned: true });
  });

  it('keeps ratings by hand apart from measured ones', () => {
    registry.setBackendModels('a', [model('a:x')]);
    registry.rate('a:x', { quality: { code_generation: 0.75 }, speed: 0.9 });
    registry.recordMeasured('a:x', { quality: { code_generation: 0.4, reasoning: 0.6 } });
    expect(registry.get('a:x')).toMatchObject({
      quality: { code_generation: 0.75 },
      measuredQuality: { code_generation: 0.4, reasoning: 0.6 },
      speed: 0.9,
    });
    registry.rate('a:x', { quality: { code_generation: null }, speed: null });
    expect(registry.get('a:x')?.quality).toBeUndefined();
    expect(registry.get('a:x')?.speed).toBeUndefined();
  });

  it('has configured models before their backend lists them, and without a backend not at all', () => {
    registry.setConfigured([{ id: 'a:x', capabilities: ['vision'] }, { id: 'gone:y' }], {}, ['a']);
    expect(registry.list().map(({ id }) => id)).toEqual(['a:x']);
    registry.setBackendModels('gone', []);
    expect(registry.list().map(({ id }) => id)).toEqual(['a:x', 'gone:y']);
    registry.removeBackend('gone');
    expect(registry.list().map(({ id }) => id)).toEqual(['a:x']);
  });

  it('keeps what was set while running over a new config', () => {
    registry.setConfigured([{ id: 'a:x', contextWindow: 1 }], {}, ['a']);
    registry.update('a:x', { contextWindow: 2 });
    registry.setConfigured([{ id: 'a:x', contextWindow: 3, pinned: true }], {}, ['a']);
    expect(registry.get('a:x')).toMatchObject({ contextWindow: 2, pinned: true });
  });

  it('hides an unregistered model, whoever lists it, until it is registered again', () => {
    registry.setBackendModels('a', [model('a:x')]);
    registry.unregister('a:x');
    registry.setBackendModels('a', [model('a:x')]);
    expect(registry.get('a:x')).toBeUndefined();
    expect(errorOf(() => registry.resolve('a:x')).code).toBe('model_not_found');
    registry.register({ id: 'a:x' });
    expect(registry.get('a:x')).toBeDefined();
  });

  it('refuses a registration that no backend can answer, or that is malformed', () => {
    registry.setConfigured([], {}, ['a']);
    expect(errorOf(() => registry.register({ id: 'b:x' }))).toMatchObject({
      code: 'unknown_backend',
      details: { backends: ['a'] },
    });
    expect(errorOf(() => registry.register({ id: 'x' }))).toMatchObject({ code: 'invalid_request', param: 'id' });
    expect(errorOf(() => registry.register({ id: 'a:x', capabilities: ['No Such'] }))).toMatchObject({ param: 'capabilities' });
    expect(errorOf(() => registry.register({ id: 'a:x', quality: { vision: 2 } }))).toMatchObject({ param: 'quality.vision' });
    expect(errorOf(() => registry.rate('a:x', { speed: 1 })).code).toBe('model_not_found');
    expect(registry.list()).toEqual([]);
  });

  it('refuses models whose id is not their backend’s', () => {
    expect(errorOf(() => registry.setBackendModels('a', [model('b:x')])).code).toBe('backend_error');
  });
});

describe('events', () => {
  it('tells of what was registered, changed and removed, and of nothing that stayed the same', () => {
    registry.setBackendModels('a', [model('a:x'), model('a:y')]);
    registry.setBackendModels('a', [model('a:x'), model('a:z')]);
    registry.rate('a:x', { speed: 0.5 });
    registry.rate('a:x', { speed: 0.5 });
    expect(events).toEqual(['registered a:x', 'registered a:y', 'unregistered a:y', 'registered a:z', 'changed a:x']);
  });

  it('counts its version up with every change only', () => {
    registry.setBackendModels('a', [model('a:x')]);
    const before = registry.version;
    registry.setBackendModels('a', [model('a:x')]);
    expect(registry.version).toBe(before);
    registry.update('a:x', { pinned: true });
    expect(registry.version).toBeGreaterThan(before);
  });

  it('keeps the same object for a model as long as nothing changes', () => {
    registry.setBackendModels('a', [model('a:x')]);
    const before = registry.get('a:x');
    registry.setBackendModels('a', [model('a:x')]);
    expect(registry.get('a:x')).toBe(before);
  });
});

describe('finding by capability', () => {
  beforeEach(() => {
    registry.setBackendModels('a', [
      model('a:big', { parameters: 70e9 }),
      model('a:eyes', { capabilities: ['vision', 'text_generation'], parameters: 2e9 }),
      model('a:small', { parameters: 1e6 }),
    ]);
  });

  it('ranks by the rating set by hand, else the measured one, else the size, and says why', () => {
    expect(registry.find('text_generation').map(({ model: { id } }) => id)).toEqual(['a:big', 'a:eyes', 'a:small']);
    registry.recordMeasured('a:small', { quality: { text_generation: 0.8 } });
    registry.rate('a:eyes', { quality: { default: 0.9 } });
    expect(registry.find('text_generation').map(({ model: { id }, source, reason }) => `${id} ${source}: ${reason}`)).toEqual([
      'a:eyes hand: quality 0.9 in general, set by hand',
      'a:small measured: quality 0.8 for text_generation, measured',
      'a:big prior: quality 0.64, assumed from its size',
    ]);
    expect(registry.best('text_generation')?.model.id).toBe('a:eyes');
    expect(registry.best('ocr')).toBeNull();
  });

  it('orders equals by id', () => {
    registry.setBackendModels('b', [model('b:2'), model('b:1')]);
    const unrated = registry.find('text_generation').filter(({ quality }) => quality === 0.5);
    expect(unrated.map(({ model: { id } }) => id)).toEqual(['b:1', 'b:2']);
  });

  it('never changes a list that it handed out', () => {
    const before = registry.find('text_generation');
    const ids = before.map(({ model: { id } }) => id);
    registry.unregister('a:big');
    registry.rate('a:small', { quality: { default: 1 } });
    expect(before.map(({ model: { id } }) => id)).toEqual(ids);
    expect(registry.withCapability('text_generation').map(({ id }) => id)).toEqual(['a:small', 'a:eyes']);
  });

  it('leaves orchestrations out, which are called by name', () => {
    registry.addModel(model('panel', { quality: { default: 1 } }));
    expect(registry.best('text_generation')?.model.id).toBe('a:big');
    expect(registry.list({ capability: 'text_generation' }).map(({ id }) => id)).toContain('panel');
  });

  it('sums capabilities up, a user’s own included', () => {
    registry.register({ id: 'a:poet', capabilities: ['poetry'] });
    expect(registry.capabilities()).toEqual([
      { capability: 'poetry', operation: 'chat', models: ['a:poet'], best: 'a:poet' },
      { capability: 'text_generation', operation: 'chat', models: ['a:big', 'a:eyes', 'a:small'], best: 'a:big' },
      { capability: 'vision', operation: 'chat', models: ['a:eyes'], best: 'a:eyes' },
    ]);
  });

  it('lists by backend', () => {
    registry.setBackendModels('b', [model('b:x')]);
    expect(registry.list({ backend: 'b' }).map(({ id }) => id)).toEqual(['b:x']);
  });
});

describe('orchestrations and aliases', () => {
  it.each([
    ['auto', 'auto'],
    ['vision', 'capability'],
    ['a', 'backend'],
    ['a:x', 'backend'],
    ['', 'empty'],
  ])('may not be called `%s`', (name, reason) => {
    registry.setBackendModels('a', []);
    expect(errorOf(() => registry.addModel(model('panel', { id: name, name }))).message).toContain(reason);
    const error = errorOf(() => registry.setConfigured([], { [name]: ['a:x'] }, ['a']));
    expect(error).toMatchObject({ code: 'config_invalid' });
    expect(error.message).toContain(reason);
  });

  it('do not share a name', () => {
    registry.addModel(model('panel'));
    expect(errorOf(() => registry.setConfigured([], { panel: ['a:x'] }, ['a'])).code).toBe('config_invalid');
    registry.setConfigured([], { other: ['a:x'] }, ['a']);
    expect(errorOf(() => registry.addModel(model('other'))).code).toBe('config_invalid');
  });

  it('may not have the name of a backend that is added', () => {
    registry.addModel(model('panel'));
    expect(errorOf(() => registry.setConfigured([], {}, ['panel'])).code).toBe('config_invalid');
    expect(registry.backends.has('panel')).toBe(false);
  });

  it('can be rated and described by the config', () => {
    registry.setConfigured([{ id: 'panel', quality: { default: 0.9 } }], {}, []);
    expect(registry.get('panel')).toBeUndefined();
    registry.addModel(model('panel'));
    expect(registry.get('panel')).toMatchObject({ backend: null, quality: { default: 0.9 } });
    registry.removeModel('panel');
    expect(registry.get('panel')).toBeUndefined();
  });
});

describe('a swapped name', () => {
  beforeEach(() => registry.setBackendModels('a', [model('a:1'), model('a:2'), model('a:3')]));

  it('is answered by the other model and no longer found by capability', () => {
    registry.redirect('a:1', 'a:2');
    expect(registry.resolve('a:1')).toMatchObject({ by: 'id', model: { id: 'a:2' } });
    expect(registry.resolve('1')).toMatchObject({ by: 'name', model: { id: 'a:2' } });
    expect(registry.describe('a:1').id).toBe('a:2');
    expect(registry.get('a:1')?.id).toBe('a:1');
    expect(registry.describe('a:1', { ignoreSwaps: true }).id).toBe('a:1');
    expect(registry.resolve('1', { ignoreSwaps: true })).toMatchObject({ by: 'name', model: { id: 'a:1' } });
    expect(registry.find('text_generation').map(({ model: { id } }) => id)).toEqual(['a:2', 'a:3']);
  });

  it('follows later swaps, and never in a circle', () => {
    registry.redirect('a:1', 'a:2');
    registry.redirect('a:2', 'a:3');
    expect(registry.describe('a:1').id).toBe('a:3');
    registry.redirect('a:3', 'a:1');
    expect(['a:1', 'a:2', 'a:3'].map((id) => registry.describe(id).id)).toEqual(['a:1', 'a:1', 'a:1']);
    expect(registry.find('text_generation').map(({ model: { id } }) => id)).toEqual(['a:1']);
  });

  it('is answered by the last model it was given to, whatever was swapped before', () => {
    const name = fc.constantFrom('a:1', 'a:2', 'a:3');
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name), { minLength: 1, maxLength: 12 }), (swaps) => {
        registry = new Registry({ events: bus });
        registry.setBackendModels('a', [model('a:1'), model('a:2'), model('a:3')]);
        for (const [from, to] of swaps) {
          const followers = ['a:1', 'a:2', 'a:3'].filter((id) => registry.describe(id).id === from);
          registry.redirect(from, to);
          for (const id of [from, to, ...followers]) expect(registry.describe(id).id).toBe(to);
        }
        // Exactly those that answer for themselves are found by capability.
        const own = ['a:1', 'a:2', 'a:3'].filter((id) => registry.describe(id).id === id);
        expect(registry.find('text_generation').map((entry) => entry.model.id)).toEqual(own);
      }),
    );
  });

  it('comes back when it is redirected to itself, or when the other model goes', () => {
    registry.redirect('a:1', 'a:2');
    registry.unregister('a:2');
    expect(registry.describe('a:1').id).toBe('a:1');
    registry.redirect('a:1', 'a:1');
    expect(registry.find('text_generation').map(({ model: { id } }) => id)).toEqual(['a:1', 'a:3']);
  });
});

describe('what a model can do of which nobody has said', () => {
  it('is assumed, until its backend lists it or the config says', () => {
    registry.setConfigured(
      [
        { id: 'a:priced', quality: { default: 0.5 } },
        { id: 'a:told', capabilities: ['vision'] },
      ],
      {},
      ['a'],
    );
    expect(registry.describe('a:x')).toMatchObject({ assumed: true, capabilities: ['text_generation'] });
    expect(registry.describe('a:priced')).toMatchObject({ assumed: true, quality: { default: 0.5 } });
    expect(registry.describe('a:told')).not.toHaveProperty('assumed');
    registry.setBackendModels('a', [model('a:x'), model('a:priced')]);
    expect(registry.describe('a:x')).not.toHaveProperty('assumed');
    expect(registry.describe('a:priced')).not.toHaveProperty('assumed');
  });
});
