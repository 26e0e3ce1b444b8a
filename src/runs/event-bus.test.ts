import { describe, expect, it } from 'vitest';
import { SILENT_LOGGER, type Logger } from '../contracts/logger.ts';
import type { TuttiEvent } from '../contracts/event.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { createEventBus, type EventBusOptions, type ResumableEventBus } from './event-bus.ts';

const make = (options: Partial<EventBusOptions> = {}): ResumableEventBus =>
  createEventBus({ clock: new FakeClock(), log: SILENT_LOGGER, ...options });
const publish = (bus: ResumableEventBus, ...models: string[]): void => {
  for (const model of models) bus.publish('model.registered', { model });
};
const ids = (events: Iterable<TuttiEvent>): number[] => [...events].map(({ id }) => id);
const take = async (events: AsyncIterable<TuttiEvent>, count: number): Promise<number[]> => {
  const found: number[] = [];
  for await (const { id } of events) if (found.push(id) === count) break;
  return found;
};

describe('publishing', () => {
  it('numbers the events, and says when, of which run and whose', () => {
    const clock = new FakeClock(1000);
    const bus = make({ clock, firstId: 7 });
    const seen: TuttiEvent[] = [];
    bus.on('*', (event) => seen.push(event));
    publish(bus, 'a');
    bus.publish('run.waiting', { question: 'which?' }, { runId: 'run_1', principal: 'app' });
    expect(seen).toEqual([
      { id: 7, type: 'model.registered', at: 1000, runId: null, principal: null, data: { model: 'a' } },
      { id: 8, type: 'run.waiting', at: 1000, runId: 'run_1', principal: 'app', data: { question: 'which?' } },
    ]);
    expect(bus.lastId).toBe(8);
  });

  it('reaches those who listen to the type or to all, until they are disposed of', () => {
    const bus = make();
    const seen: string[] = [];
    const one = bus.on('model.registered', ({ data }) => seen.push(`one ${data.model}`));
    bus.on('model.unregistered', () => seen.push('never'));
    bus.on('*', ({ type }) => seen.push(`all ${type}`));
    publish(bus, 'a');
    one[Symbol.dispose]();
    publish(bus, 'b');
    expect(seen).toEqual(['one a', 'all model.registered', 'all model.registered']);
  });

  it('calls the same function as often as it was given', () => {
    const bus = make();
    let calls = 0;
    const listener = (): void => void calls++;
    const first = bus.on('*', listener);
    bus.on('*', listener);
    publish(bus, 'a');
    first[Symbol.dispose]();
    publish(bus, 'b');
    expect(calls).toBe(3);
  });

  it('goes on, and logs, when a listener throws', () => {
    const errors: object[] = [];
    const log: Logger = { ...SILENT_LOGGER, error: (data) => errors.push(data) };
    const bus = make({ log });
    const seen: number[] = [];
    bus.on('*', () => {
      throw new RangeError('mine');
    });
    bus.on('*', ({ id }) => seen.push(id));
    publish(bus, 'a', 'b');
    expect(seen).toEqual([1, 2]);
    expect(errors).toHaveLength(2);
  });

  it('shows every listener the events in order, also those that a listener publishes', () => {
    const bus = make();
    const first: number[] = [];
    const second: number[] = [];
    bus.on('*', ({ id, type }) => {
      first.push(id);
      if (type === 'model.registered') bus.publish('model.changed', { model: 'a' });
    });
    bus.on('*', ({ id }) => second.push(id));
    publish(bus, 'a', 'b');
    expect(first).toEqual([1, 2, 3, 4]);
    expect(second).toEqual([1, 2, 3, 4]);
  });
});

