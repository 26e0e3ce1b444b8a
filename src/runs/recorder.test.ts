import { beforeEach, describe, expect, it } from 'vitest';
import type { EventBus } from '../contracts/event.ts';
import { SILENT_LOGGER } from '../contracts/logger.ts';
import type { Part, StepEnd, StepStart } from '../contracts/part.ts';
import type { RunRecord } from '../contracts/run.ts';
import { TuttiError } from '../errors/error.ts';
import { EventMonitor } from '../testing/event-monitor.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { createEventBus } from './event-bus.ts';
import { recordRun, reviewOf, RunRecorder, type RecorderOptions, type RunMeta } from './recorder.ts';

let clock = new FakeClock();
let bus: EventBus;
let monitor: EventMonitor;
beforeEach(() => {
  clock = new FakeClock(1_000_000);
  bus = createEventBus({ clock, log: SILENT_LOGGER });
  monitor = new EventMonitor(bus);
});

const META: RunMeta = { principal: 'app', operation: 'chat', type: 'reasoning', target: 'auto', metadata: { trace: 1 } };
const begin = (meta: Partial<RunMeta> = {}, options: Partial<RecorderOptions> = {}): RunRecorder =>
  new RunRecorder({ meta: { ...META, ...meta }, bus, clock, ...options });

const start = (step: string, more: Partial<StepStart> = {}): Part => ({
  type: 'step-start',
  step,
  parent: step.slice(0, step.lastIndexOf('/')),
  kind: 'call',
  name: step,
  model: null,
  at: clock.now(),
  ...more,
});
const end = (step: string, more: Partial<StepEnd> = {}): Part => ({
  type: 'step-end',
  step,
  outcome: 'completed',
  at: clock.now(),
  ...more,
});
const text = (text: string, step = 'root', choice = 0): Part => ({ type: 'text-delta', step, choice, text });
const usage = (step: string, inputTokens: number, outputTokens: number): Part => ({
  type: 'usage',
  step,
  usage: { inputTokens, outputTokens },
});
const finish = (more: Partial<Part & { type: 'finish' }> = {}): Part => ({
  type: 'finish',
  step: 'root',
  choice: 0,
  reason: 'stop',
  ...more,
});
/** Parts, made when they are asked for; an error is thrown, a function is called. */
async function* stream(...items: (Part | Error | (() => void) | (() => Part))[]): AsyncGenerator<Part> {
  for (const item of items) {
    if (item instanceof Error) throw item;
    const part = typeof item === 'function' ? item() : item;
    if (part) yield part;
  }
}
/** What the dispatcher yields for one model. */
const answer = (model = 'openai:a', backend = 'openai'): Part[] => [
  start('root/0', { model, backend, name: model, reason: 'named by the request' }),
  text('4'),
  usage('root/0', 10, 1),
  end('root/0', { usage: { inputTokens: 10, outputTokens: 1 }, costUsd: 0.5, firstTokenMs: 20 }),
  finish({ confidence: { score: 0.9, method: 'logprobs', calibrated: false } }),
];
async function read(recorder: RunRecorder, ...items: Parameters<typeof stream>): Promise<RunRecord> {
  await Array.fromAsync(recorder.tap(stream(...items))).catch(() => []);
  return recorder.record();
}

