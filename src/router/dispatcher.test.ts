import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatInput } from '../contracts/chat.ts';
import { SILENT_LOGGER } from '../contracts/logger.ts';
import type { Model, ModelDescriptor } from '../contracts/model.ts';
import type { Part, StepEnd } from '../contracts/part.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import type { Code } from '../errors/codes.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import { FakeBackend, type FakeModelScript } from '../testing/fake-backend.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { collectParts, summarize } from '../testing/collect.ts';
import type { Open } from './attempt.ts';
import { CircuitBreakers } from './breakers.ts';
import { Dispatcher, STOP_GRACE_MS, type DispatchRequest } from './dispatcher.ts';
import { Measurements } from './measurements.ts';

const failure = (code: Code = 'runner_crashed', retryAfter?: number): TuttiError =>
  new TuttiError(code, `no luck (${code})`, retryAfter === undefined ? {} : { retryAfter });
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
      directory: { describe: (id) => this.#describe(id) },
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

  #describe(id: string): ModelDescriptor {
    return this.#models.get(id)?.descriptor ?? this.backend.descriptor(id.slice(id.indexOf(':') + 1));
  }
}

const errorOf = async (stream: AsyncIterable<Part>): Promise<{ error: TuttiError; parts: Part[] }> => {
  const parts: Part[] = [];
  try {
    for await (const part of stream) parts.push(part);
  } catch (error) {
    expect(TuttiError.isInstance(error)).toBe(true);
    return { error: error as TuttiError, parts };
  }
  throw new TuttiError('internal_error', 'the stream ended well');
};
const ends = (parts: readonly Part[]): StepEnd[] => parts.filter((part) => part.type === 'step-end');

const textOf = (parts: readonly Part[]): string => summarize(parts).text;
const outcomes = (parts: readonly Part[]): string[] => ends(parts).map(({ step, outcome }) => `${step} ${outcome}`);

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
    expect(parts[1]).toMatchObject({ phase: 'load', fraction: 0, model: 'fake:a' });
    expect(world.released).toEqual(['fake:a']);
  });

  it('throws its own error', async () => {
    const world = new World({ a: { answer: { failBefore: failure() } } });
    const { error, parts } = await errorOf(world.dispatch(['fake:a']));
    expect(error.code).toBe('runner_crashed');
    expect(outcomes(parts)).toEqual(['root/0 failed']);
    expect(world.released).toEqual(['fake:a']);
  });

  it('throws what opening it throws, and has nothing to release', async () => {
    const world = new World({ a: { load: { error: failure('load_failed') } } });
    expect((await errorOf(world.dispatch(['fake:a']))).error.code).toBe('load_failed');
    expect(world.released).toEqual([]);
  });

  it('does nothing before it is iterated', async () => {
    const world = new World({ a: {} });
    const stream = world.dispatch(['fake:a']);
    await stream.return(undefined);
    expect(world.opened).toEqual([]);
  });

  it('is priced by what it used', async () => {
    const price = { inputPerMtok: 1_000_000, outputPerMtok: 2_000_000 };
    const world = new World({
      priced: { answer: { text: 'x', usage: { inputTokens: 3, outputTokens: 2 } }, descriptor: { price } },
      unpriced: { answer: 'x' },
    });
    expect(ends(await collectParts(world.dispatch(['fake:priced'])))).toMatchObject([{ costUsd: 7, usage: { inputTokens: 3 } }]);
    expect(ends(await collectParts(world.dispatch(['fake:unpriced'])))).toMatchObject([{ costUsd: null }]);
  });

  it('leaves the cost of a failed attempt that used nothing open, so that the sum is not unknown', async () => {
    const world = new World({ a: { answer: { failBefore: failure() } } });
    const { parts } = await errorOf(world.dispatch(['fake:a']));
    expect(ends(parts)[0]).not.toHaveProperty('costUsd');
  });

  it('is measured without the time that loading took', async () => {
    const world = new World({
      a: { load: { ms: 5000 }, answer: { text: 'w '.repeat(11), delayMs: 300, deltaDelayMs: 100 } },
    });
    const done = collectParts(world.dispatch(['fake:a']));
    for (let i = 0; i < 12; i++) {
      await world.clock.timerSet();
      world.clock.advance(i === 0 ? 5000 : i === 1 ? 300 : 100);
    }
    const parts = await done;
    expect(world.measurements.get('fake:a')).toEqual({ firstTokenMs: 300, tokensPerSecond: 10 });
    expect(ends(parts)[0]?.firstTokenMs).toBe(5300);
  });
});

