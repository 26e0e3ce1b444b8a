import type { ModelDescriptor } from '../contracts/model.ts';
import { TuttiError } from '../errors/error.ts';
import type { ModelStatus } from '../pool/contract.ts';
import type { Tutti } from '../tutti.ts';

/** Where the pool has a model; undefined for orchestrations, and for models whose backend is gone. */
export function statusOf(tutti: Tutti, model: ModelDescriptor): ModelStatus | undefined {
  if (model.backend === null) return undefined;
  try {
    return tutti.pool.status(model.id);
  } catch (error) {
    if (TuttiError.isInstance(error)) return undefined;
    throw error;
  }
}