describe('a run that completes', () => {
  it('passes every part on, as it is, and in order', async () => {
    const parts = answer();
    expect(await Array.fromAsync(recordRun({ meta: META, bus, clock, parts: stream(...parts) }))).toEqual(parts);
  });

  it('is a record of who asked, who answered, what it took and what it cost', async () => {
    const recorder = begin({ id: 'run_1' });
    const decision = { target: 'auto', resolvedBy: 'auto', candidates: [], excluded: [] };
    recorder.routed(decision);
    clock.advance(5);
    const [first, ...rest] = answer();
    const run = await read(
      recorder,
      first!,
      () => clock.advance(20),
      ...rest,
      () => clock.advance(10),
    );
    expect(run).toEqual({
      id: 'run_1',
      principal: 'app',
      operation: 'chat',
      type: 'reasoning',
      target: 'auto',
      model: 'openai:a',
      backend: 'openai',
      status: 'completed',
      startedAt: 1_000_000,
      endedAt: 1_000_035,
      firstTokenMs: 25,
      usage: { inputTokens: 10, outputTokens: 1 },
      usageByModel: { 'openai:a': { inputTokens: 10, outputTokens: 1 } },
      costUsd: 0.5,
      confidence: { score: 0.9, method: 'logprobs', calibrated: false },
      error: null,
      conflicts: 0,
      fallbacks: 0,
      cacheHit: false,
      route: decision,
      metadata: { trace: 1 },
      steps: [
        expect.objectContaining({ path: 'root', parent: null, kind: 'run', name: 'auto', status: 'completed' }),
        {
          path: 'root/0',
          parent: 'root',
          kind: 'call',
          name: 'openai:a',
          model: 'openai:a',
          backend: 'openai',
          reason: 'named by the request',
          status: 'completed',
          startedAt: 1_000_005,
          endedAt: expect.any(Number),
          firstTokenMs: 20,
          usage: { inputTokens: 10, outputTokens: 1 },
          costUsd: 0.5,
          confidence: null,
          error: null,
        },
      ],
    });
    expect(recorder.record()).toBe(run);
  });

  it('is told on the bus from its start to its end, with its id and its principal', async () => {
    const ended: RunRecord[] = [];
    const recorder = begin({}, { onEnd: (run) => ended.push(run) });
    recorder.routed({ target: 'auto', resolvedBy: 'auto', candidates: [], excluded: [] });
    const progress: Part = { type: 'progress', step: 'root/0', phase: 'load', fraction: 0.5, model: 'openai:a' };
    const run = await read(recorder, progress, ...answer());
    expect(monitor.types).toEqual([
      'run.started',
      'run.routed',
      'step.progress',
      'step.started',
      'step.finished',
      'run.completed',
    ]);
    expect(monitor.all('run.started')[0]).toMatchObject({
      runId: recorder.id,
      principal: 'app',
      data: { target: 'auto', operation: 'chat', principal: 'app' },
    });
    expect(monitor.all('step.progress')[0]?.data).toEqual({ step: 'root/0', phase: 'load', fraction: 0.5, model: 'openai:a' });
    expect(monitor.all('step.finished')[0]?.data).toMatchObject({ step: 'root/0', outcome: 'completed', costUsd: 0.5 });
    expect(monitor.all('run.completed')[0]?.data.run).toBe(run);
    expect(ended).toEqual([run]);
  });

  it('is complete when its reader leaves after the last finish, and not before', async () => {
    const one = begin({ choices: 2 });
    for await (const part of one.tap(stream(text('a'), finish(), finish({ choice: 1 }), text('never read')))) {
      if (part.type === 'finish' && part.choice === 1) break;
    }
    expect(one.record().status).toBe('completed');
    const two = begin({ choices: 2 });
    for await (const part of two.tap(stream(text('a'), finish(), finish({ choice: 1 })))) if (part.type === 'finish') break;
    expect(two.record().status).toBe('cancelled');
  });

  it('waits when it paused with a question', async () => {
    const recorder = begin();
    recorder.wait('Which year?');
    expect((await read(recorder, text('Which year?'), finish())).status).toBe('waiting');
    expect(monitor.types.at(-1)).toBe('run.waiting');
  });

  it('keeps what it is told about the run', async () => {
    const recorder = begin();
    recorder.conflict();
    recorder.conflict(2);
    recorder.cacheHit();
    recorder.annotate({ arm: 'b' });
    recorder.answeredBy('openai:z', 'openai');
    expect(await read(recorder, text('x'), finish())).toMatchObject({
      conflicts: 3,
      cacheHit: true,
      metadata: { trace: 1, arm: 'b' },
      model: 'openai:z',
      backend: 'openai',
    });
  });
});

