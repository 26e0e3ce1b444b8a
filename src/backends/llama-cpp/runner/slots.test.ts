import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseSlot, commonPrefix, nextChunk, shareBatch, type Slot } from './slots.ts';

const slot = (id: number, fields: Partial<Slot> = {}): Slot => ({
  id,
  tokens: [],
  principal: null,
  busy: false,
  lastUsed: 0,
  ...fields,
});
const ann = { principal: 'ann' };

describe('choosing a sequence', () => {
  it('prefers what was read for the same principal', () => {
    const slots = [slot(0), slot(1, { ...ann, tokens: [1, 2, 3] }), slot(2, { ...ann, tokens: [1, 9] })];
    expect(chooseSlot(slots, [1, 2, 3, 4], 'ann')).toMatchObject({ slot: { id: 1 }, reused: 3 });
  });

  it('never uses what was read for another', () => {
    expect(chooseSlot([slot(0, { ...ann, tokens: [1, 2] })], [1, 2, 3], 'bob')).toMatchObject({ reused: 0 });
  });

  it('takes an empty one before the one unused for longest', () => {
    const old = slot(0, { ...ann, tokens: [7], lastUsed: 1 });
    const older = slot(1, { ...ann, tokens: [8], lastUsed: 0 });
    expect(chooseSlot([old, older, slot(2, { lastUsed: 5 })], [1, 2], 'bob')?.slot.id).toBe(2);
    expect(chooseSlot([old, older], [1, 2], 'bob')?.slot.id).toBe(1);
  });

  it('has none while all are busy', () => {
    expect(chooseSlot([slot(0, { busy: true })], [1], 'ann')).toBe(null);
  });

  it('always leaves a token to read', () => {
    expect(commonPrefix([1, 2, 3], [1, 2, 3])).toBe(2);
    expect(commonPrefix([], [1])).toBe(0);
  });
});

describe('sharing a batch', () => {
  it('lets who writes go on beside a long prompt', () => {
    expect(shareBatch([{ pending: 1 }, { pending: 1000 }, { pending: 1 }], 128)).toEqual([1, 126, 1]);
  });

  it('never exceeds the chunk, nor what is pending, and wastes no room', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 8, max: 512 }),
        (pending, chunk) => {
          const shares = shareBatch(
            pending.map((n) => ({ pending: n })),
            chunk,
          );
          const sum = shares.reduce((a, b) => a + b, 0);
          expect(sum).toBe(
            Math.min(
              chunk,
              pending.reduce((a, b) => a + b, 0),
            ),
          );
          for (const [i, share] of shares.entries()) {
            expect(share).toBeGreaterThanOrEqual(1);
            expect(share).toBeLessThanOrEqual(pending[i] ?? 0);
          }
        },
      ),
    );
  });

  it('keeps a step near a quarter of a second', () => {
    expect(nextChunk(128, 50, 512)).toBe(256);
    expect(nextChunk(512, 50, 512)).toBe(512);
    expect(nextChunk(128, 250, 512)).toBe(128);
    expect(nextChunk(128, 900, 512)).toBe(64);
    expect(nextChunk(16, 9000, 512)).toBe(16);
  });
});