describe('reading from an event on', () => {
  it('replays what is in memory, filtered by type, beginning of type, run and viewer', () => {
    const bus = make();
    publish(bus, 'a');
    bus.publish('run.waiting', { question: '' }, { runId: 'run_1', principal: 'ann' });
    bus.publish('run.waiting', { question: '' }, { runId: 'run_2', principal: 'bob' });
    expect(ids(bus.replay(0))).toEqual([1, 2, 3]);
    expect(ids(bus.replay(2))).toEqual([3]);
    expect(ids(bus.replay(0, { types: ['model.registered'] }))).toEqual([1]);
    expect(ids(bus.replay(0, { types: ['run.*'] }))).toEqual([2, 3]);
    expect(ids(bus.replay(0, { types: ['*'] }))).toEqual([1, 2, 3]);
    expect(ids(bus.replay(0, { runId: 'run_2' }))).toEqual([3]);
    expect(ids(bus.replay(0, { viewer: { id: 'ann', role: 'user' } }))).toEqual([1, 2]);
    expect(ids(bus.replay(0, { viewer: { id: 'ann', role: 'admin' } }))).toEqual([1, 2, 3]);
  });

  it('keeps no more in memory than it was told to', () => {
    const bus = make({ capacity: 3 });
    publish(bus, 'a', 'b', 'c', 'd', 'e');
    expect(ids(bus.replay(0))).toEqual([3, 4, 5]);
    expect(ids(bus.replay(4))).toEqual([5]);
  });

  it('goes from the past to what comes without a gap', async () => {
    const bus = make();
    publish(bus, 'a', 'b');
    const reading = take(bus.since(1), 4);
    publish(bus, 'c');
    await Promise.resolve();
    publish(bus, 'd', 'e');
    expect(await reading).toEqual([2, 3, 4, 5]);
  });

  it('begins with what comes after the call when no id, or one from the future, is given', async () => {
    const bus = make();
    publish(bus, 'a');
    const [fresh, future] = [bus.since(null), bus.since(99)];
    publish(bus, 'b');
    expect(await take(fresh, 1)).toEqual([2]);
    expect(await take(future, 1)).toEqual([2]);
  });

  it('ends with its signal, also while it waits', async () => {
    const bus = make();
    const stop = new AbortController();
    const reading = take(bus.since(null, { signal: stop.signal }), 10);
    publish(bus, 'a');
    await new Promise(setImmediate);
    stop.abort();
    expect(await reading).toEqual([1]);
    expect(await take(bus.since(0, { signal: stop.signal }), 10)).toEqual([]);
  });

  it('ends when the bus closes', async () => {
    const bus = make();
    const reading = take(bus.since(null), 10);
    await new Promise(setImmediate);
    bus.close();
    expect(await reading).toEqual([]);
  });

  it('takes from storage what memory no longer has, even when the reader falls behind', async () => {
    const stored: TuttiEvent[] = [];
    const bus = make({
      capacity: 2,
      history: ({ after, before, limit }) => stored.filter(({ id }) => id > after && id < before).slice(0, Math.min(limit, 3)),
    });
    bus.on('*', (event) => stored.push(event));
    const reader = bus.since(0)[Symbol.asyncIterator]();
    publish(bus, 'a');
    expect((await reader.next()).value?.id).toBe(1);
    publish(bus, ...Array.from({ length: 20 }, (_, i) => `m${i}`));
    for (let id = 2; id <= 21; id++) expect((await reader.next()).value?.id).toBe(id);
    expect(ids(bus.replay(0))).toEqual(Array.from({ length: 21 }, (_, i) => i + 1));
    await reader.return?.();
  });

  it('lets others have their turn while a long history is read', async () => {
    let pages = 0;
    const bus = make({
      firstId: 1_000_000,
      history: ({ after }) => {
        pages += 1;
        return [{ id: after + 1, type: 'model.registered', at: 0, runId: null, principal: null, data: { model: 'x' } }];
      },
    });
    publish(bus, 'a');
    const stop = new AbortController();
    const read = Array.fromAsync(bus.since(0, { types: ['run.started'], signal: stop.signal }));
    await new Promise(setImmediate);
    stop.abort();
    expect(await read).toEqual([]);
    expect(pages).toBeLessThan(10);
  });
});