describe('fallback', () => {
  it('goes on to the next candidate when one fails before its first content', async () => {
    const world = new World({ a: { answer: { failBefore: failure() } }, b: { answer: 'hi' } });
    const parts = await collectParts(world.dispatch(['fake:a', 'fake:b']));
    expect(summarize(parts)).toMatchObject({ text: 'hi', finish: 'stop' });
    expect(ends(parts)).toMatchObject([
      { step: 'root/0', outcome: 'failed', error: { code: 'runner_crashed' } },
      { step: 'root/1', outcome: 'completed' },
    ]);
    expect(world.fallbacks).toMatchObject([{ from: 'fake:a', to: 'fake:b', error: { code: 'runner_crashed' } }]);
    expect(world.released).toEqual(world.opened);
  });

  it('throws once content was passed on, and never finishes', async () => {
    const world = new World({ a: { answer: { text: ['one ', 'two'], failAfter: { deltas: 1, error: failure() } } }, b: {} });
    const { error, parts } = await errorOf(world.dispatch(['fake:a', 'fake:b']));
    expect(error.code).toBe('runner_crashed');
    expect(textOf(parts)).toBe('one ');
    expect(parts.some(({ type }) => type === 'finish')).toBe(false);
    expect(world.opened).toEqual(['fake:a']);
  });

  it('takes over at any time when the caller collects anyhow, and drops what the failed one said', async () => {
    const world = new World({
      a: { answer: { text: ['one ', 'two'], failAfter: { deltas: 1, error: failure() } } },
      b: { answer: 'three' },
    });
    const parts = await collectParts(world.dispatch(['fake:a', 'fake:b'], { commit: 'finish' }));
    expect(textOf(parts)).toBe('three');
    expect(outcomes(parts)).toEqual(['root/0 failed', 'root/1 completed']);
  });

  it.each<Code>(['invalid_request', 'budget_exceeded', 'shutting_down'])('%s stops at once', async (code) => {
    const world = new World({ a: { answer: { failBefore: failure(code) } }, b: {} });
    expect((await errorOf(world.dispatch(['fake:a', 'fake:b']))).error.code).toBe(code);
    expect(world.opened).toEqual(['fake:a']);
  });

  it.each<Code>([
    'context_length_exceeded',
    'unsupported_input',
    'model_too_large',
    'invalid_model_file',
    'upstream_rejected',
    'upstream_timeout',
    'load_failed',
    'out_of_memory',
  ])('%s is about the model, so the next one is asked', async (code) => {
    const world = new World({ a: { answer: { failBefore: failure(code) } }, b: { answer: 'hi' } });
    expect(textOf(await collectParts(world.dispatch(['fake:a', 'fake:b'])))).toBe('hi');
  });

  it('lists every attempt when all fail', async () => {
    const world = new World({
      a: { answer: { failBefore: failure('upstream_rate_limited', 30) } },
      b: { answer: { failBefore: failure('context_length_exceeded') } },
    });
    const { error, parts } = await errorOf(world.dispatch(['fake:a', 'fake:b']));
    expect(error).toMatchObject({ code: 'all_models_failed', status: 429, retryable: true, retryAfter: 30 });
    expect(error.details['attempts']).toMatchObject([
      { model: 'fake:a', code: 'upstream_rate_limited' },
      { model: 'fake:b', code: 'context_length_exceeded' },
    ]);
    expect(error.message).toContain('fake:b: no luck (context_length_exceeded)');
    expect(outcomes(parts)).toEqual(['root/0 failed', 'root/1 failed']);
  });

  it('has the status of the last error when none may pass', async () => {
    const rejected = { answer: { failBefore: failure('context_length_exceeded') } };
    const { error } = await errorOf(new World({ a: rejected, b: rejected }).dispatch(['fake:a', 'fake:b']));
    expect(error).toMatchObject({ code: 'all_models_failed', status: 400, retryable: false });
  });

  it('opens the circuit of a model that keeps failing, and of nobody else', async () => {
    const world = new World({ a: { answer: { failBefore: failure() } }, b: {} });
    for (let i = 0; i < 3; i++) await collectParts(world.dispatch(['fake:a', 'fake:b']));
    expect(world.breakers.list()).toMatchObject([{ model: 'fake:a', state: 'open', failures: 3 }]);
  });
});