describe('a run that does not complete', () => {
  it('failed when its parts throw; the reader gets the same error', async () => {
    const error = new TuttiError('upstream_timeout', 'nothing came');
    const recorder = begin();
    await expect(Array.fromAsync(recorder.tap(stream(start('root/0', { model: 'a:a' }), error)))).rejects.toBe(error);
    const told = { code: 'upstream_timeout', message: 'nothing came', retryable: true };
    expect(recorder.record()).toMatchObject({ status: 'failed', error: told, model: 'a:a' });
    expect(recorder.record().steps[1]).toMatchObject({ path: 'root/0', status: 'failed', error: told });
    expect(monitor.types).toEqual(['run.started', 'step.started', 'step.finished', 'run.failed']);
    expect(monitor.all('run.failed')[0]?.data.error).toEqual(told);
  });

  it('failed when it was not routed at all', () => {
    const recorder = begin();
    recorder.fail(new TuttiError('model_not_found', 'no such model'));
    expect(recorder.record()).toMatchObject({ status: 'failed', error: { code: 'model_not_found' }, steps: [], costUsd: 0 });
  });

  it('failed when its parts end without a finish, as a truncated stream and never as complete', async () => {
    const recorder = begin();
    await expect(Array.fromAsync(recorder.tap(stream(text('half an ans'))))).rejects.toMatchObject({ code: 'stream_truncated' });
    expect(recorder.record()).toMatchObject({ status: 'failed', error: { code: 'stream_truncated' } });
  });

  it('failed when its deadline passed, cancelled when its caller aborted', async () => {
    expect((await read(begin(), new TuttiError('deadline_exceeded', 'late'))).status).toBe('failed');
    expect((await read(begin(), new TuttiError('cancelled', 'stop'))).status).toBe('cancelled');
    expect((await read(begin(), new DOMException('stop', 'AbortError'))).status).toBe('cancelled');
  });

  it('is cancelled when its reader leaves, after the parts have been told to stop', async () => {
    const order: string[] = [];
    async function* parts(): AsyncGenerator<Part> {
      try {
        yield start('root/0', { model: 'a:a' });
        yield text('one');
        yield text('two');
      } finally {
        order.push('stopped');
      }
    }
    const recorder = begin({}, { onEnd: () => order.push('recorded') });
    for await (const part of recorder.tap(parts())) if (part.type === 'text-delta') break;
    expect(order).toEqual(['stopped', 'recorded']);
    expect(recorder.record()).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } });
    expect(monitor.types.slice(-2)).toEqual(['step.finished', 'run.cancelled']);
  });

  it('is cancelled when its reader leaves before the first part', async () => {
    const recorder = begin();
    const iterator = recorder.tap(stream(...answer()));
    await iterator.return?.();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(recorder.record().status).toBe('cancelled');
  });

  it('is cancelled when its reader leaves while it waits for a part', async () => {
    const stop = Promise.withResolvers<void>();
    const parts: AsyncIterable<Part> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          await stop.promise;
          return { done: true, value: undefined };
        },
        return: async () => {
          stop.resolve();
          return { done: true, value: undefined };
        },
      }),
    };
    const recorder = begin();
    const iterator = recorder.tap(parts);
    const waiting = iterator.next();
    await iterator.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(recorder.record().status).toBe('cancelled');
  });

  it('ends once: what comes later changes nothing', async () => {
    const recorder = begin();
    const run = await read(recorder, ...answer());
    recorder.accept(text('more'));
    recorder.cancel();
    recorder.fail(new TuttiError('internal_error', 'late'));
    recorder.fallback({ from: 'a', to: 'b', error: { code: 'x', message: '', retryable: true } });
    expect(recorder.record()).toBe(run);
    expect(monitor.types.at(-1)).toBe('run.completed');
  });
});

