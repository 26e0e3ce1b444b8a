import { describe, expect, it } from 'vitest';
import type { ChatInput } from '../contracts/chat.ts';
import { SILENT_LOGGER } from '../contracts/logger.ts';
import type { Model, ModelDescriptor } from '../contracts/model.ts';
import type { Part, StepEnd } from '../contracts/part.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import { TuttiError } from '../errors/error.ts';
import { FakeBackend, type FakeModelScript } from '../testing/fake-backend.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { collectParts, summarize } from '../testing/collect.ts';
import type { Open } from './attempt.ts';
import { CircuitBreakers } from './breakers.ts';
import { Dispatcher, type DispatchRequest } from './dispatcher.ts';
import { Measurements } from './measurements.ts';

const down = (code: 'upstream_error' | 'upstream_unreachable' | 'runner_crashed' = 'runner_crashed') =>
  new TuttiError(code, 'it is down');
const ask = (more: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content: 'hello there' }], ...more });

interface Asked extends Partial<Omit<DispatchRequest<'chat'>, 'decision'>> {
  readonly signal?: AbortSignal;
  readonly deadline?: number;
}

/** A dispatcher over scripted models that counts who was opened and released. */
class World {
  readonly clock = new FakeClock();
  readonly measurements = new Measurements();
  readonly breakers: CircuitBreakers;
  readonly backend: FakeBackend;
  readonly opened: string[] = [];
  readonly released: string[] = [];
  readonly fallbacks: unknown[] = [];
  readonly #models = new Map<string, Model>();
  readonly #dispatcher: Dispatcher;

  constructor(models: Record<string, FakeModelScript>, options: { retries?: number } = {}) {
    this.backend = new FakeBackend({ clock: this.clock, models });
    this.breakers = new CircuitBreakers({
      settings: { failures: 3, cooldownMs: 1000 },
      clock: this.clock,
      events: { publish() {} },
    });
    this.#dispatcher = new Dispatcher({
      directory: { get: (id) => this.#describe(id) },
      breakers: this.breakers,
      measurements: this.measurements,
      retries: options.retries ?? 0,
      clock: this.clock,
      log: SILENT_LOGGER,
    });
  }

  /** A model that keeps no contract. */
  unruly(id: string, call: Model['call'], descriptor: Partial<ModelDescriptor> = {}): void {
    const full = { id, backend: 'odd', name: id, capabilities: ['text_generation'], operations: ['chat'], ...descriptor };
    this.#models.set(id, { descriptor: full, call });
  }

  dispatch(models: readonly string[], asked: Asked = {}): AsyncGenerator<Part> {
    const { signal = new AbortController().signal, deadline, ...request } = asked;
    return this.#dispatcher.dispatch({
      decision: {
        target: 'test',
        resolvedBy: 'alias',
        candidates: models.map((model) => ({ model, score: null, reason: `because of ${model}` })),
        excluded: [],
      },
      operation: 'chat',
      input: ask(),
      options: { signal, step: 'root', principal: LOCAL_PRINCIPAL, priority: 0, ...(deadline !== undefined && { deadline }) },
      commit: 'first-content',
      open: this.open,
      onFallback: (fallback) => this.fallbacks.push(fallback),
      ...request,
    });
  }

  readonly open: Open = async (id, { signal, onProgress }) => {
    this.opened.push(id);
    const odd = this.#models.get(id);
    const name = id.slice(id.indexOf(':') + 1);
    const model =
      odd ??
      (await this.backend.open(this.backend.descriptor(name), {
        placement: { device: 'cpu' },
        signal,
        onProgress: (fraction) => onProgress({ phase: 'load', fraction }),
      }));
    return { model, release: async () => void this.released.push(id) };
  };

  #describe(id: string): ModelDescriptor | undefined {
    return this.#models.get(id)?.descriptor ?? this.backend.descriptor(id.slice(id.indexOf(':') + 1));
  }
}

const ends = (parts: readonly Part[]): StepEnd[] => parts.filter((part) => part.type === 'step-end');

describe('one candidate', () => {
  it('answers as a child step whose content is the caller’s own', async () => {
    const world = new World({ a: { answer: { text: ['one ', 'two'] } } });
    const parts = await collectParts(world.dispatch(['fake:a']));
    expect(parts.map(({ type, step }) => `${type} ${step}`)).toEqual([
      'step-start root/0',
      'progress root/0',
      'progress root/0',
      'text-delta root',
      'text-delta root',
      'usage root/0',
      'step-end root/0',
      'finish root',
    ]);
    expect(parts[0]).toMatchObject({
      parent: 'root',
      kind: 'call',
      model: 'fake:a',
      backend: 'fake',
      reason: 'because of fake:a',
    });
    expect(world.released).toEqual(['fake:a']);
  });
});

describe('fallback', () => {
  it('goes on to the next candidate when one fails before its first content', async () => {
    const world = new World({ a: { answer: { failBefore: down() } }, b: { answer: 'hi' } });
    const parts = await collectParts(world.dispatch(['fake:a', 'fake:b']));
    expect(summarize(parts)).toMatchObject({ text: 'hi', finish: 'stop' });
    expect(ends(parts)).toMatchObject([
      { step: 'root/0', outcome: 'failed', error: { code: 'runner_crashed' } },
      { step: 'root/1', outcome: 'completed' },
    ]);
    expect(world.fallbacks).toMatchObject([{ from: 'fake:a', to: 'fake:b', error: { code: 'runner_crashed' } }]);
    expect(world.released).toEqual(world.opened);
  });
});
