import { describe, expect, it } from 'vitest';
import { ConfidenceMeter, RawProbabilities, type Distribution } from './logprobs.ts';
import type { NativeContext, NativeSampler } from './native.ts';

const named = (name: string): NativeSampler & { name: string } => ({ name, applyConfig() {}, dispose() {} });
const best = named('best');
const leading = named('leading');

/** Answers like the binding: over a vocabulary of tokens with probability 2^-1, 2^-2, … */
function fakeContext(size: number): { context: Pick<NativeContext, 'sampleToken'>; asked: string[] } {
  const asked: string[] = [];
  const p = (token: number): number => 2 ** -(token + 1);
  const pairs = (count: number, scale: number): number[] => Array.from({ length: count }, (_, t) => [t, p(t) * scale]).flat();
  const sampleToken = (_: number, sampler: NativeSampler, probabilities?: boolean, confidence?: boolean): Promise<unknown> => {
    asked.push(`${sampler === best ? 'best' : 'leading'}${probabilities === true ? ' probabilities' : ''}`);
    const among = sampler === best ? size : 64;
    const sum = sampler === best ? 1 : 1 - 2 ** -64;
    return Promise.resolve([
      0,
      probabilities === true ? pairs(among, 1 / sum) : undefined,
      confidence === true ? p(0) : undefined,
    ]);
  };
  return { context: { sampleToken: sampleToken as NativeContext['sampleToken'] }, asked };
}

describe('raw probabilities', () => {
  it('of a small vocabulary are read whole', async () => {
    const { context, asked } = fakeContext(100);
    const distribution = await new RawProbabilities(context, { best, leading }, 100).read(0);
    expect(distribution.leading).toHaveLength(100);
    expect(await distribution.of(70)).toBe(2 ** -71);
    expect(asked).toEqual(['best probabilities']);
  });

  it('of a large vocabulary are put together from the best and the leading ones', async () => {
    const { context, asked } = fakeContext(10_000);
    const distribution = await new RawProbabilities(context, { best, leading }, 10_000).read(0);
    expect(distribution.leading).toHaveLength(64);
    expect(await distribution.of(3)).toBeCloseTo(2 ** -4, 12);
    expect(asked).toEqual(['best', 'leading probabilities']);
  });

  it('of a token that is not among the leading ones are read whole after all', async () => {
    const { context, asked } = fakeContext(10_000);
    const distribution = await new RawProbabilities(context, { best, leading }, 10_000).read(0);
    expect(await distribution.of(200)).toBe(2 ** -201);
    expect(asked.at(-1)).toBe('best probabilities');
  });
});

describe('confidence', () => {
  const distribution = (...ps: number[]): Distribution => ({
    leading: ps.map((p, t) => [t, p] as const),
    of: () => Promise.resolve(0),
  });

  it('is made of the geometric mean and the lowest probability, and tells the least lead', () => {
    const meter = new ConfidenceMeter();
    meter.add(0.9, distribution(0.9, 0.05));
    meter.add(0.4, distribution(0.4, 0.3));
    expect(meter.result()).toMatchObject({ method: 'logprobs', calibrated: false, parts: { lowest: 0.4 } });
    expect(meter.result()?.parts?.['mean']).toBeCloseTo(0.6);
    expect(meter.result()?.score).toBeCloseTo(Math.sqrt(0.6 * 0.4));
    expect(meter.result()?.parts?.['margin']).toBeCloseTo(0.1);
  });

  it('has a negative lead where another token was likelier', () => {
    const meter = new ConfidenceMeter();
    meter.add(0.2, distribution(0.7, 0.2));
    expect(meter.result()?.parts?.['margin']).toBeCloseTo(-0.5);
  });

  it('is null rather than invented where every token was forced', () => {
    expect(new ConfidenceMeter().result()).toBe(null);
  });

  it('has nothing to say when a probability is no number', () => {
    const meter = new ConfidenceMeter();
    meter.add(0.5, { leading: [], of: () => Promise.resolve(0) });
    meter.add(Number.NaN, { leading: [], of: () => Promise.resolve(0) });
    expect(meter.result()).toBe(null);
  });
});
