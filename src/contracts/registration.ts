import type { Capability, ModelId } from './vocabulary.ts';
import type { LoadSettings, Quality } from './model.ts';
import type { Price } from './usage.ts';

/** What a user says of a model: adds to or corrects what its backend reports. Only `id` is required. */
export interface ModelRegistration {
  readonly id: ModelId;
  readonly capabilities?: readonly Capability[];
  readonly contextWindow?: number;
  readonly maxOutputTokens?: number;
  readonly price?: Price;
  readonly quality?: Quality;
  readonly speed?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly load?: LoadSettings;
  readonly pinned?: boolean;
  readonly preload?: boolean;
  readonly idleUnloadSeconds?: number;
  readonly fallbacks?: readonly ModelId[];
}
