/** Models on the wire. */
import { z } from 'zod';
import type { ModelDescriptor } from '../../contracts/model.ts';
import type { ModelStatus } from '../../pool/contract.ts';
import { modelEntrySchema, toEntry } from '../../registry/schema.ts';
import { mebibytes, present, seconds } from './answer.ts';

export const modelState = z
  .enum(['cold', 'waiting', 'loading', 'loaded', 'unloading', 'remote', 'orchestration'])
  .describe('Of a local model: where it is between disk and memory. `remote`: somebody else holds it.');
export type WireModelState = z.infer<typeof modelState>;

/** Where a model is; without a pool's entry it is an orchestration or was never asked for. */
export function stateOf(model: ModelDescriptor, status: ModelStatus | undefined): WireModelState {
  if (model.backend === null) return 'orchestration';
  return status?.state ?? 'cold';
}

export const openaiModel = z.strictObject({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  capabilities: z.array(z.string()),
  context_window: z.int().nullable(),
  state: modelState,
  notice: z.string().optional(),
});
export type OpenaiModel = z.infer<typeof openaiModel>;
export const openaiModelList = z.strictObject({ object: z.literal('list'), data: z.array(openaiModel) });
export type OpenaiModelList = z.infer<typeof openaiModelList>;

export function toOpenaiModel(model: ModelDescriptor, status: ModelStatus | undefined, created: number): OpenaiModel {
  return present({
    id: model.id,
    object: 'model' as const,
    created,
    owned_by: model.backend ?? 'tutti',
    capabilities: [...model.capabilities],
    context_window: model.contextWindow ?? null,
    state: stateOf(model, status),
    notice: model.notice,
  });
}

/** Where a model is, as the pool has it. */
export const wireModelStatus = z
  .strictObject({
    id: z.string(),
    state: modelState,
    device: z.string().nullable(),
    fraction: z.number().nullable().describe('0..1 while it is loaded.'),
    leases: z.int().describe('Calls under way.'),
    waiting: z.int().describe('Calls that wait for it.'),
    estimated_mb: z.number().nullable(),
    measured_mb: z.number().nullable(),
    last_used_at: z.number().nullable(),
    pinned: z.boolean(),
    pid: z.int().nullable(),
  })
  .meta({ id: 'ModelStatus' });
export type WireModelStatus = z.infer<typeof wireModelStatus>;

export function toWireModelStatus(model: ModelDescriptor, status: ModelStatus | undefined): WireModelStatus {
  if (status !== undefined) return fromPool(status);
  return {
    id: model.id,
    state: stateOf(model, status),
    device: null,
    fraction: null,
    leases: 0,
    waiting: 0,
    estimated_mb: null,
    measured_mb: null,
    last_used_at: null,
    pinned: model.pinned ?? false,
    pid: null,
  };
}

/** A model's status as the pool tells it. */
export function fromPool(status: ModelStatus): WireModelStatus {
  return {
    id: status.id,
    state: status.state,
    device: status.device,
    fraction: status.fraction,
    leases: status.leases,
    waiting: status.waiting,
    estimated_mb: status.estimatedMb,
    measured_mb: status.measuredMb,
    last_used_at: status.lastUsedAt === null ? null : seconds(status.lastUsedAt),
    pinned: status.pinned,
    pid: status.pid,
  };
}

/** A model: what is known of it, in the fields of a registration, and where it is. */
export const wireModel = modelEntrySchema
  .extend({
    id: z.string(),
    backend: z.string().nullable(),
    name: z.string(),
    capabilities: z.array(z.string()),
    operations: z.array(z.string()),
    context_window: z.int().nullable(),
    measured_quality: z.record(z.string(), z.number()).optional(),
    parameters: z.number().optional(),
    size_mb: z.number().optional(),
    metadata: z.record(z.string(), z.unknown()),
    fallbacks: z.array(z.string()),
    notice: z.string().optional(),
    state: modelState,
    status: wireModelStatus.nullable().describe('null for an orchestration.'),
  })
  .meta({ id: 'Model' });
export type WireModel = z.infer<typeof wireModel>;

export function toWireModel(model: ModelDescriptor, status: ModelStatus | undefined): WireModel {
  return present({
    ...toEntry(model),
    id: model.id,
    backend: model.backend,
    name: model.name,
    capabilities: [...model.capabilities],
    operations: [...model.operations],
    context_window: model.contextWindow ?? null,
    measured_quality: model.measuredQuality && { ...model.measuredQuality },
    parameters: model.parameters,
    size_mb: model.sizeBytes === undefined ? undefined : mebibytes(model.sizeBytes),
    metadata: { ...model.metadata },
    fallbacks: [...(model.fallbacks ?? [])],
    notice: model.notice,
    state: stateOf(model, status),
    status: model.backend === null ? null : toWireModelStatus(model, status),
  });
}
