/**
 * CPU threads for all runners of this process together. Never every core: with two threads on a busy machine of two cores
 * llama.cpp took 30 s for what one thread did in 0.08 s, because its threads wait for each other by spinning.
 */
import { availableParallelism } from 'node:os';

export interface ThreadClaim {
  /** More than this it cannot use. */
  readonly most: number;
}

/** Shares `total` evenly, at least one each; what one cannot use goes to the others. */
export function shareThreads(claims: readonly ThreadClaim[], total: number): number[] {
  const shares = claims.map(() => 1);
  let left = total - claims.length;
  while (left > 0) {
    let least = -1;
    for (const [i, claim] of claims.entries()) {
      const share = shares[i] ?? 1;
      if (share < claim.most && (least < 0 || share < (shares[least] ?? 1))) least = i;
    }
    if (least < 0) break;
    shares[least] = (shares[least] ?? 1) + 1;
    left--;
  }
  return shares;
}

export interface ThreadLease extends Disposable {
  readonly threads: number;
}

interface Holder extends ThreadClaim {
  threads: number;
  onChange: (threads: number) => void;
}

/** Who holds threads now; shares change as models come and go. */
export class ThreadBudget {
  readonly total: number;
  readonly #holders = new Set<Holder>();

  constructor(cores: number = availableParallelism()) {
    this.total = Math.max(1, cores - 1);
  }

  /** `onChange` is told of every later share. */
  claim(claim: ThreadClaim, onChange: (threads: number) => void): ThreadLease {
    const holder: Holder = { most: claim.most, threads: 0, onChange: () => {} };
    this.#holders.add(holder);
    this.#share();
    holder.onChange = onChange;
    return {
      get threads() {
        return holder.threads;
      },
      [Symbol.dispose]: () => {
        if (this.#holders.delete(holder)) this.#share();
      },
    };
  }

  #share(): void {
    const holders = [...this.#holders];
    const shares = shareThreads(holders, this.total);
    for (const [i, holder] of holders.entries()) {
      const threads = shares[i] ?? 1;
      if (holder.threads === threads) continue;
      holder.threads = threads;
      holder.onChange(threads);
    }
  }
}

/** The one of this process: several backends share the same cores. */
export const threadBudget = new ThreadBudget();

/** A tiny model is fastest on one thread: with two, each token waits longer for the other thread than it computes. */
export const TINY_PARAMETERS = 50_000_000;