describe('trying the same model again', () => {
  const twice = (code: Code, retryAfter?: number): FakeModelScript => ({
    answer: [{ failBefore: failure(code, retryAfter) }, { text: 'at last' }],
  });

  it('waits a moment after an error of the upstream', async () => {
    const world = new World({ a: twice('upstream_error'), b: {} }, { retries: 1 });
    const done = collectParts(world.dispatch(['fake:a', 'fake:b']));
    await world.clock.timerSet();
    world.clock.advance(250);
    const parts = await done;
    // Each opening makes a new instance, whose script begins anew.
    expect(outcomes(parts)[0]).toBe('root/0 failed');
    expect(parts.find((part) => part.type === 'step-start' && part.step === 'root/1')).toMatchObject({
      model: 'fake:a',
      reason: 'again after upstream_error',
    });
  });

  it.each<[string, Code, number | undefined, string[], number]>([
    ['a rate limit that is short', 'upstream_rate_limited', 1, ['fake:a', 'fake:a', 'fake:b'], 1000],
    ['a rate limit that is long', 'upstream_rate_limited', 60, ['fake:a', 'fake:b'], 0],
    ['a server that is not there, with another candidate left', 'upstream_unreachable', undefined, ['fake:a', 'fake:b'], 0],
    ['a crash', 'runner_crashed', undefined, ['fake:a', 'fake:b'], 0],
  ])('%s', async (_, code, retryAfter, opened, wait) => {
    const world = new World({ a: { answer: { failBefore: failure(code, retryAfter) } }, b: {} }, { retries: 1 });
    const done = collectParts(world.dispatch(['fake:a', 'fake:b']));
    if (wait > 0) {
      await world.clock.timerSet();
      world.clock.advance(wait);
    }
    await done;
    expect(world.opened).toEqual(opened);
  });

  it('tries a server that is not there again when it is the last candidate', async () => {
    const world = new World({ a: { answer: { failBefore: failure('upstream_unreachable') } } }, { retries: 2 });
    const done = errorOf(world.dispatch(['fake:a']));
    for (const wait of [250, 500]) {
      await world.clock.timerSet();
      world.clock.advance(wait);
    }
    expect((await done).error.code).toBe('upstream_unreachable');
    expect(world.opened).toHaveLength(3);
  });

  it('is given up when the caller leaves meanwhile', async () => {
    const world = new World({ a: { answer: { failBefore: failure('upstream_error') } } }, { retries: 1 });
    const stop = new AbortController();
    const done = errorOf(world.dispatch(['fake:a'], { signal: stop.signal }));
    await world.clock.timerSet();
    stop.abort();
    expect((await done).error.code).toBe('cancelled');
    expect(world.clock.pendingTimers).toBe(0);
  });
});

