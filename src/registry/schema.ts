/** A registration as the config (`models.<id>`) and HTTP write it: snake_case, seconds. Light: nothing heavy is imported. */
import { z } from 'zod';
import type { LoadSettings, Quality } from '../contracts/model.ts';
import type { ModelRegistration } from '../contracts/registration.ts';
import type { Price } from '../contracts/usage.ts';
import { CAPABILITY_PATTERN } from '../contracts/vocabulary.ts';
import type { RegistrationPatch } from './layers.ts';

const share = z.number().min(0).max(1);
const dollars = z.number().min(0);

export const capabilitySchema = z
  .string()
  .regex(CAPABILITY_PATTERN, 'a capability has lower-case letters, digits and underscores only');

/** US dollars. What is left out is unknown, not free. */
export const priceSchema = z.strictObject({
  input_per_mtok: dollars.optional(),
  cached_input_per_mtok: dollars.optional(),
  output_per_mtok: dollars.optional(),
  per_image: dollars.optional(),
  per_second: dollars.optional(),
  per_call: dollars.optional(),
});

export const DEVICE_PATTERN = /^(auto|cpu|cuda|metal|vulkan|gpu:\d+)$/;
type Device = NonNullable<LoadSettings['device']>;
const device = z
  .string()
  .regex(DEVICE_PATTERN, 'a device is auto, cpu, cuda, metal, vulkan or gpu:0, gpu:1 …')
  // The pattern allows exactly the members of `Device`.
  .transform((text) => text as Device);

export const loadSchema = z.strictObject({
  device: device.optional(),
  gpu_layers: z.union([z.int().min(0), z.enum(['auto', 'max'])]).optional(),
  context_size: z.int().min(16).optional(),
  threads: z.int().min(1).optional(),
});

export const qualitySchema = z.record(z.union([z.literal('default'), capabilitySchema]), share);

const fields = {
  capabilities: z.array(capabilitySchema).min(1),
  context_window: z.int().min(1),
  max_output_tokens: z.int().min(1),
  price: priceSchema,
  quality: qualitySchema,
  speed: share,
  metadata: z.record(z.string(), z.unknown()),
  load: loadSchema,
  pinned: z.boolean(),
  preload: z.boolean(),
  idle_unload_seconds: z.number().min(0),
  fallbacks: z.array(z.string().min(1)),
};

/** `models.<id>` of the config. */
export const modelEntrySchema = z.strictObject({
  capabilities: fields.capabilities.optional().describe('Replaces what the backend reports.'),
  context_window: fields.context_window.optional().describe('Tokens, prompt and answer together.'),
  max_output_tokens: fields.max_output_tokens.optional(),
  price: fields.price.optional().describe('US dollars. What is left out is unknown, not free.'),
  quality: fields.quality.optional().describe('0..1 by capability; `default` stands for the others.'),
  speed: fields.speed.optional().describe('0..1; counts until a real speed has been measured.'),
  metadata: fields.metadata.optional().describe('Anything; shown with the model.'),
  load: fields.load.optional().describe('How a local model is put into memory.'),
  pinned: fields.pinned.optional().describe('Never evicted once loaded.'),
  preload: fields.preload.optional().describe('Loaded at the start.'),
  idle_unload_seconds: fields.idle_unload_seconds
    .optional()
    .describe('Unload after so long without use; 0: never. Default: the pool’s.'),
  fallbacks: fields.fallbacks.optional().describe('Models that are tried in turn when this one fails.'),
});
export type ModelEntry = z.output<typeof modelEntrySchema>;

/** The body of `POST /api/models`. */
export const modelRegistrationSchema = modelEntrySchema.extend({ id: z.string().min(1) });

