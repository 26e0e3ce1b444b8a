/** `/api/models`: the registry, and what the pool does with single models. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ModelDescriptor } from '../../contracts/model.ts';
import { toPatch, toRegistration, type ModelPatch, type modelRegistrationSchema } from '../../registry/schema.ts';
import { flag } from '../query.ts';
import { aliasesOf, lookUp, statusOf } from '../model-lookup.ts';
import type { Call } from '../route.ts';
import { toWireModel, toWireModelStatus, wireModel, type WireModel, type WireModelStatus } from '../wire/models.ts';

export const modelsQuery = z.strictObject({
  capability: z.string().optional().describe('Only models that have it, best first, each with the reason.'),
  backend: z.string().optional(),
  best: flag.describe('With `capability`: only the best one.'),
});
export const rankedModel = wireModel.extend({
  reason: z.string().optional().describe('With `capability`: why it stands where it stands.'),
});
export const modelList = z.strictObject({
  models: z.array(rankedModel),
  aliases: z
    .record(z.string(), z.array(z.string()))
    .optional()
    .describe('Without a filter: other names, and what they stand for.'),
});
export type WireModelList = z.infer<typeof modelList>;
export type WireRankedModel = z.infer<typeof rankedModel>;

export function listModels(call: Call<unknown, z.output<typeof modelsQuery>>): WireModelList {
  const { registry } = call.services.tutti;
  const { capability, backend, best } = call.query;
  if (capability === undefined) {
    const models = registry.list({ ...(backend !== undefined && { backend }) }).map((model) => wire(call, model));
    if (backend !== undefined) return { models };
    const aliases = aliasesOf(call.services.tutti).map(({ id }) => [id, [...(registry.aliases.get(id) ?? [])]]);
    return { models, aliases: Object.fromEntries(aliases) as Record<string, string[]> };
  }
  const ranked = registry.find(capability).filter(({ model }) => backend === undefined || model.backend === backend);
  return {
    models: (best ? ranked.slice(0, 1) : ranked).map(({ model, reason }) => ({ ...wire(call, model), reason })),
  };
}

export function getModel(call: Call): WireModel {
  return wire(call, named(call));
}

export function modelStatus(call: Call): WireModelStatus {
  const model = named(call);
  return toWireModelStatus(model, statusOf(call.services.tutti, model));
}

export function registerModel(call: Call<z.output<typeof modelRegistrationSchema>>): WireModel {
  const { id, ...entry } = call.body;
  const model = call.services.tutti.registry.register(toRegistration(id, entry));
  call.reply.code(201);
  return wire(call, model);
}

/** Ratings in the patch are kept apart from the rest, as those set by hand. */
export function updateModel(call: Call<ModelPatch>): WireModel {
  const { registry } = call.services.tutti;
  const { id } = named(call);
  const { patch, rating } = toPatch(call.body);
  if (patch.fallbacks != null) call.services.tutti.setFallbacks(id, patch.fallbacks); // checks the names
  if (Object.keys(patch).length > 0) registry.update(id, patch);
  if (rating !== null) registry.rate(id, rating);
  return wire(call, lookUp(call.services.tutti, id));
}

export async function unregisterModel(call: Call): Promise<FastifyReply> {
  call.services.tutti.registry.unregister(named(call).id);
  return call.reply.code(204).send();
}

export const loadBody = z
  .strictObject({ wait: z.boolean().default(true).describe('false: answer 202 at once and load in the background.') })
  .prefault({});

export async function loadModel(call: Call<z.output<typeof loadBody>>): Promise<WireModelStatus> {
  const { pool } = call.services.tutti;
  const model = named(call);
  if (call.body.wait) {
    await pool.preload(model.id, { signal: call.signal });
  } else {
    // The events `model.loaded` and `model.load_failed` tell how it went.
    pool.preload(model.id).catch((error: unknown) => call.services.log.warn({ err: error, model: model.id }, 'a load failed'));
    call.reply.code(202);
  }
  return toWireModelStatus(model, statusOf(call.services.tutti, model));
}

export const unloadBody = z
  .strictObject({
    force: z.boolean().default(false).describe('Unload at once: calls under way fail.'),
    wait: z.boolean().default(true).describe('false: 409 `model_in_use` rather than wait for calls under way.'),
  })
  .prefault({});

export async function unloadModel(call: Call<z.output<typeof unloadBody>>): Promise<WireModelStatus> {
  const { pool } = call.services.tutti;
  const model = named(call);
  await pool.unload(model.id, call.body);
  return toWireModelStatus(model, statusOf(call.services.tutti, model));
}

export const swapBody = z.strictObject({ to: z.string().min(1).describe('The model that answers from now on.') });
export const swapped = z.strictObject({ from: z.string(), to: z.string() });

export async function swapModel(call: Call<z.output<typeof swapBody>>): Promise<z.infer<typeof swapped>> {
  const from = named(call).id;
  await call.services.tutti.swap(from, call.body.to);
  return { from, to: call.body.to };
}

function named(call: Call<unknown, unknown>): ModelDescriptor {
  return lookUp(call.services.tutti, call.params.model ?? '');
}

function wire(call: Call<unknown, unknown>, model: ModelDescriptor): WireModel {
  return toWireModel(model, statusOf(call.services.tutti, model));
}
