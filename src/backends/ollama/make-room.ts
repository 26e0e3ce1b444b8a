/** One model that an Ollama server holds, or is about to hold because a call was let through. */
export interface Holding {
  readonly name: string;
  readonly gpuBytes: number;
  /** A call of this Tutti is running on it. */
  readonly inUse: boolean;
  /** The larger, the more recently it was used. */
  readonly lastUsed: number;
}

export type RoomDecision =
  /** Unload these, in this order, and load. Empty: there is room, or it is loaded already. */
  | { readonly kind: 'go'; readonly unload: readonly string[] }
  /** Models in use stand in the way: decide again when a call has ended. */
  | { readonly kind: 'wait' }
  /** It alone is over the limit. */
  | { readonly kind: 'too large' };

/**
 * Whether a model may be loaded within the limit, and what has to go for it: idle models, least recently used first, and
 * no more than needed.
 *
 * 1. Loaded already: go.
 * 2. Larger than the limit: too large.
 * 3. Fits beside all that is held: go.
 * 4. Fits once some idle models are gone: go, and unload those.
 * 5. Else wait.
 */
export function makeRoom(
  wanted: { readonly name: string; readonly gpuBytes: number },
  holdings: readonly Holding[],
  limitBytes: number,
): RoomDecision {
  if (holdings.some((holding) => holding.name === wanted.name)) return { kind: 'go', unload: [] };
  if (wanted.gpuBytes > limitBytes) return { kind: 'too large' };
  let used = holdings.reduce((sum, holding) => sum + holding.gpuBytes, 0);
  const idle = holdings.filter((holding) => !holding.inUse && holding.gpuBytes > 0).toSorted((a, b) => a.lastUsed - b.lastUsed);
  const unload: string[] = [];
  for (const holding of idle) {
    if (used + wanted.gpuBytes <= limitBytes) break;
    unload.push(holding.name);
    used -= holding.gpuBytes;
  }
  return used + wanted.gpuBytes <= limitBytes ? { kind: 'go', unload } : { kind: 'wait' };
}
