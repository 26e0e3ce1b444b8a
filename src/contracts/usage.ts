/** What a call consumed. Absent fields were not reported; zero means none. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The part of `inputTokens` that was read from a prompt cache. */
  readonly cachedInputTokens?: number;
  /** The part of `outputTokens` that was reasoning. */
  readonly reasoningTokens?: number;
  /** Images made. */
  readonly images?: number;
  /** Seconds of audio or video, in or out. */
  readonly seconds?: number;
  /** True when the numbers are Tutti's own count because the provider sent none. */
  readonly estimated?: boolean;
}

/** Nothing consumed: where sums begin. */
export const NO_USAGE: Usage = Object.freeze({ inputTokens: 0, outputTokens: 0 });

/** US dollars. A price that is not given is unknown, not zero; give 0 for what is free. */
export interface Price {
  readonly inputPerMtok?: number;
  /** Default: `inputPerMtok`, because a provider that names no discount gives none. */
  readonly cachedInputPerMtok?: number;
  readonly outputPerMtok?: number;
  readonly perImage?: number;
  readonly perSecond?: number;
  /** Added once to every call. Not given: no such fee. */
  readonly perCall?: number;
}

/**
 * US dollars for one call, or null when the price of anything that was consumed is unknown.
 * What was not consumed needs no price: an embedding has no output tokens, so `outputPerMtok` may be absent.
 */
export function costOf(usage: Usage, price: Price | undefined): number | null {
  if (price === undefined || Object.keys(price).length === 0) return null;
  const cached = Math.min(usage.cachedInputTokens ?? 0, usage.inputTokens);
  const items: readonly (readonly [amount: number, each: number | undefined])[] = [
    [(usage.inputTokens - cached) / 1e6, price.inputPerMtok],
    [cached / 1e6, price.cachedInputPerMtok ?? price.inputPerMtok],
    [usage.outputTokens / 1e6, price.outputPerMtok],
    [usage.images ?? 0, price.perImage],
    [usage.seconds ?? 0, price.perSecond],
  ];
  let sum = price.perCall ?? 0;
  for (const [amount, each] of items) {
    if (amount === 0) continue;
    if (each === undefined) return null;
    sum += amount * each;
  }
  return sum;
}

/** The sum of two. A field stays absent when neither has it; the sum is estimated when either is. */
export function addUsage(a: Usage, b: Usage): Usage {
  const sum: { -readonly [K in keyof Usage]: Usage[K] } = {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
  };
  for (const field of ['cachedInputTokens', 'reasoningTokens', 'images', 'seconds'] as const) {
    if (a[field] !== undefined || b[field] !== undefined) sum[field] = (a[field] ?? 0) + (b[field] ?? 0);
  }
  if (a.estimated === true || b.estimated === true) sum.estimated = true;
  return sum;
}
