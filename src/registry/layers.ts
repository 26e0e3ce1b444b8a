/**
 * What is known of one model comes from several hands, in layers that stay apart: what its backend reports, what the
 * config says, what was set while running, ratings by hand, and measured ratings. Here they are laid over one another.
 */
import type { ModelDescriptor, Quality } from '../contracts/model.ts';
import type { ModelRegistration } from '../contracts/registration.ts';
import type { BackendId, Capability, ModelId } from '../contracts/vocabulary.ts';
import { operationOf } from '../contracts/vocabulary.ts';

/** Changes to a registration. `null` takes a field back to what the layers below say. */
export type RegistrationPatch = {
  readonly [K in keyof Omit<ModelRegistration, 'id'>]?: ModelRegistration[K] | null;
};

/** Ratings in 0..1 by capability; `default` stands for those not named. `null` takes a rating back. */
export interface Rating {
  readonly quality?: Readonly<Record<string, number | null>>;
  readonly speed?: number | null;
}

/** Everything that is known of one model, lowest first. */
export interface Layers {
  /** What the backend reports, or an in-process model says of itself. */
  readonly reported: ModelDescriptor | undefined;
  readonly configured: ModelRegistration | undefined;
  readonly runtime: ModelRegistration | undefined;
  readonly rated: { readonly quality?: Quality; readonly speed?: number } | undefined;
  readonly measured: Quality | undefined;
}

/** One descriptor from all layers. `backend` is the one that the id's prefix names, null for an in-process model. */
export function mergeLayers(id: ModelId, backend: BackendId | null, layers: Layers): ModelDescriptor {
  const { assumed = false, ...base } = layers.reported ?? assumedDescriptor(id, backend);
  const said = mergeRegistrations(layers.configured, layers.runtime);
  const { id: _, quality: saidQuality, capabilities, metadata, price, load, ...rest } = said ?? { id };
  const quality = mergeMaps(mergeMaps(base.quality, saidQuality), layers.rated?.quality);
  const measuredQuality = mergeMaps(base.measuredQuality, layers.measured);
  const speed = layers.rated?.speed ?? rest.speed ?? base.speed;
  return {
    ...base,
    ...rest,
    ...(capabilities !== undefined && { capabilities, operations: operationsOf(capabilities) }),
    ...(assumed && capabilities === undefined && { assumed }),
    ...(metadata !== undefined && { metadata: { ...base.metadata, ...metadata } }),
    ...(price !== undefined && { price: { ...base.price, ...price } }),
    ...(load !== undefined && { load: { ...base.load, ...load } }),
    ...(quality !== undefined && { quality }),
    ...(measuredQuality !== undefined && { measuredQuality }),
    ...(speed !== undefined && { speed }),
  };
}

/** `over` laid over `under`: maps are merged by key, everything else is replaced. */
export function mergeRegistrations(
  under: ModelRegistration | undefined,
  over: ModelRegistration | undefined,
): ModelRegistration | undefined {
  if (under === undefined || over === undefined) return over ?? under;
  const merged: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) continue;
    merged[key] = isMap(value) && isMap(merged[key]) ? { ...merged[key], ...value } : value;
  }
  return merged as unknown as ModelRegistration;
}

/** The run-time layer after a patch. */
export function patchRegistration(
  id: ModelId,
  before: ModelRegistration | undefined,
  patch: RegistrationPatch,
): ModelRegistration {
  const cleared = Object.entries(patch).filter(([, value]) => value === null);
  const set = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== null && value !== undefined));
  const kept: Record<string, unknown> = { ...before };
  for (const [key] of cleared) delete kept[key];
  // Both have an id, so the result has.
  return mergeRegistrations({ ...kept, id }, { ...set, id }) as ModelRegistration;
}

export function patchRating(before: Layers['rated'], rating: Rating): Layers['rated'] {
  const quality: Record<string, number> = { ...before?.quality };
  for (const [capability, value] of Object.entries(rating.quality ?? {})) {
    if (value === null) delete quality[capability];
    else quality[capability] = value;
  }
  const speed = rating.speed === undefined ? before?.speed : (rating.speed ?? undefined);
  return { ...(Object.keys(quality).length > 0 && { quality }), ...(speed !== undefined && { speed }) };
}

/**
 * What is assumed of a model that its backend does not list (yet): a chat model, or an embedding model when its name
 * says so. A registration corrects it.
 */
export function assumedDescriptor(id: ModelId, backend: BackendId | null): ModelDescriptor {
  const name = backend === null ? id : id.slice(backend.length + 1);
  const capabilities: Capability[] = /embed/i.test(name) ? ['embedding'] : ['text_generation'];
  return { id, backend, name, capabilities, assumed: true, operations: operationsOf(capabilities) };
}

export function operationsOf(capabilities: readonly Capability[]): string[] {
  return [...new Set(capabilities.map(operationOf))];
}

function mergeMaps(under: Quality | undefined, over: Quality | undefined): Quality | undefined {
  return under === undefined || over === undefined ? (over ?? under) : { ...under, ...over };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