describe('a stream that breaks its contract', () => {
  const text = (step: string, choice = 0): Part => ({ type: 'text-delta', step, choice, text: 'x' });
  const finish = (step: string, choice = 0): Part => ({ type: 'finish', step, choice, reason: 'stop' });

  it.each<[string, (step: string) => Part[], number, Code]>([
    ['no finish', (step) => [text(step)], 1, 'stream_truncated'],
    ['nothing at all', () => [], 1, 'stream_truncated'],
    ['no finish for the second choice', (step) => [finish(step)], 2, 'stream_truncated'],
    ['two finishes', (step) => [finish(step), finish(step)], 1, 'backend_error'],
    ['content after the finish', (step) => [finish(step), text(step)], 1, 'backend_error'],
    ['the finish of another step', () => [finish('elsewhere')], 1, 'stream_truncated'],
  ])('%s', async (_, parts, n, code) => {
    const world = new World({});
    world.unruly(
      'odd',
      async function* (_operation, _input, { step }) {
        yield* parts(step);
      },
      { nativeChoices: true },
    );
    const { error, parts: seen } = await errorOf(world.dispatch(['odd'], { input: ask({ n }) }));
    expect(error.code).toBe(code);
    expect(seen.filter((part) => part.type === 'finish' && part.step === 'root')).toEqual([]);
    expect(world.released).toEqual(['odd']);
  });

  it('and an exception that is not ours are errors of the backend, so the next candidate answers', async () => {
    const world = new World({ b: { answer: 'hi' } });
    world.unruly('odd', async function* () {
      yield* [];
      throw new TypeError('x is undefined');
    });
    const { error } = await errorOf(world.dispatch(['odd']));
    expect(error).toMatchObject({ code: 'backend_error', message: 'odd failed: x is undefined' });
    expect(textOf(await collectParts(world.dispatch(['odd', 'fake:b'])))).toBe('hi');
  });

  it('is told apart from a cancel when the backend aborts by itself', async () => {
    const world = new World({});
    world.unruly('odd', async function* () {
      yield* [];
      throw new DOMException('gone', 'AbortError');
    });
    expect((await errorOf(world.dispatch(['odd']))).error.code).toBe('backend_error');
  });

  it('finishes at the end only, also when the model does so earlier', async () => {
    const world = new World({});
    world.unruly('odd', async function* (_operation, _input, { step }) {
      yield text(step);
      yield finish(step);
      throw failure('upstream_error');
    });
    const { parts } = await errorOf(world.dispatch(['odd']));
    expect(parts.some(({ type }) => type === 'finish')).toBe(false);
  });
});

describe('several choices', () => {
  const one: FakeModelScript = {
    answer: (input) => `seed ${input.seed}`,
    descriptor: { nativeChoices: false, price: { inputPerMtok: 0, outputPerMtok: 0, perCall: 2 } },
  };

  it('are as many calls at once when the model makes one at a time', async () => {
    const world = new World({ a: one });
    const parts = await collectParts(world.dispatch(['fake:a'], { input: ask({ n: 3, seed: 10 }) }));
    const { choices, usage } = summarize(parts);
    expect(choices.map(({ text }) => text)).toEqual(['seed 10', 'seed 11', 'seed 12']);
    expect(choices.map(({ finish }) => finish)).toEqual(['stop', 'stop', 'stop']);
    expect(usage).toEqual({ inputTokens: 6, outputTokens: 6 });
    expect(world.backend.calls.map(({ input }) => 'n' in input)).toEqual([false, false, false]);
    expect(ends(parts)).toMatchObject([{ step: 'root/0', costUsd: 6, usage: { outputTokens: 6 } }]);
    expect(world.opened).toHaveLength(1);
  });

  it('are the model’s own business when it can make them', async () => {
    const world = new World({ a: { answer: 'x' } });
    const parts = await collectParts(world.dispatch(['fake:a'], { input: ask({ n: 2 }) }));
    expect(world.backend.calls).toHaveLength(1);
    expect(summarize(parts).choices).toHaveLength(2);
  });

  it('all stop when one fails', async () => {
    const never = deferred();
    const world = new World({
      a: {
        answer: (_input, { index }) => (index === 1 ? { failBefore: failure() } : { gate: never.promise }),
        descriptor: { nativeChoices: false },
      },
    });
    expect((await errorOf(world.dispatch(['fake:a'], { input: ask({ n: 3 }) }))).error.code).toBe('runner_crashed');
    expect(world.backend.calls.map(({ state }) => state)).toEqual(['cancelled', 'failed', 'cancelled']);
    expect(world.released).toEqual(['fake:a']);
  });

  it('of an orchestration are runs with steps of their own', async () => {
    const world = new World({});
    world.unruly(
      'panel',
      async function* (_operation, _input, { step }) {
        yield { type: 'step-start', step: `${step}/draft`, parent: step, kind: 'call', name: 'draft', model: 'm', at: 0 };
        yield { type: 'text-delta', step, choice: 0, text: step };
        yield { type: 'finish', step, choice: 0, reason: 'stop' };
      },
      { backend: null },
    );
    const parts = await collectParts(world.dispatch(['panel'], { input: ask({ n: 2 }) }));
    expect(parts.flatMap((part) => (part.type === 'step-start' ? part.step : []))).toEqual([
      'root/0',
      'root/0/0',
      'root/0/1',
      'root/0/0/draft',
      'root/0/1/draft',
    ]);
    expect(summarize(parts).choices.map(({ text }) => text)).toEqual(['root/0/0', 'root/0/1']);
  });
});

