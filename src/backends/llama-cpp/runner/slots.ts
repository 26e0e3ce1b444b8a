/**
 * Which sequence of the context a call gets. A sequence keeps what it has read after a call, so that the next turn of the
 * same conversation need not be read again; but only for the principal that it was read for.
 */
export interface Slot {
  readonly id: number;
  /** What is in the cache for this sequence. */
  tokens: number[];
  principal: string | null;
  busy: boolean;
  /** A counter: larger is later. */
  lastUsed: number;
}

export interface SlotChoice {
  readonly slot: Slot;
  /** How many tokens of the prompt it already holds. At least one is always left to read: its logits are needed. */
  readonly reused: number;
}

/** Null while all are busy. The longest match wins, then an empty slot, then the one unused for longest. */
export function chooseSlot(slots: readonly Slot[], prompt: ArrayLike<number>, principal: string): SlotChoice | null {
  let best: SlotChoice | null = null;
  for (const slot of slots) {
    if (slot.busy) continue;
    const reused = slot.principal === principal ? commonPrefix(slot.tokens, prompt) : 0;
    const choice = { slot, reused };
    if (best === null || isBetter(choice, best)) best = choice;
  }
  return best;
}

function isBetter(a: SlotChoice, b: SlotChoice): boolean {
  if (a.reused !== b.reused) return a.reused > b.reused;
  const emptiness = Number(a.slot.tokens.length === 0) - Number(b.slot.tokens.length === 0);
  return emptiness === 0 ? a.slot.lastUsed < b.slot.lastUsed : emptiness > 0;
}

export function commonPrefix(held: readonly number[], prompt: ArrayLike<number>): number {
  const most = Math.min(held.length, prompt.length - 1);
  let n = 0;
  while (n < most && held[n] === prompt[n]) n++;
  return Math.max(0, n);
}

export interface Work {
  /** Tokens still to be read; 1 while writing. */
  readonly pending: number;
}

/**
 * How many tokens of each goes into the next batch: first one for each, so that nobody who writes waits for somebody's
 * long prompt; the rest goes to the prompts in order, up to `chunk` in all, so that a cancel is noticed soon.
 */
export function shareBatch(work: readonly Work[], chunk: number): number[] {
  const shares = work.map(({ pending }) => Math.min(1, pending));
  let left = Math.max(0, chunk - shares.length);
  for (const [i, { pending }] of work.entries()) {
    const more = Math.min(left, pending - (shares[i] ?? 0));
    shares[i] = (shares[i] ?? 0) + more;
    left -= more;
  }
  return shares;
}

/** Keeps a step of reading near a quarter of a second: cancelling takes no longer, and large chunks stay efficient. */
export function nextChunk(chunk: number, tookMs: number, limit: number): number {
  if (tookMs > 400) return Math.max(16, Math.floor(chunk / 2));
  if (tookMs < 125) return Math.min(limit, chunk * 2);
  return chunk;
}
