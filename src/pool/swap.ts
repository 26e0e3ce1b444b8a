/**
 * Replacing one model by another while requests go on.
 *
 * A remote new one is asked for before the name moves (`takeover.ts`).
 *
 * 1. Both fit: load the new one beside the old one, which stays until then; move the name; let the old one's calls end;
 *    unload it. If the new one cannot be loaded, nothing has changed.
 * 2. They do not: new calls wait; the old one's calls end; unload it; load the new one before anything else; move the
 *    name, and with it those who wait. If the new one cannot be loaded, the old one is loaded again and they go to it.
 *
 * `moveName` always happens while the new one is leased, so that nothing evicts it in between.
 */
import type { Logger } from '../contracts/logger.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { Lease } from './contract.ts';
import { add, isNone, shortfall, type Amounts } from './memory-budget.ts';
import type { PlacementOption } from './placement.ts';
import { holdings, type SlotView } from './scheduler.ts';
import { countsAsLoaded } from './slot.ts';

export interface SwapEffects {
  /** Keeps the old one from being evicted. */
  guard(on: boolean): void;
  /** Whether both could be loaded at once with everything else gone but what is pinned. */
  fitTogether(): Promise<boolean>;
  /** Keeps the old one from being loaded, while those who want it wait. */
  hold(on: boolean): void;
  /** Settles when the old one's calls have ended and it is gone. */
  readonly unloadOld: () => Promise<void>;
  load(which: 'old' | 'new'): Promise<Lease>;
  /** Lets the new one answer for the old one's name, to those who wait already, too. */
  moveName(): void;
  readonly log: Logger;
}

export async function swapModels(effects: SwapEffects): Promise<void> {
  effects.guard(true);
  let besides: boolean;
  try {
    besides = await effects.fitTogether();
    if (besides) await loadAndMove(effects);
  } finally {
    effects.guard(false);
  }
  if (besides) return effects.unloadOld();
  effects.hold(true);
  try {
    // The new one is in the queue before the room is free, so that nobody else takes it.
    await loadAndMove(effects, effects.unloadOld);
  } catch (error) {
    effects.hold(false);
    await restore(effects);
    throw error;
  }
  effects.hold(false);
}

async function loadAndMove(effects: SwapEffects, meanwhile?: () => Promise<void>): Promise<void> {
  const [lease] = await Promise.all([effects.load('new'), meanwhile?.()]);
  await using _lease = lease;
  effects.moveName();
}

async function restore(effects: SwapEffects): Promise<void> {
  try {
    await using _lease = await effects.load('old');
  } catch (error) {
    // The caller gets the error of the new one; the next request for the old one tries again.
    effects.log.error({ err: error }, 'after a failed swap the old model could not be loaded again');
  }
}

/** Whether the new model fits at one of its places beside those that stay. */
export function fitTogether(options: {
  readonly limits: Amounts;
  readonly staying: readonly Pick<SlotView, 'memory' | 'counts'>[];
  readonly next: ModelDescriptor;
  readonly options: readonly PlacementOption[];
}): boolean {
  const taken = options.staying.reduce<Amounts>((sum, slot) => add(sum, holdings(slot)), {});
  return options.options.some(({ memory }) =>
    isNone(shortfall(options.limits, taken, holdings({ memory, counts: countsAsLoaded(options.next) }))),
  );
}
