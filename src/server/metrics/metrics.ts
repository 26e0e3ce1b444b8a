/** `/metrics`: counts what happens from the start, without loading the Prometheus client before it is needed. */
import type { FastifyReply } from 'fastify';
import type { TuttiEvent } from '../../contracts/event.ts';
import { TuttiError } from '../../errors/error.ts';
import type { Tutti } from '../../tutti.ts';
import type { Call } from '../route.ts';
import type { Instruments } from './instruments.ts';

export class Metrics implements Disposable {
  readonly #tutti: Tutti;
  readonly #subscription: Disposable;
  #loading: Promise<Instruments> | null = null;

  constructor(tutti: Tutti) {
    this.#tutti = tutti;
    this.#subscription = tutti.events.on('*', (event) => {
      if (isCounted(event)) void this.#instruments().then((instruments) => instruments.count(event));
    });
  }

  /** The page as Prometheus reads it, and its content type. */
  async page(): Promise<{ readonly type: string; readonly text: string }> {
    const instruments = await this.#instruments();
    instruments.look(await this.#tutti.status());
    return { type: instruments.contentType, text: await instruments.text() };
  }

  #instruments(): Promise<Instruments> {
    this.#loading ??= import('./instruments.ts').then((module) => new module.Instruments());
    return this.#loading;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}

const COUNTED = new Set<TuttiEvent['type']>([
  'run.completed',
  'run.failed',
  'run.cancelled',
  'run.fallback',
  'model.loaded',
  'model.load_failed',
  'model.unloaded',
]);

function isCounted(event: TuttiEvent): boolean {
  return COUNTED.has(event.type);
}

export async function getMetrics(call: Call): Promise<FastifyReply> {
  const { metrics } = call.services;
  if (metrics === null) throw new TuttiError('not_found', '`server.metrics: false` switches this off.');
  const { type, text } = await metrics.page();
  return call.reply.type(type).send(text);
}
