/**
 * `npm run bench -- pool`: what one decision costs with 10,000 registered models of which 1,000 have the capability asked
 * for. Between decisions a model's speed changes, as it does in a running server.
 */
import { parseArgs } from 'node:util';
import { Registry } from '../src/registry/registry.ts';
import type { EventBus } from '../src/contracts/event.ts';
import type { ModelDescriptor } from '../src/contracts/model.ts';
import { LOCAL_PRINCIPAL } from '../src/contracts/principal.ts';
import { systemClock } from '../src/lib/clock.ts';
import { CircuitBreakers } from '../src/router/breakers.ts';
import { Measurements } from '../src/router/measurements.ts';
import { Router, type RouteRequest } from '../src/router/router.ts';
import { orchestratorSchema, routingSchema } from '../src/router/schema.ts';

const EVENTS: EventBus = { publish() {}, on: () => ({ [Symbol.dispose]() {} }) };
const BACKENDS = 20;

export default async function pool(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      models: { type: 'string', default: '10000' },
      capable: { type: 'string', default: '1000' },
      decisions: { type: 'string', default: '20000' },
    },
  });
  const models = Number(values.models);
  const capable = Number(values.capable);
  const decisions = Number(values.decisions);
  const { router, measurements } = setUp(models, capable);
  const cases: Record<string, RouteRequest> = {
    capability: request('code_generation', 'Write a function that reverses a list.'),
    auto: request('auto', 'Write a function that reverses a list.'),
    auto_long: request('auto', 'Write a function that reverses a list. '.repeat(500)),
    id: request('b0:m0', 'Write a function that reverses a list.'),
  };
  const us_per_decision: Record<string, number> = {};
  for (const [name, one] of Object.entries(cases)) us_per_decision[name] = time(router, measurements, one, decisions, capable);
  console.log(JSON.stringify({ models, capable, decisions, us_per_decision }, null, 2));
}

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

/** The median of ten batches, in microseconds. */
function time(router: Router, measurements: Measurements, one: RouteRequest, decisions: number, capable: number): number {
  const batches = 10;
  const size = Math.ceil(decisions / batches);
  const times = Array.from({ length: batches + 1 }, () => {
    const start = performance.now();
    for (let i = 0; i < size; i++) {
      router.route(one);
      const changed = (i * 31) % capable;
      measurements.record(`b${changed % BACKENDS}:m${changed}`, { firstTokenMs: 100 + (i % 400), tokensPerSecond: 50 });
    }
    return ((performance.now() - start) / size) * 1000;
  });
  // The first batch warms up.
  const sorted = times.slice(1).sort((a, b) => a - b);
  return Number((sorted[batches / 2] ?? 0).toFixed(2));
}
