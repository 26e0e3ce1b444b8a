/**
 * At most `limit` of the items, in their order. Which ones are left out is a matter of chance, but the same for the same
 * seed on every machine.
 */
export function sample<T>(
  items: readonly T[],
  { limit = items.length, seed }: { readonly limit?: number; readonly seed: number },
): T[] {
  if (limit >= items.length) return [...items];
  const random = mulberry32(seed);
  const order = items.map((_, index) => index);
  for (let i = 0; i < limit; i++) {
    const j = i + Math.floor(random() * (order.length - i));
    [order[i], order[j]] = [order[j]!, order[i]!]; // both below the length
  }
  return order
    .slice(0, limit)
    .sort((a, b) => a - b)
    .map((index) => items[index]!); // indexes of items
}

/** Tommy Ettinger's mulberry32: 0 ≤ x < 1. For choosing, not for secrets. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