describe('a tree of steps', () => {
  it('counts a fallback, and names the model that answered', async () => {
    const recorder = begin();
    const error = { code: 'upstream_unreachable', message: 'refused', retryable: true };
    const run = await read(
      recorder,
      start('root/0', { model: 'dead:m', backend: 'dead' }),
      end('root/0', { outcome: 'failed', error, firstTokenMs: null }),
      () => recorder.fallback({ from: 'dead:m', to: 'openai:a', error }),
      start('root/1', { model: 'openai:a', backend: 'openai' }),
      text('4'),
      end('root/1', { usage: { inputTokens: 1, outputTokens: 1 }, costUsd: 0.25, firstTokenMs: 3 }),
      finish(),
    );
    expect(run).toMatchObject({ status: 'completed', model: 'openai:a', backend: 'openai', fallbacks: 1, costUsd: 0.25 });
    expect(run.steps.map(({ path, status }) => [path, status])).toEqual([
      ['root', 'completed'],
      ['root/0', 'failed'],
      ['root/1', 'completed'],
    ]);
    expect(monitor.all('run.fallback')[0]?.data).toEqual({ from: 'dead:m', to: 'openai:a', error });
  });

  it('sums usage and cost over the calls at its leaves, and not what a step reports for those below it', async () => {
    const recorder = begin();
    const run = await read(
      recorder,
      start('root/0', { kind: 'orchestration', model: 'panel' }),
      start('root/0/a/0', { parent: 'root/0/a', model: 'x:a' }),
      end('root/0/a/0', { usage: { inputTokens: 10, outputTokens: 1 }, costUsd: 0.1 }),
      start('root/0/b/0', { parent: 'root/0/b', model: 'x:b' }),
      end('root/0/b/0', { usage: { inputTokens: 20, outputTokens: 2, cachedInputTokens: 5 }, costUsd: 0.2 }),
      start('root/0/c/0', { parent: 'root/0/c', model: 'x:a' }),
      end('root/0/c/0', { usage: { inputTokens: 5, outputTokens: 5 }, costUsd: 0.3 }),
      usage('root/0', 35, 8),
      text('4'),
      end('root/0', { usage: { inputTokens: 35, outputTokens: 8 } }),
      finish(),
    );
    expect(run.usage).toEqual({ inputTokens: 35, outputTokens: 8, cachedInputTokens: 5 });
    expect(run.usageByModel).toEqual({
      'x:a': { inputTokens: 15, outputTokens: 6 },
      'x:b': { inputTokens: 20, outputTokens: 2, cachedInputTokens: 5 },
    });
    expect(run.costUsd).toBeCloseTo(0.6);
    expect(run.model).toBe('panel');
    const panel = run.steps.find(({ path }) => path === 'root/0');
    expect(panel?.costUsd).toBeCloseTo(0.6);
    expect(run.steps.find(({ path }) => path === 'root/0/a')).toMatchObject({ parent: 'root/0', usage: { inputTokens: 10 } });
  });

  it.each<[string, number | null, Part[]]>([
    ['known when a model is free', 0, [end('root/0', { usage: { inputTokens: 1, outputTokens: 1 }, costUsd: 0 })]],
    ['unknown when a call says so', null, [end('root/0', { usage: { inputTokens: 1, outputTokens: 1 }, costUsd: null })]],
    ['unknown when a call completed and says nothing', null, [end('root/0')]],
    [
      'unknown when a call was cut off after it had begun to answer',
      null,
      [end('root/0', { outcome: 'failed', firstTokenMs: 5 })],
    ],
    ['nothing when a call failed before it did anything', 0, [end('root/0', { outcome: 'failed', firstTokenMs: null })]],
    ['the price of the usage when the call names no cost', 3, [end('root/0', { usage: { inputTokens: 3e6, outputTokens: 0 } })]],
  ])('has a cost that is %s', async (_, cost, parts) => {
    const priceOf = (): { inputPerMtok: number } => ({ inputPerMtok: 1 });
    const run = await read(begin({}, { priceOf }), start('root/0', { model: 'x:a' }), ...parts, finish());
    expect(run.costUsd).toBe(cost);
  });

  it('takes the later of two counts of a step', async () => {
    const run = await read(begin(), start('root/0', { model: 'x:a' }), usage('root/0', 1, 1), usage('root/0', 1, 9), finish());
    expect(run.usage).toEqual({ inputTokens: 1, outputTokens: 9 });
  });

  it('names the model that is at work while it is, and can be looked at meanwhile', () => {
    const recorder = begin();
    recorder.accept(start('root/0', { model: 'x:a', backend: 'x' }));
    recorder.accept(text('4'));
    expect(recorder.record()).toMatchObject({ status: 'running', endedAt: null, model: 'x:a', backend: 'x' });
  });

  it('names no member as the author while another one goes on after it', () => {
    const recorder = begin();
    recorder.accept(start('root/0', { kind: 'orchestration', model: 'thrifty' }));
    recorder.accept(start('root/0/a', { parent: 'root/0', model: 'x:a' }));
    recorder.accept(end('root/0/a'));
    expect(recorder.record().model).toBe('x:a');
    recorder.accept(start('root/0/b', { parent: 'root/0', model: 'x:b' }));
    expect(recorder.record().model).toBe('thrifty');
  });

  it('is not caught in a circle by steps that name each other as parents', async () => {
    const run = await read(begin(), start('a', { parent: 'b' }), start('b', { parent: 'a' }), text('x', 'a'), finish());
    expect(run.status).toBe('completed');
  });
});

