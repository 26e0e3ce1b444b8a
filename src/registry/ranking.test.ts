import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelDescriptor } from '../contracts/model.ts';
import { CapabilityIndex, priorQuality, rateModel } from './ranking.ts';

function model(id: string, more: Partial<ModelDescriptor> = {}): ModelDescriptor {
  return { id, backend: 'a', name: id, capabilities: ['reasoning'], operations: ['chat'], ...more };
}

describe('the assumed quality', () => {
  it.each([
    [{ parameters: 1e6 }, 0.15],
    [{ parameters: 1e9 }, 0.45],
    [{ parameters: 70e9 }, 0.635],
    [{ parameters: 1e15 }, 0.75],
    [{ parameters: 10 }, 0.05],
    [{ sizeBytes: 0.6e9 }, 0.45],
    [{}, 0.5],
    [{ contextWindow: 131_072 }, 0.55],
    [{ contextWindow: 2048 }, 0.5],
  ])('of %o is %d', (known, expected) => expect(priorQuality(model('x', known))).toBeCloseTo(expected, 3));
});

it('a rating of zero is a rating', () => {
  expect(rateModel(model('x', { quality: { reasoning: 0 } }), 'reasoning')).toMatchObject({ quality: 0, source: 'hand' });
});

it('a capability called like a property of every object has no rating by accident', () => {
  expect(rateModel(model('x', { quality: {} }), 'constructor').source).toBe('prior');
});

describe('the index', () => {
  const change = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    capabilities: fc.option(fc.uniqueArray(fc.constantFrom('reasoning', 'vision', 'ocr'), { minLength: 1 })),
    quality: fc.constantFrom(0, 0.25, 0.5, 1),
  });

  it('is what sorting everything anew would give, whatever was set and deleted', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.boolean(), (changes, lend) => {
        const index = new CapabilityIndex();
        const models = new Map<string, ModelDescriptor>();
        for (const { id, capabilities, quality } of changes) {
          if (capabilities === null) {
            models.delete(id);
            index.delete(id);
          } else {
            models.set(id, model(id, { capabilities, quality: { default: quality } }));
            index.set(model(id, { capabilities, quality: { default: quality } }));
          }
          if (lend) index.ranked('reasoning');
        }
        for (const capability of ['reasoning', 'vision', 'ocr']) {
          const expected = [...models.values()]
            .filter((one) => one.capabilities.includes(capability))
            .map((one) => rateModel(one, capability))
            .sort((a, b) => b.quality - a.quality || (a.model.id < b.model.id ? -1 : 1))
            .map((entry) => entry.model.id);
          expect(index.ranked(capability).map((entry) => entry.model.id)).toEqual(expected);
          expect(index.models(capability).map((one) => one.id)).toEqual(expected);
          expect(index.has(capability)).toBe(expected.length > 0);
        }
      }),
    );
  });
});
