import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slots } from './slots.ts';

const never = new AbortController().signal;

describe('Slots', () => {
  it('gives a slot to whoever waits with the largest priority, then to the first', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -2, max: 2 }), { maxLength: 12 }), async (priorities) => {
        const slots = new Slots(1);
        const first = await slots.take(0, never);
        const served: number[] = [];
        const all = priorities.map(async (priority, index) => {
          using _slot = await slots.take(priority, never);
          served.push(index);
        });
        first[Symbol.dispose]();
        await Promise.all(all);
        const expected = priorities
          .map((priority, index) => ({ priority, index }))
          .toSorted((a, b) => b.priority - a.priority || a.index - b.index);
        expect(served).toEqual(expected.map(({ index }) => index));
      }),
    );
  });

  it('lets go of whoever is cancelled while waiting', async () => {
    const slots = new Slots(1);
    const first = await slots.take(0, never);
    const controller = new AbortController();
    const cancelled = slots.take(9, controller.signal);
    const second = slots.take(0, never);
    controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    first[Symbol.dispose]();
    first[Symbol.dispose](); // twice frees one
    (await second)[Symbol.dispose]();
    const again = await slots.take(0, never);
    const waiting = slots.take(0, never);
    again[Symbol.dispose]();
    await waiting;
  });

  it('has no limit when there is none', async () => {
    const slots = new Slots(null);
    for (let i = 0; i < 100; i++) await slots.take(0, never);
  });
});
