/** How good a model is for a capability, and the models of each capability in that order. */
import type { ModelDescriptor } from '../contracts/model.ts';
import type { Capability, ModelId } from '../contracts/vocabulary.ts';

/** Where a rating comes from: set by hand, measured, or a guess from what is known of the model. */
export type RatingSource = 'hand' | 'measured' | 'prior';

/** A model that has a capability, and why it stands where it stands. */
export interface RankedModel {
  readonly model: ModelDescriptor;
  /** 0..1 */
  readonly quality: number;
  readonly source: RatingSource;
  /** A sentence for people: `quality 0.75 for code_generation, set by hand`. */
  readonly reason: string;
}

/**
 * The rating of a model for one capability: what was set by hand, else what was measured (each for the capability
 * itself, else `default`), else `priorQuality`.
 */
export function rateModel(model: ModelDescriptor, capability: Capability): RankedModel {
  const rated = pick(model.quality, capability);
  if (rated !== null) return { model, ...rated, source: 'hand', reason: `${rated.text}, set by hand` };
  const measured = pick(model.measuredQuality, capability);
  if (measured !== null) return { model, ...measured, source: 'measured', reason: `${measured.text}, measured` };
  const quality = priorQuality(model);
  const known = model.parameters !== undefined || model.sizeBytes !== undefined ? 'its size' : 'nothing measured';
  return { model, quality, source: 'prior', reason: `quality ${quality.toFixed(2)}, assumed from ${known}` };
}

function pick(
  ratings: Readonly<Record<string, number>> | undefined,
  capability: Capability,
): { quality: number; text: string } | null {
  if (ratings === undefined) return null;
  const own = Object.hasOwn(ratings, capability) ? ratings[capability] : undefined;
  if (own !== undefined) return { quality: own, text: `quality ${own} for ${capability}` };
  const fallback = ratings['default'];
  return fallback === undefined ? null : { quality: fallback, text: `quality ${fallback} in general` };
}

/** Bytes a weight takes in the usual 4- to 5-bit quantisation: turns a file's size into a number of parameters. */
const BYTES_PER_PARAMETER = 0.6;
const UNKNOWN_QUALITY = 0.5;

/**
 * A guess for models that nobody rated, only to put them in some order: a tenth for each factor of ten in parameters
 * (1 M: 0.15, 1 G: 0.45, 70 G: 0.64; between 0.05 and 0.75), and up to 0.05 more for a long context (from 4,096 to
 * 131,072 tokens). 0.5 when the size is unknown, as it is of most remote models. A rule of thumb, not a measurement.
 */
export function priorQuality(model: ModelDescriptor): number {
  const parameters = model.parameters ?? (model.sizeBytes === undefined ? null : model.sizeBytes / BYTES_PER_PARAMETER);
  const bySize = parameters === null ? UNKNOWN_QUALITY : clamp(0.1 * Math.log10(Math.max(1, parameters)) - 0.45, 0.05, 0.75);
  const byContext = clamp(Math.log2((model.contextWindow ?? 0) / 4096) / 5, 0, 1) * 0.05;
  return Math.round((bySize + byContext) * 1000) / 1000;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Best first; equal ones by id. */
function compare(a: RankedModel, b: RankedModel): number {
  return b.quality - a.quality || (a.model.id < b.model.id ? -1 : a.model.id > b.model.id ? 1 : 0);
}

const NONE: readonly never[] = [];

interface Shelf {
  readonly ranked: RankedModel[];
  /** The models alone, in the same order. Made when asked for, dropped when the shelf changes. */
  models: readonly ModelDescriptor[] | null;
  /** Whether `ranked` itself was handed out, so that the next change must be made to a copy. */
  lent: boolean;
}

/**
 * The models of each capability, always sorted, so that asking costs nothing however many there are. Lists that were
 * handed out never change afterwards. A change of one model costs a binary search and a splice for each capability.
 */
export class CapabilityIndex {
  readonly #shelves = new Map<Capability, Shelf>();
  readonly #entries = new Map<ModelId, RankedModel[]>();
  readonly #capabilities = new Map<ModelId, readonly Capability[]>();

  set(model: ModelDescriptor): void {
    this.delete(model.id);
    const capabilities = [...new Set(model.capabilities)];
    const entries = capabilities.map((capability) => rateModel(model, capability));
    capabilities.forEach((capability, i) => {
      const { ranked } = this.#changing(capability);
      const entry = entries[i]!; // one for each capability
      ranked.splice(position(ranked, entry), 0, entry);
    });
    this.#entries.set(model.id, entries);
    this.#capabilities.set(model.id, capabilities);
  }

  delete(id: ModelId): void {
    const entries = this.#entries.get(id) ?? NONE;
    (this.#capabilities.get(id) ?? NONE).forEach((capability, i) => {
      const { ranked } = this.#changing(capability);
      ranked.splice(position(ranked, entries[i]!), 1); // one for each capability
      if (ranked.length === 0) this.#shelves.delete(capability);
    });
    this.#entries.delete(id);
    this.#capabilities.delete(id);
  }

  ranked(capability: Capability): readonly RankedModel[] {
    const shelf = this.#shelves.get(capability);
    if (shelf === undefined) return NONE;
    shelf.lent = true;
    return shelf.ranked;
  }

  models(capability: Capability): readonly ModelDescriptor[] {
    const shelf = this.#shelves.get(capability);
    if (shelf === undefined) return NONE;
    shelf.models ??= shelf.ranked.map((entry) => entry.model);
    return shelf.models;
  }

  /** Those that at least one model has. */
  capabilities(): Capability[] {
    return [...this.#shelves.keys()];
  }

  has(capability: Capability): boolean {
    return this.#shelves.has(capability);
  }

  #changing(capability: Capability): Shelf {
    let shelf = this.#shelves.get(capability);
    if (shelf === undefined || shelf.lent) {
      shelf = { ranked: [...(shelf?.ranked ?? NONE)], models: null, lent: false };
      this.#shelves.set(capability, shelf);
    }
    shelf.models = null;
    return shelf;
  }
}

/** Where an entry is, or would be inserted. */
function position(ranked: readonly RankedModel[], entry: RankedModel): number {
  let low = 0;
  let high = ranked.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(ranked[middle]!, entry) < 0) low = middle + 1; // middle < length
    else high = middle;
  }
  return low;
}
