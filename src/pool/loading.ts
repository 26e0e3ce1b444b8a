/** Opening a model: with one smaller try after running out of memory, and its measured bytes. Decides nothing about others. */
import type { Memory, OpenModel, Placement } from '../contracts/backend.ts';
import type { Logger } from '../contracts/logger.ts';
import { TuttiError } from '../errors/error.ts';
import { smaller } from './placement.ts';
import type { Slot } from './slot.ts';

export interface Opened {
  readonly open: OpenModel;
  readonly placement: Placement;
  /** null where the backend cannot measure: the estimate stands. */
  readonly measured: Memory | null;
}

/** Errors: any of the backend's; `out_of_memory` only after the smaller try, too. What is no `TuttiError` becomes `load_failed`. */
export async function openModel(slot: Slot, log: Logger, onProgress: (fraction: number) => void): Promise<Opened> {
  const openAt = async (placement: Placement): Promise<Opened> => {
    const open = await slot.backend.open(slot.model, { placement, signal: slot.load.signal, onProgress });
    return { open, placement, measured: await measure(open, log) };
  };
  try {
    return await openAt(slot.placement).catch((error: unknown) => {
      const less = isOutOfMemory(error) && !slot.load.signal.aborted ? smaller(slot.model, slot.placement) : null;
      if (less === null) throw error;
      log.warn({ model: slot.model.id, placement: less }, 'out of memory while loading; trying once more, smaller');
      return openAt(less);
    });
  } catch (error) {
    throw TuttiError.from(error, 'load_failed');
  }
}

function isOutOfMemory(error: unknown): boolean {
  return TuttiError.isInstance(error) && error.code === 'out_of_memory';
}

async function measure(open: OpenModel, log: Logger): Promise<Memory | null> {
  try {
    return (await open.measure?.()) ?? null;
  } catch (error) {
    log.warn({ model: open.descriptor.id, err: error }, 'the memory of a model could not be measured; the estimate stands');
    return null;
  }
}
