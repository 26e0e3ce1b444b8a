/**
 * `npm run bench -- pool`: what one decision of the router and one of the pool's scheduler cost with 10,000 registered models of
 * which 1,000 have the capability asked for. Between two decisions a model's speed changes, as it does in a running server.
 * The scheduler sees what is loaded and what is waited for, which is all that its decision depends on: 3 and 1 (the default limit),
 * and 12 and 4 (`schedule, crowded`). `auto, 20,000 characters` shows what reading a long prompt adds, and has no target.
 */
import { parseArgs } from 'node:util';
import { decide, type Snapshot } from '../src/pool/scheduler.ts';
import { Registry } from '../src/registry/registry.ts';
import type { EventBus } from '../src/contracts/event.ts';
import type { ModelDescriptor } from '../src/contracts/model.ts';
import { LOCAL_PRINCIPAL } from '../src/contracts/principal.ts';
import { systemClock } from '../src/lib/clock.ts';
import { CircuitBreakers } from '../src/router/breakers.ts';
import { Measurements } from '../src/router/measurements.ts';
import { Router, type RouteRequest } from '../src/router/router.ts';
import { report, type Figure } from './harness/report.ts';
import { summarize, type Summary } from './harness/statistics.ts';
import { orchestratorSchema, routingSchema } from '../src/router/schema.ts';

const EVENTS: EventBus = { publish() {}, on: () => ({ [Symbol.dispose]() {} }) };
const BACKENDS = 20;
const BATCHES = 10;
const LONG = 'auto, 20,000 characters';

export default async function pool(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      models: { type: 'string', default: '10000' },
      capable: { type: 'string', default: '1000' },
      decisions: { type: 'string', default: '20000' },
      json: { type: 'boolean', default: false },
    },
  });
  const models = Number(values.models);
  const capable = Number(values.capable);
  const decisions = Number(values.decisions);
  await report('pool', { json: values.json }, async () => measure({ models, capable, decisions }));
}

interface Size {
  readonly models: number;
  readonly capable: number;
  readonly decisions: number;
}

function measure({ models, capable, decisions }: Size): Figure[] {
  const { router, measurements } = setUp(models, capable);
  const cases: Record<string, RouteRequest> = {
    capability: request('code_generation', 'Write a function that reverses a list.'),
    auto: request('auto', 'Write a function that reverses a list.'),
    [LONG]: request('auto', 'Write a function that reverses a list. '.repeat(500)),
    id: request('b0:m0', 'Write a function that reverses a list.'),
  };
  const routed = Object.entries(cases).map(([name, one]) =>
    figure(
      `route, ${name}`,
      time(decisions, (i) => {
        router.route(one);
        const changed = (i * 31) % capable;
        measurements.record(`b${changed % BACKENDS}:m${changed}`, { firstTokenMs: 100 + (i % 400), tokensPerSecond: 50 });
      }),
    ),
  );
  const scheduled = (
    [
      ['schedule', snapshotOf(3, 1)],
      ['schedule, crowded', snapshotOf(12, 4)],
    ] as const
  ).map(([name, snapshot]) =>
    figure(
      name,
      time(decisions, () => void decide(snapshot)),
    ),
  );
  return [...routed, ...scheduled];
}

/** The target is for the routing and the scheduling of one request together. */
const figure = (name: string, summary: Summary): Figure => ({
  name,
  unit: 'µs',
  ...summary,
  ...(!name.endsWith(LONG) && { target: { atMost: 50 } }),
});

const MIB = 2 ** 20;
/** So many models loaded, and so many waited for. */
const snapshotOf = (loaded: number, wanted: number): Snapshot => ({
  now: 10_000,
  limits: { cpu: 16_000 * MIB, 'gpu:0': 8000 * MIB, models: loaded },
  fairnessMs: 5000,
  slots: Array.from({ length: loaded }, (_, i) => ({
    id: `b0:m${i}`,
    state: 'ready',
    leases: i % 3,
    memory: { cpu: 1000 * MIB },
    counts: true,
    lastUsed: i,
    pinned: false,
    guarded: false,
    draining: false,
  })),
  demands: Array.from({ length: wanted }, (_, i) => ({
    id: `b1:m${i}`,
    rank: i,
    options: (['gpu:0', 'cpu'] as const).map((device) => ({ placement: { device }, memory: { [device]: 3000 * MIB } })),
    counts: true,
    notBefore: 0,
    onHold: false,
  })),
});

function setUp(models: number, capable: number): { router: Router; measurements: Measurements } {
  const registry = new Registry({ events: EVENTS });
  const byBackend = Array.from({ length: BACKENDS }, (): ModelDescriptor[] => []);
  for (let i = 0; i < models; i++) byBackend[i % BACKENDS]?.push(descriptor(i, i < capable));
  for (const [i, list] of byBackend.entries()) registry.setBackendModels(`b${i % BACKENDS}`, list);
  const measurements = new Measurements();
  const router = new Router({
    directory: registry,
    backends: new Map(byBackend.map((_, i) => [`b${i}`, { onThisMachine: i % 2 === 0 }])),
    breakers: new CircuitBreakers({ settings: { failures: 3, cooldownMs: 30_000 }, clock: systemClock, events: EVENTS }),
    measurements,
    residency: () => 'remote',
    events: EVENTS,
    routing: routingSchema.parse({ rules: [{ when: 'task.complexity > 9', use: 'reasoning' }] }),
    orchestrator: orchestratorSchema.parse({}),
  });
  return { router, measurements };
}

function descriptor(i: number, capable: boolean): ModelDescriptor {
  const backend = `b${i % BACKENDS}`;
  return {
    id: `${backend}:m${i}`,
    backend,
    name: `m${i}`,
    capabilities: capable ? ['code_generation'] : ['text_generation'],
    operations: ['chat'],
    contextWindow: 8192,
    quality: { default: ((i * 7919) % 1000) / 1000 },
    price: { inputPerMtok: (i % 50) / 10, outputPerMtok: (i % 50) / 5 },
  };
}

function request(target: string, content: string): RouteRequest {
  return { target, operation: 'chat', input: { messages: [{ role: 'user', content }] }, principal: LOCAL_PRINCIPAL };
}

/** Microseconds of this thread's processor time in ten batches: what else the machine does is not in it. */
function time(times: number, decision: (i: number) => void): Summary {
  const size = Math.ceil(times / BATCHES);
  const batches = Array.from({ length: BATCHES + 1 }, () => {
    const start = process.threadCpuUsage();
    for (let i = 0; i < size; i++) decision(i);
    const { user, system } = process.threadCpuUsage(start);
    return (user + system) / size;
  });
  // The first batch warms up.
  return summarize(batches.slice(1));
}
