import { describe, expect, it } from 'vitest';
import type { ModelDescriptor } from '../contracts/model.ts';
import { explain, scoreOf, type ModelFacts } from './policies.ts';
import { POLICIES, type Policy } from './schema.ts';

const facts = (model: Partial<ModelDescriptor>, more: Partial<Omit<ModelFacts, 'model'>> = {}): ModelFacts => ({
  model: {
    id: 'x:m',
    backend: 'x',
    name: 'm',
    capabilities: ['text_generation'],
    operations: ['chat'],
    ...model,
  },
  capability: 'text_generation',
  residency: 'remote',
  measured: undefined,
  ...more,
});

const FREE = { inputPerMtok: 0, outputPerMtok: 0 };
const good = facts(
  { quality: { default: 0.9 }, price: { inputPerMtok: 2.5, outputPerMtok: 10 } },
  { measured: { firstTokenMs: 900, tokensPerSecond: 60 } },
);
const quick = facts(
  { quality: { default: 0.4 }, price: { inputPerMtok: 1, outputPerMtok: 3 } },
  { measured: { firstTokenMs: 60, tokensPerSecond: 900 } },
);
const cheap = facts({ quality: { default: 0.5 }, price: FREE }, { measured: { firstTokenMs: 1500, tokensPerSecond: 30 } });

const best = (policy: Policy, ...all: ModelFacts[]): ModelFacts | undefined =>
  all.toSorted((a, b) => scoreOf(b, policy) - scoreOf(a, policy))[0];

describe('a policy', () => {
  it('prefers what it is named for', () => {
    expect(best('accuracy', good, quick, cheap)).toBe(good);
    expect(best('performance', good, quick, cheap)).toBe(quick);
    expect(best('cost', good, quick, cheap)).toBe(cheap);
  });

  it.each(POLICIES)('%s prefers a loaded model to the same one that is not', (policy) => {
    const loaded = scoreOf(facts({}, { residency: 'loaded' }), policy);
    const loading = scoreOf(facts({}, { residency: 'loading' }), policy);
    const cold = scoreOf(facts({}, { residency: 'cold' }), policy);
    expect(loaded).toBeGreaterThan(loading);
    expect(loading).toBeGreaterThan(cold);
  });

  it.each(POLICIES)('%s takes an unknown price for dear, not for free', (policy) => {
    const unknown = scoreOf(facts({}), policy);
    expect(unknown).toBeLessThan(scoreOf(facts({ price: FREE }), policy));
    expect(unknown).toBeLessThan(scoreOf(facts({ price: { inputPerMtok: 0.5, outputPerMtok: 2 } }), policy));
    expect(unknown).toBe(scoreOf(facts({ price: { inputPerMtok: 1 } }), policy));
  });

  it('takes a model in this machine’s memory without a price for free', () => {
    expect(scoreOf(facts({}, { residency: 'loaded' }), 'cost')).toBe(scoreOf(facts({ price: FREE }), 'cost'));
  });

  it('uses the rating for the capability before the general one', () => {
    const coder = facts({ quality: { default: 0.2, code_generation: 0.9 } });
    expect(scoreOf({ ...coder, capability: 'code_generation' }, 'accuracy')).toBeGreaterThan(scoreOf(coder, 'accuracy'));
  });

  it('uses the speed set by hand until there is a measured one', () => {
    const fast = facts({ speed: 1 });
    expect(scoreOf(fast, 'performance')).toBeGreaterThan(scoreOf(facts({}), 'performance'));
    const slow = { ...fast, measured: { firstTokenMs: 20_000, tokensPerSecond: 1 } };
    expect(scoreOf(slow, 'performance')).toBeLessThan(scoreOf(facts({}), 'performance'));
  });
});

describe('the reason', () => {
  it.each([
    [
      facts(
        { quality: { default: 0.75 }, price: FREE },
        { residency: 'loaded', measured: { firstTokenMs: 412.4, tokensPerSecond: null } },
      ),
      'quality 0.75, 412 ms, free; loaded',
    ],
    [good, 'quality 0.9, 900 ms and 60 tokens/s, $5.5 for 1,000 typical calls; remote'],
    [facts({}), 'quality 0.5 (assumed), speed not measured, price unknown; remote'],
    [facts({ quality: { default: 1 }, speed: 0.8 }, { residency: 'cold' }), 'quality 1, speed 0.8 set by hand, free; not loaded'],
  ])('names the figures (%#)', (of, sentence) => {
    expect(explain(of)).toBe(sentence);
  });
});
