import { beforeEach, describe, expect, it } from 'vitest';
import type { EventBus } from '../contracts/event.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import { TuttiError } from '../errors/error.ts';
import { Registry } from './registry.ts';

const silent: EventBus = { publish: () => undefined, on: () => ({ [Symbol.dispose]: () => undefined }) };
let registry: Registry;

function models(backend: string, ...names: string[]): ModelDescriptor[] {
  return names.map((name) => ({
    id: `${backend}:${name}`,
    backend,
    name,
    capabilities: ['text_generation'],
    operations: ['chat'],
  }));
}

function failure(target: string, backend?: string): TuttiError {
  try {
    registry.resolve(target, backend === undefined ? {} : { backend });
  } catch (error) {
    if (TuttiError.isInstance(error)) return error;
    throw error;
  }
  throw new Error(`${target} resolved`);
}

/** `by id`, with the ids that it gives. */
function resolved(target: string, backend?: string): string {
  const resolution = registry.resolve(target, backend === undefined ? {} : { backend });
  if ('model' in resolution) return `${resolution.by} ${resolution.model.id}`;
  if (resolution.by === 'alias') return `alias ${resolution.models.map(({ id }) => id).join(' ')}`;
  return resolution.by === 'capability' ? `capability ${resolution.capability}` : 'auto';
}

beforeEach(() => {
  registry = new Registry({ events: silent });
  registry.setConfigured(
    [],
    { 'kimi-k2': ['moonshot:kimi-k2', 'groq:kimi', 'router:moonshotai/kimi-k2'], any: ['only-here', 'panel'], nowhere: ['x:y'] },
    ['ollama01', 'local', 'moonshot', 'router'],
  );
  registry.setBackendModels('ollama01', models('ollama01', 'qwen2.5:14b', 'twin'));
  registry.setBackendModels('local', models('local', 'twin', 'only-here', 'auto', 'vision', 'ollama01:inner'));
  registry.setBackendModels('router', [], { complete: false });
  registry.addModel({ id: 'panel', backend: null, name: 'panel', capabilities: ['reasoning'], operations: ['chat'] });
});

describe('a target', () => {
  it.each([
    ['ollama01:qwen2.5:14b', 'id ollama01:qwen2.5:14b'],
    ['panel', 'orchestration panel'],
    ['kimi-k2', 'alias moonshot:kimi-k2 router:moonshotai/kimi-k2'],
    ['any', 'alias local:only-here panel'],
    ['router:any/name:free', 'backend router:any/name:free'],
    ['moonshot:kimi-k2', 'backend moonshot:kimi-k2'],
    ['only-here', 'name local:only-here'],
    ['qwen2.5:14b', 'name ollama01:qwen2.5:14b'],
    ['local:ollama01:inner', 'id local:ollama01:inner'],
    ['text_generation', 'capability text_generation'],
    ['ocr', 'capability ocr'],
    ['auto', 'auto'],
    ['vision', 'capability vision'],
  ])('%s is %s', (target, expected) => expect(resolved(target)).toBe(expected));

  it('of a backend is that backend’s, with or without its prefix', () => {
    expect(resolved('twin', 'local')).toBe('backend local:twin');
    expect(resolved('local:twin', 'local')).toBe('backend local:twin');
    expect(resolved('ollama01:inner', 'local')).toBe('backend local:ollama01:inner');
    expect(failure('nothing-like-it', 'local').code).toBe('model_not_found');
    expect(failure('twin', 'lokal')).toMatchObject({
      code: 'unknown_backend',
      details: { backends: ['local', 'moonshot', 'ollama01', 'router'] },
    });
  });

  it('that several backends have is an error with the candidates', () => {
    const error = failure('twin');
    expect(error).toMatchObject({
      code: 'ambiguous_model',
      status: 400,
      details: { candidates: ['local:twin', 'ollama01:twin'] },
    });
    expect(error.message).toContain('local:twin, ollama01:twin');
  });

  it('that nobody knows is an error with at most three near names', () => {
    const error = failure('ollama01:qwen2.5:7b');
    expect(error).toMatchObject({
      code: 'model_not_found',
      status: 404,
      param: 'model',
      details: { nearest: ['ollama01:qwen2.5:14b', 'ollama01:twin'] },
    });
    expect(error.message).toContain('ollama01:qwen2.5:14b');
    expect(failure('panle').details.nearest).toEqual(['panel']);
    expect(failure('kimi').details.nearest).toEqual(['kimi-k2']);
    expect(failure('zzzzzzzzzz').details.nearest).toEqual([]);
    expect(failure('').code).toBe('model_not_found');
    expect(failure('x'.repeat(5000)).message).toMatch(/^There is no model `x{200}…`\./);
  });

  it('that nobody knows is compared with thousands of names as well', () => {
    registry.setBackendModels('local', models('local', ...Array.from({ length: 3000 }, (_, i) => `model-${i}`), 'Qwen3-Coder'));
    expect(failure('qwen3-codr').details.nearest).toEqual(['local:Qwen3-Coder']);
  });

  it('that is an alias of nothing that is there says so', () => {
    const error = failure('nowhere');
    expect(error.code).toBe('model_not_found');
    expect(error.message).toContain('x:y');
  });

  it('goes to a backend that could not be asked yet, as it stands', () => {
    expect(resolved('moonshot:whatever')).toBe('backend moonshot:whatever');
    expect(registry.describe('moonshot:text-embed-1')).toMatchObject({
      name: 'text-embed-1',
      capabilities: ['embedding'],
      operations: ['embed'],
    });
    registry.setBackendModels('moonshot', models('moonshot', 'kimi-k2'));
    expect(failure('moonshot:whatever').code).toBe('model_not_found');
    expect(resolved('kimi-k2')).toBe('alias moonshot:kimi-k2 router:moonshotai/kimi-k2');
  });
});
