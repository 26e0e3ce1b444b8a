import type { EventBus, EventOf, EventType, TuttiEvent } from '../contracts/event.ts';

interface Waiter {
  readonly accepts: (event: TuttiEvent) => boolean;
  readonly resolve: (event: TuttiEvent) => void;
}

/**
 * Lets a test wait for what happened instead of for time. It keeps every event from its making on, so that one which
 * came before `next` was called is not missed.
 *
 * @example
 * using monitor = new EventMonitor(tutti.events);
 * const run = tutti.run({ model: 'panel', input: 'hello' });
 * const { data } = await monitor.next('run.completed', (event) => event.data.run.target === 'panel');
 */
export class EventMonitor implements Disposable {
  readonly #seen: TuttiEvent[] = [];
  readonly #taken = new Set<TuttiEvent>();
  readonly #waiters = new Set<Waiter>();
  readonly #subscription: Disposable;

  constructor(bus: EventBus) {
    this.#subscription = bus.on('*', (event) => {
      this.#seen.push(event);
      for (const waiter of this.#waiters) {
        if (!waiter.accepts(event)) continue;
        this.#waiters.delete(waiter);
        this.#taken.add(event);
        waiter.resolve(event);
        return;
      }
    });
  }

  /** The first event of this type that fits and that no earlier `next` gave: one already seen, or the next to come. */
  next<T extends EventType>(type: T, fits: (event: EventOf<T>) => boolean = () => true): Promise<EventOf<T>> {
    const accepts = (event: TuttiEvent): boolean => event.type === type && fits(event as EventOf<T>);
    const found = this.#seen.find((event) => !this.#taken.has(event) && accepts(event));
    if (found) {
      this.#taken.add(found);
      return Promise.resolve(found as EventOf<T>);
    }
    return new Promise((resolve) => {
      this.#waiters.add({ accepts, resolve: (event) => resolve(event as EventOf<T>) });
    });
  }

  /** All events of this type so far, whether `next` gave them or not. */
  all<T extends EventType>(type: T): readonly EventOf<T>[] {
    return this.#seen.filter((event): event is EventOf<T> & TuttiEvent => event.type === type);
  }

  /** The types of all events so far, in order. */
  get types(): readonly EventType[] {
    return this.#seen.map((event) => event.type);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}
