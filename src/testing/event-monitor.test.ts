import { describe, expect, it } from 'vitest';
import type { EventBus, EventData, EventOf, EventType, TuttiEvent } from '../contracts/event.ts';
import { EventMonitor } from './event-monitor.ts';

/** A bus that only keeps what the contract says. */
class Bus implements EventBus {
  readonly #listeners = new Set<(event: TuttiEvent) => void>();
  #id = 0;
  publish<T extends EventType>(type: T, data: EventData[T]): void {
    const event = { id: ++this.#id, type, at: 0, runId: null, principal: null, data } as EventOf<T> as TuttiEvent;
    for (const listener of this.#listeners) listener(event);
  }
  on(type: string, listener: (event: never) => void): Disposable {
    const own = (event: TuttiEvent): void => {
      if (type === '*' || type === event.type) listener(event as never);
    };
    this.#listeners.add(own);
    return { [Symbol.dispose]: () => void this.#listeners.delete(own) };
  }
  get listeners(): number {
    return this.#listeners.size;
  }
}

describe('EventMonitor', () => {
  it('gives each event once: those already seen first, then those to come', async () => {
    const bus = new Bus();
    using monitor = new EventMonitor(bus);
    bus.publish('model.changed', { model: 'a' });
    bus.publish('model.changed', { model: 'b' });
    expect((await monitor.next('model.changed')).data.model).toBe('a');
    expect((await monitor.next('model.changed')).data.model).toBe('b');
    const third = monitor.next('model.changed');
    bus.publish('model.registered', { model: 'x' });
    bus.publish('model.changed', { model: 'c' });
    expect((await third).data.model).toBe('c');
    expect(monitor.all('model.changed')).toHaveLength(3);
    expect(monitor.types).toEqual(['model.changed', 'model.changed', 'model.registered', 'model.changed']);
  });

  it('waits for the one that fits, and leaves the others to others', async () => {
    const bus = new Bus();
    using monitor = new EventMonitor(bus);
    const fits = monitor.next('model.changed', (event) => event.data.model === 'b');
    bus.publish('model.changed', { model: 'a' });
    bus.publish('model.changed', { model: 'b' });
    expect((await fits).data.model).toBe('b');
    expect((await monitor.next('model.changed')).data.model).toBe('a');
  });

  it('stops listening when it is disposed of', () => {
    const bus = new Bus();
    new EventMonitor(bus)[Symbol.dispose]();
    expect(bus.listeners).toBe(0);
  });
});
