/** What ran, what happened, and how the system is. */
import { describe, expect } from 'vitest';
import type { EventOf, TuttiEvent } from '../../src/contracts/event.ts';
import { SILENT_LOGGER } from '../../src/contracts/logger.ts';
import type { AnyStrategyDefinition, StrategyDefinition } from '../../src/contracts/strategy.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { deferred } from '../../src/lib/deferred.ts';
import { parseSse } from '../../src/lib/sse.ts';
import { createEventBus } from '../../src/runs/event-bus.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { EventMonitor } from '../../src/testing/event-monitor.ts';
import { z } from 'zod';
import { startServer, type Harness } from '../server/harness.ts';
import { row } from './row.ts';
import { call, codeOf, get } from './wire.ts';

const down = new TuttiError('upstream_error', 'down', { retryable: true });
const models = { a: { answer: 'one two', descriptor: { price: {} } }, b: { answer: { failBefore: down } } };

/** The first so many events of these types, as the HTTP interface tells them. */
async function told(harness: Harness, types: string, count: number): Promise<Record<string, unknown>[]> {
  const leaving = new AbortController();
  const response = await harness.fetch(`/api/events?types=${types}&since=0`, { signal: leaving.signal });
  const events: Record<string, unknown>[] = [];
  for await (const { data } of parseSse(response.body ?? new ReadableStream())) {
    events.push(JSON.parse(data) as Record<string, unknown>);
    if (events.length === count) break;
  }
  leaving.abort();
  return events;
}