/** The body of `PATCH /api/models/{id}`: `null` takes a field back to what the config or the backend says. */
export const modelPatchSchema = z.strictObject({
  capabilities: fields.capabilities.nullish(),
  context_window: fields.context_window.nullish(),
  max_output_tokens: fields.max_output_tokens.nullish(),
  price: fields.price.nullish(),
  quality: z.record(z.union([z.literal('default'), capabilitySchema]), share.nullable()).nullish(),
  speed: fields.speed.nullish(),
  metadata: fields.metadata.nullish(),
  load: fields.load.nullish(),
  pinned: fields.pinned.nullish(),
  preload: fields.preload.nullish(),
  idle_unload_seconds: fields.idle_unload_seconds.nullish(),
  fallbacks: fields.fallbacks.nullish(),
});
export type ModelPatch = z.output<typeof modelPatchSchema>;

export function toRegistration(id: string, entry: ModelEntry): ModelRegistration {
  return { id, ...(toFields(entry) as Omit<ModelRegistration, 'id'>) };
}

/**
 * A patch without its ratings, and the ratings (`quality`, `speed`): `registry.update` takes the first, `registry.rate`
 * the second, so that ratings set by hand stay apart.
 */
export function toPatch(patch: ModelPatch): {
  readonly patch: RegistrationPatch;
  readonly rating: { quality?: Record<string, number | null>; speed?: number | null } | null;
} {
  const { quality, speed, ...rest } = patch;
  const rating = { ...(quality != null && { quality }), ...(speed !== undefined && { speed }) };
  return { patch: toFields(rest), rating: Object.keys(rating).length > 0 ? rating : null };
}

/** The reverse of `toRegistration`, for output; takes a descriptor as well. */
export function toEntry(model: Omit<ModelRegistration, 'id'>): ModelEntry {
  return defined({
    capabilities: model.capabilities && [...model.capabilities],
    context_window: model.contextWindow,
    max_output_tokens: model.maxOutputTokens,
    price: model.price && fromPrice(model.price),
    quality: model.quality && fromQuality(model.quality),
    speed: model.speed,
    metadata: model.metadata && { ...model.metadata },
    load: model.load && fromLoad(model.load),
    pinned: model.pinned,
    preload: model.preload,
    idle_unload_seconds: model.idleUnloadSeconds,
    fallbacks: model.fallbacks && [...model.fallbacks],
  });
}

export function toPrice(price: z.output<typeof priceSchema>): Price {
  return defined({
    inputPerMtok: price.input_per_mtok,
    cachedInputPerMtok: price.cached_input_per_mtok,
    outputPerMtok: price.output_per_mtok,
    perImage: price.per_image,
    perSecond: price.per_second,
    perCall: price.per_call,
  });
}

export function fromPrice(price: Price): z.output<typeof priceSchema> {
  return defined({
    input_per_mtok: price.inputPerMtok,
    cached_input_per_mtok: price.cachedInputPerMtok,
    output_per_mtok: price.outputPerMtok,
    per_image: price.perImage,
    per_second: price.perSecond,
    per_call: price.perCall,
  });
}

function toFields(entry: ModelPatch): RegistrationPatch {
  return defined({
    capabilities: entry.capabilities,
    contextWindow: entry.context_window,
    maxOutputTokens: entry.max_output_tokens,
    price: entry.price && toPrice(entry.price),
    // A patch gives its ratings to `rate`; in a whole registration no rating is null.
    quality: entry.quality as Quality | undefined,
    speed: entry.speed,
    metadata: entry.metadata,
    load: entry.load && toLoad(entry.load),
    pinned: entry.pinned,
    preload: entry.preload,
    idleUnloadSeconds: entry.idle_unload_seconds,
    fallbacks: entry.fallbacks,
  });
}

function toLoad(load: z.output<typeof loadSchema>): LoadSettings {
  return defined({ device: load.device, gpuLayers: load.gpu_layers, contextSize: load.context_size, threads: load.threads });
}

function fromLoad(load: LoadSettings): z.output<typeof loadSchema> {
  return defined({ device: load.device, gpu_layers: load.gpuLayers, context_size: load.contextSize, threads: load.threads });
}

function fromQuality(quality: Quality): Record<string, number> {
  return { ...quality };
}

/** Without the keys whose value is undefined. */
function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T;
}
