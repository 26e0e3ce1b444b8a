/** Models by the names that requests use, and where the pool has them. */
import type { ModelDescriptor } from '../contracts/model.ts';
import { TuttiError } from '../errors/error.ts';
import { nearest } from '../lib/nearest.ts';
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

/**
 * The model that a name stands for, of those that are known. An alias stands for the first of its models. A name that a
 * remote backend might know though it does not list it can be called, but there is nothing to tell of it.
 * Errors: `model_not_found` with the nearest names, `ambiguous_model`.
 */
export function lookUp(tutti: Tutti, name: string): ModelDescriptor {
  const { registry } = tutti;
  const own = registry.get(name);
  if (own !== undefined) return own;
  const resolution = registry.resolve(name, { ignoreSwaps: true });
  const model = 'model' in resolution ? resolution.model : resolution.by === 'alias' ? resolution.models[0] : undefined;
  if (model !== undefined && ('models' in resolution || resolution.by !== 'backend')) return model;
  const near = nearest(name, [...registry.list().map(({ id }) => id), ...registry.aliases.keys()]);
  const hint = near.length === 0 ? '' : ` Nearest: ${near.join(', ')}.`;
  const reason = model === undefined ? 'There is no model' : `The backend ${model.backend} does not list a model`;
  throw new TuttiError('model_not_found', `${reason} called "${name}".${hint}`, { param: 'model', details: { nearest: near } });
}

/** An alias as a model of its own: the first of its models, by its name. */
export function aliasesOf(tutti: Tutti): ModelDescriptor[] {
  const found: ModelDescriptor[] = [];
  for (const [alias, targets] of tutti.registry.aliases) {
    const model = targets.map((id) => tutti.registry.get(id)).find((target) => target !== undefined);
    if (model !== undefined) found.push({ ...model, id: alias, name: alias });
  }
  return found;
}