describe('runs, events and figures', () => {
  row('record_query(type, duration, backend, cache_hit)', async () => {
    await using harness = await startServer({ fake: { models } });
    const { runId } = await harness.tutti.run({ model: 'fake:a', input: 'Write a function in Python.' });
    const recorded = { id: runId, type: 'code_generation', backend: 'fake', model: 'fake:a', status: 'completed' };
    const [run] = harness.tutti.runs.list({}).runs;
    expect(run).toMatchObject({ ...recorded, cacheHit: false, startedAt: expect.any(Number), endedAt: expect.any(Number) });
    expect(await get(harness, '/api/runs')).toMatchObject({
      runs: [{ ...recorded, cache_hit: false, started_at: expect.any(Number), ended_at: expect.any(Number) }],
    });
  });

  row('get_stats()', async () => {
    await using harness = await startServer({ fake: { models }, tutti: { routing: { retries: 0 } } });
    const { tutti } = harness;
    const nothing = { successRate: null, avgConfidence: null, avgExecutionTimeMs: null, cacheHitRate: null };
    expect(tutti.stats()).toMatchObject({ totalExecutions: 0, ...nothing });
    tutti.setFallbacks('fake:b', ['fake:a']);
    await tutti.run({ model: 'fake:b', input: 'x' });
    await tutti.run({ model: 'fake:a', input: 'Write a function in Python.' });
    tutti.setFallbacks('fake:b', []);
    await codeOf(tutti.run({ model: 'fake:b', input: 'x' }));
    expect(tutti.stats()).toMatchObject({
      totalExecutions: 3,
      successRate: 2 / 3,
      avgConfidence: null,
      conflictsDetected: 0,
      fallbacksTriggered: 1,
      modelUsage: { 'fake:a': 2, 'fake:b': 2 },
      typeUsage: { text_generation: 2, code_generation: 1 },
    });
    expect(await get(harness, '/api/stats')).toEqual({
      total_executions: 3,
      success_rate: 2 / 3,
      avg_confidence: null,
      avg_execution_time_ms: expect.any(Number),
      conflicts_detected: 0,
      fallbacks_triggered: 1,
      model_usage: { 'fake:a': 2, 'fake:b': 2 },
      backend_usage: expect.objectContaining({ fake: expect.any(Number) }),
      type_usage: { text_generation: 2, code_generation: 1 },
      cache_hit_rate: 0,
    });
    for (const [query, count] of [
      ['model=fake:a', 2],
      ['target=fake:b', 2],
      ['target=fake:b&model=fake:a', 1],
      ['backend=nope', 0],
      ['type=code_generation', 1],
      [`since=${harness.clock.now() / 1000 + 1}`, 0],
      ['since=2001-01-01', 3],
    ] as const)
      expect(await get(harness, `/api/stats?${query}`), query).toMatchObject({ total_executions: count });
    expect(tutti.stats({ since: harness.clock.now() + 1 }).totalExecutions).toBe(0);
    expect(tutti.stats({ model: 'fake:a' }).totalExecutions).toBe(2);
    expect(tutti.stats({ target: 'fake:b', model: 'fake:a' }).totalExecutions).toBe(1);
    expect(tutti.stats({ backend: 'nope' }).totalExecutions).toBe(0);
    expect(tutti.stats({ type: 'code_generation' }).totalExecutions).toBe(1);
  });

  row('get_stats(): total_queries, avg_duration, cache_hit_rate, backend_usage', async () => {
    const gate = deferred();
    const slow = { answer: { text: 'x', gate: gate.promise } };
    await using harness = await startServer({ fake: { models: { slow, a: {} } } });
    const { tutti, clock } = harness;
    const running = tutti.run({ model: 'fake:slow', input: 'x' });
    await harness.backend.nextCall();
    clock.advance(200);
    gate.resolve();
    await running;
    await tutti.run({ model: 'fake:a', input: 'x' });
    expect(tutti.stats()).toMatchObject({
      totalExecutions: 2,
      avgExecutionTimeMs: 100,
      cacheHitRate: 0,
      backendUsage: { fake: 2 },
    });
    expect(await get(harness, '/api/stats')).toMatchObject({ avg_execution_time_ms: 100, backend_usage: { fake: 2 } });
  });

  row('EventBus, subscribe(type, f), event.data', async () => {
    const own = createEventBus({ clock: new FakeClock(), log: SILENT_LOGGER });
    using monitor = new EventMonitor(own);
    await using harness = await startServer({ fake: { models }, tutti: { events: own } });
    const { tutti } = harness;
    const completed: EventOf<'run.completed'>[] = [];
    const all: TuttiEvent[] = [];
    const one = tutti.events.on('run.completed', (event) => completed.push(event));
    using _all = tutti.events.on('*', (event) => all.push(event));
    const { runId } = await tutti.run({ model: 'fake:a', input: 'x' });
    const event = { id: expect.any(Number), type: 'run.completed', at: harness.clock.now(), runId, data: { run: { id: runId } } };
    expect(completed).toMatchObject([event]);
    expect(all).toContainEqual(completed[0]);
    expect(monitor.all('run.completed')).toMatchObject([{ runId, data: { run: { id: runId } } }]);
    one[Symbol.dispose]();
    await tutti.run({ model: 'fake:a', input: 'x' });
    expect(completed).toHaveLength(1);
    const [first, second] = await told(harness, 'run.completed', 2);
    expect(first).toMatchObject({ id: completed[0]?.id, type: 'run.completed', at: expect.any(Number), run_id: runId });
    expect(second?.id).toBeGreaterThan(Number(first?.id));
  });

  row('ACTION_START, ACTION_COMPLETE, ACTION_FAILED', async () => {
    const endless = { answer: { gate: new Promise(() => {}) } };
    await using harness = await startServer({
      fake: { models: { ...models, endless } },
      tutti: { routing: { retries: 0, circuit_breaker: { failures: 1 } } },
    });
    const { tutti } = harness;
    await tutti.run({ model: 'fake:a', input: 'x' });
    await codeOf(tutti.run({ model: 'fake:b', input: 'x' }));
    const stop = new AbortController();
    const running = codeOf(tutti.run({ model: 'fake:endless', input: 'x', signal: stop.signal }));
    await harness.backend.nextCall();
    stop.abort();
    expect(await running).toBe('cancelled');
    const runs = ['run.started', 'run.completed', 'run.started', 'run.failed', 'run.started', 'run.cancelled'];
    const isStep = (type: string) => runs.includes(type);
    expect(harness.events.types.filter(isStep)).toEqual(runs);
    expect(harness.events.types).toEqual(expect.arrayContaining(['step.started', 'step.finished', 'circuit.opened']));
    expect((await told(harness, runs.join(','), 6)).map(({ type }) => type)).toEqual(runs);
  });

  row('0.7 and 0.5: review', async () => {
    const sure: StrategyDefinition<{ strategy: 'sure'; score: number }> = {
      strategy: 'sure',
      config: z.strictObject({ strategy: z.literal('sure'), score: z.number() }),
      describe: () => ({ members: [], operations: ['chat'] }),
      async *run({ config: { score }, options: { step } }) {
        yield { type: 'text-delta', step, choice: 0, text: 'x' };
        const confidence = { score, method: 'declared', calibrated: false } as const;
        yield { type: 'finish', step, choice: 0, reason: 'stop', confidence };
      },
    };
    const strategies: AnyStrategyDefinition[] = [sure];
    const scores = { good: 0.7, doubtful: 0.69, fair: 0.5, bad: 0.49 };
    const orchestrations = Object.fromEntries(Object.entries(scores).map(([name, score]) => [name, { strategy: 'sure', score }]));
    const plugins = [{ apiVersion: 1 as const, name: 'sure', strategies }];
    await using harness = await startServer({ tutti: { orchestrations, plugins } });
    for (const model of Object.keys(scores)) {
      const answer = await harness.tutti.run({ model, input: 'x' });
      expect(answer.confidence).toMatchObject({ score: scores[model as keyof typeof scores], method: 'declared' });
    }
    expect(harness.events.all('run.review').map(({ data }) => data)).toEqual([
      { review: 'suggested', score: 0.69 },
      { review: 'suggested', score: 0.5 },
      { review: 'needed', score: 0.49 },
    ]);
  });

  row('get_status()', async () => {
    await using harness = await startServer({
      fake: { residency: 'local', models: { ...models, m: { memory: { cpu: 100 * 2 ** 20 } } } },
      tutti: { routing: { retries: 0, circuit_breaker: { failures: 1 } } },
    });
    await harness.tutti.pool.preload('fake:m');
    await codeOf(harness.tutti.run({ model: 'fake:b', input: 'x' }));
    const circuit = { model: 'fake:b', state: 'open', failures: 1 };
    expect(await harness.tutti.status()).toMatchObject({
      loadedModels: expect.arrayContaining(['fake:m']),
      memoryUsage: { totalMb: expect.any(Number), models: expect.any(Array) },
      resources: { memory: { totalMb: expect.any(Number), availableMb: expect.any(Number) }, gpus: expect.any(Array) },
      backends: expect.arrayContaining([expect.objectContaining({ id: 'fake', state: 'up' })]),
      circuits: [circuit],
    });
    expect(await get(harness, '/api/status')).toMatchObject({
      loaded_models: expect.arrayContaining(['fake:m']),
      memory_usage: { total_mb: expect.any(Number), models: expect.any(Array) },
      resources: { memory: { total_mb: expect.any(Number) }, gpus: expect.any(Array) },
      backends: expect.arrayContaining([expect.objectContaining({ id: 'fake', state: 'up' })]),
      circuits: [{ ...circuit, retry_at: expect.any(Number) }],
    });
  });

  row('resource monitoring CPU, memory, GPU', async () => {
    await using harness = await startServer({ fake: { models } });
    await harness.tutti.status();
    const { resources } = await harness.tutti.status();
    expect(resources.cpuPercent === null || (resources.cpuPercent >= 0 && resources.cpuPercent <= 100)).toBe(true);
    expect(resources.memory.processMb).toBeGreaterThan(10);
    expect(resources.memory.availableMb).toBeLessThanOrEqual(resources.memory.totalMb);
    for (const gpu of resources.gpus) expect(gpu).toMatchObject({ id: /^gpu:\d/, totalMb: expect.any(Number) });
    await call(harness, 'POST', '/api/inference', { model: 'fake:a', input: 'x' });
    const metrics = await (await harness.fetch('/metrics')).text();
    for (const name of [
      'tutti_runs_total',
      'tutti_memory_used_bytes',
      'process_resident_memory_bytes',
      'process_cpu_seconds_total',
    ])
      expect(metrics).toMatch(new RegExp(`^${name}\\b`, 'm'));
  });
});