describe('confidence and review', () => {
  it.each([
    [0.9, []],
    [0.7, []],
    [0.69, [{ review: 'suggested', score: 0.69 }]],
    [0.49, [{ review: 'needed', score: 0.49 }]],
  ] as const)('a score of %d asks for %j', async (score, reviews) => {
    await read(begin(), text('x'), finish({ confidence: { score, method: 'declared', calibrated: false } }));
    expect(monitor.all('run.review').map(({ data }) => data)).toEqual(reviews);
  });

  it('an unknown score asks for nothing', async () => {
    expect((await read(begin(), text('x'), finish({ confidence: null }))).confidence).toBeNull();
    expect(monitor.all('run.review')).toEqual([]);
    expect(reviewOf(null)).toBe('none');
  });

  it('is that of the first choice', async () => {
    const of = (choice: number, score: number): Part =>
      finish({ choice, confidence: { score, method: 'declared', calibrated: false } });
    expect((await read(begin({ choices: 2 }), text('x'), of(1, 0.1), of(0, 0.9))).confidence?.score).toBe(0.9);
  });
});

describe('content', () => {
  it('is not kept unless asked for', async () => {
    expect(await read(begin({ input: 'secret' }), ...answer())).not.toHaveProperty('content');
  });

  it('is the input and the answer, by choice, of the root step only', async () => {
    const recorder = begin({ input: { messages: ['hi'] }, choices: 2 }, { storeContent: true });
    const run = await read(
      recorder,
      text('inner', 'root/0/a'),
      { type: 'reasoning-delta', step: 'root', choice: 0, text: 'hm' },
      text('he'),
      text('other', 'root', 1),
      text('llo'),
      { type: 'tool-call-delta', step: 'root', choice: 0, index: 0, id: 'c1', name: 'add', arguments: '{"a"' },
      { type: 'tool-call-delta', step: 'root', choice: 0, index: 0, arguments: ':1}' },
      { type: 'artifact', step: 'root', choice: 1, kind: 'image', value: 'png' },
      finish(),
      finish({ choice: 1 }),
    );
    expect(run.content).toEqual({
      input: { messages: ['hi'] },
      output: [
        { text: 'hello', reasoning: 'hm', toolCalls: [{ id: 'c1', name: 'add', arguments: '{"a":1}' }] },
        { text: 'other', artifacts: [{ kind: 'image', value: 'png' }] },
      ],
    });
  });
});