describe('stopping', () => {
  const endless = () => ({ answer: { text: 'w '.repeat(50), gates: { 2: deferred().promise } } });

  it('leaving the iteration stops the model and waits until it has stopped', async () => {
    const world = new World({ a: endless(), b: {} });
    for await (const part of world.dispatch(['fake:a', 'fake:b'])) if (part.type === 'text-delta') break;
    expect(world.backend.calls.map(({ state }) => state)).toEqual(['cancelled']);
    expect(world.released).toEqual(['fake:a']);
    expect(world.opened).toEqual(['fake:a']);
  });

  it('a signal cancels the call', async () => {
    const world = new World({ a: endless() });
    const stop = new AbortController();
    const called = world.backend.nextCall();
    const done = errorOf(world.dispatch(['fake:a'], { signal: stop.signal }));
    await called;
    stop.abort();
    const { error, parts } = await done;
    expect(error.code).toBe('cancelled');
    expect(outcomes(parts)).toEqual(['root/0 cancelled']);
    expect(world.released).toEqual(['fake:a']);
    expect(world.breakers.list()).toEqual([]);
  });

  it('a signal that says why is taken at its word', async () => {
    const reason = failure('shutting_down');
    const { error } = await errorOf(
      new World({ a: {}, b: {} }).dispatch(['fake:a', 'fake:b'], { signal: AbortSignal.abort(reason) }),
    );
    expect(error).toBe(reason);
  });

  it('the deadline ends the call, however many candidates are left', async () => {
    const world = new World({ a: endless(), b: {} });
    const called = world.backend.nextCall();
    const done = errorOf(world.dispatch(['fake:a', 'fake:b'], { deadline: world.clock.now() + 1000 }));
    await called;
    world.clock.advance(1000);
    expect((await done).error.code).toBe('deadline_exceeded');
    expect(world.opened).toEqual(['fake:a']);
    expect(world.released).toEqual(['fake:a']);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('a deadline that has passed opens nothing', async () => {
    const world = new World({ a: {} });
    expect((await errorOf(world.dispatch(['fake:a'], { deadline: world.clock.now() }))).error.code).toBe('deadline_exceeded');
    expect(world.opened).toEqual([]);
  });

  it('a load that is under way is stopped', async () => {
    const world = new World({ a: { load: { gate: deferred().promise } } });
    const stop = new AbortController();
    const stream = world.dispatch(['fake:a'], { signal: stop.signal });
    await stream.next();
    stop.abort();
    expect((await errorOf(stream)).error.code).toBe('cancelled');
  });

  it('a model that does not stop is left to itself after a while, and released only once it has stopped', async () => {
    const world = new World({});
    const stuck = deferred();
    const started = deferred();
    const released = deferred();
    world.unruly('odd', async function* () {
      yield* [];
      started.resolve();
      await stuck.promise;
    });
    const stop = new AbortController();
    const open: Open = async (id, options) => {
      const opened = await world.open(id, options);
      return { ...opened, release: () => opened.release().then(() => released.resolve()) };
    };
    const done = errorOf(world.dispatch(['odd'], { signal: stop.signal, open }));
    await started.promise;
    stop.abort();
    await world.clock.timerSet();
    world.clock.advance(STOP_GRACE_MS);
    expect((await done).error.code).toBe('cancelled');
    expect(world.released).toEqual([]);
    stuck.resolve();
    await released.promise;
    expect(world.released).toEqual(['odd']);
  });

  it('a model is released when it has finished, not when the client has read', async () => {
    const world = new World({ a: { answer: 'one two three' } });
    const stream = world.dispatch(['fake:a']);
    await stream.next();
    await world.backend.calls[0]?.ended;
    const parts = await collectParts(stream);
    expect(textOf(parts)).toBe('one two three');
    expect(world.released).toEqual(['fake:a']);
  });
});

describe('any mixture of candidates', () => {
  interface Plan {
    readonly words: readonly string[];
    /** After so many words, or never. */
    readonly fails: number | null;
    readonly how: 'crash' | 'cut' | 'load';
  }
  const plan: fc.Arbitrary<Plan> = fc.record({
    words: fc.array(fc.constantFrom('ab ', 'c', ' '), { maxLength: 4 }),
    fails: fc.option(fc.nat(4)),
    how: fc.constantFrom('crash', 'cut', 'load'),
  });
  const scriptOf = ({ words, fails, how }: Plan): FakeModelScript => {
    if (fails === null) return { answer: { text: words } };
    if (how === 'load') return { load: { error: failure('load_failed') } };
    if (how === 'cut') return { answer: { text: words, cutAfter: fails } };
    return { answer: { text: words, failAfter: { deltas: fails, error: failure() } } };
  };
  /** How many words come out of it, and whether it ends well. */
  const fateOf = ({ words, fails, how }: Plan): { said: string; fine: boolean } => {
    if (fails === null) return { said: words.join(''), fine: true };
    return { said: how === 'load' ? '' : words.slice(0, fails).join(''), fine: false };
  };
  const saysSomething = ({ words, fails, how }: Plan): boolean =>
    (fails ?? words.length) > 0 && words.length > 0 && !(fails !== null && how === 'load');

  it('gives the answer of one model whole, or an error; steps begin and end, and every model is released', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(plan, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('first-content' as const, 'finish' as const),
        async (plans, commit) => {
          const world = new World(Object.fromEntries(plans.map((one, i) => [`m${i}`, scriptOf(one)])));
          const seen: Part[] = [];
          let failed = false;
          try {
            for await (const part of world.dispatch(
              plans.map((_, i) => `fake:m${i}`),
              { commit },
            ))
              seen.push(part);
          } catch {
            failed = true; // which error it is is tested above
          }
          const last = plans.find((one) => fateOf(one).fine || (commit === 'first-content' && saysSomething(one)));
          const expected = last === undefined ? { said: '', fine: false } : fateOf(last);
          expect(failed).toBe(!expected.fine);
          expect(textOf(seen)).toBe(expected.fine || commit === 'first-content' ? expected.said : '');
          const finishes = seen.filter(({ type }) => type === 'finish');
          expect(finishes).toHaveLength(failed ? 0 : 1);
          if (!failed) expect(seen.at(-1)?.type).toBe('finish');
          const started = seen.flatMap((part) => (part.type === 'step-start' ? part.step : []));
          expect(ends(seen).map(({ step }) => step)).toEqual(started);
          expect(world.backend.calls.every(({ state }) => state !== 'running')).toBe(true);
          expect(world.released).toHaveLength(world.backend.loads.filter(({ state }) => state !== 'failed').length);
          expect(world.clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('leaves nothing behind when callers leave anywhere, many at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(plan, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(8), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 3 }),
        async (plans, leaveAfter, n) => {
          const scripts = plans.map((one, i) => [`m${i}`, { ...scriptOf(one), descriptor: { nativeChoices: false } }]);
          const world = new World(Object.fromEntries(scripts));
          const models = plans.map((_, i) => `fake:m${i}`);
          await Promise.all(
            leaveAfter.map(async (most) => {
              let count = 0;
              try {
                for await (const _ of world.dispatch(models, { input: ask({ n }) })) if (++count > most) return;
              } catch (error) {
                expect(TuttiError.isInstance(error)).toBe(true);
              }
            }),
          );
          expect(world.backend.calls.every(({ state }) => state !== 'running')).toBe(true);
          expect(world.released).toHaveLength(world.backend.loads.filter(({ state }) => state !== 'failed').length);
          expect(world.clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
  });
});
