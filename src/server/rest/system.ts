/** The rest of `/api`: what the system is made of, and how it is. */
import { z } from 'zod';
import type { BackendStatus } from '../../composition/backends.ts';
import { chatMessage, toolDefinition } from '../../contracts/chat.ts';
import { seconds } from '../wire/answer.ts';
import type { Call } from '../route.ts';
import { listModels, rankedModel, type WireRankedModel } from './models.ts';
import { toWireMemory, toWireServer, wireMemory, wireServer } from './pool.ts';

const capability = z.strictObject({
  capability: z.string(),
  operation: z.string(),
  models: z.array(z.string()).describe('Best first.'),
  best: z.string().nullable(),
});
export const capabilityList = z.strictObject({ capabilities: z.array(capability) });

export function listCapabilities(call: Call): z.infer<typeof capabilityList> {
  const all = call.services.tutti.registry.capabilities();
  return { capabilities: all.map((entry) => ({ ...entry, models: [...entry.models] })) };
}

export const capabilityModels = z.strictObject({
  capability: z.string(),
  models: z.array(rankedModel).describe('Best first, each with its reason.'),
  best: rankedModel.nullable(),
});

/** A capability that no model has is an empty list: users can add their own. */
export function getCapability(call: Call): { capability: string; models: WireRankedModel[]; best: WireRankedModel | null } {
  const name = call.params.capability ?? '';
  const { models } = listModels({ ...call, query: { capability: name, best: false } });
  return { capability: name, models, best: models[0] ?? null };
}

export const wireBackend = z.strictObject({
  id: z.string(),
  type: z.string(),
  residency: z.enum(['local', 'remote']),
  state: z.enum(['starting', 'up', 'down']),
  models: z.int(),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
});
export const backendList = z.strictObject({ backends: z.array(wireBackend) });
export type WireBackend = z.infer<typeof wireBackend>;

export function listBackends(call: Call): { backends: WireBackend[] } {
  return { backends: toWireBackends(call.services.tutti.backends.list()) };
}

function toWireBackends(backends: readonly BackendStatus[]): WireBackend[] {
  return backends.map(({ id, type, residency, state, models, error }) => ({
    id,
    type,
    residency,
    state,
    models,
    error: error === null ? null : { code: error.code, message: error.message },
  }));
}

export const wireStatus = z.strictObject({
  version: z.string(),
  uptime_seconds: z.number(),
  loaded_models: z.array(z.string()),
  memory_usage: wireMemory,
  servers: z.array(wireServer).describe('Remote servers that load models themselves (Ollama), and what they hold.'),
  active_runs: z.int(),
  resources: z.strictObject({
    cpu_percent: z
      .number()
      .nullable()
      .describe('0..100 over all processors since the last look, or since the start; null when that was just now.'),
    memory: z.strictObject({ total_mb: z.number(), available_mb: z.number(), process_mb: z.number() }),
    gpus: z.array(
      z.strictObject({
        id: z.string(),
        name: z.string(),
        total_mb: z.number(),
        free_mb: z.number(),
        busy_percent: z.number().nullable(),
      }),
    ),
  }),
  backends: z.array(wireBackend),
  circuits: z
    .array(z.strictObject({ model: z.string(), state: z.string(), failures: z.int(), retry_at: z.number().nullable() }))
    .describe('Those that are not closed.'),
  storage: z.strictObject({ ok: z.boolean(), message: z.string() }),
});
export type WireStatus = z.infer<typeof wireStatus>;

export async function getStatus(call: Call): Promise<WireStatus> {
  const status = await call.services.tutti.status();
  const { cpuPercent, memory, gpus } = status.resources;
  return {
    version: status.version,
    uptime_seconds: seconds(status.uptimeMs),
    loaded_models: [...status.loadedModels],
    memory_usage: toWireMemory(status.memoryUsage),
    servers: status.servers.map(toWireServer),
    active_runs: status.activeRuns,
    resources: {
      cpu_percent: cpuPercent,
      memory: { total_mb: memory.totalMb, available_mb: memory.availableMb, process_mb: memory.processMb },
      gpus: gpus.map(({ id, name, totalMb, freeMb, busyPercent }) => ({
        id,
        name,
        total_mb: totalMb,
        free_mb: freeMb,
        busy_percent: busyPercent,
      })),
    },
    backends: toWireBackends(status.backends),
    circuits: status.circuits.map(({ model, state, failures, retryAt }) => ({
      model,
      state,
      failures,
      retry_at: retryAt === null ? null : seconds(retryAt),
    })),
    storage: { ok: status.storage.ok, message: status.storage.message },
  };
}

export const pluginList = z.strictObject({
  plugins: z.array(
    z.strictObject({
      name: z.string(),
      spec: z.string(),
      backends: z.array(z.string()),
      models: z.array(z.string()),
      strategies: z.array(z.string()),
    }),
  ),
});

export function listPlugins(call: Call): z.infer<typeof pluginList> {
  return { plugins: call.services.tutti.plugins.list() };
}

export const reloaded = z.strictObject({
  changed: z.array(z.string()).describe('The sections that are different now.'),
  waiting: z.array(z.string()).describe('Keys that were read when the server started: what they say now counts after a restart.'),
});

export async function reloadConfig(call: Call): Promise<z.infer<typeof reloaded>> {
  const { changed, waiting } = await call.services.tutti.reload();
  return { changed: [...changed], waiting: [...waiting] };
}

export const countBody = z.strictObject({
  model: z.string().min(1),
  input: z
    .union([z.string(), z.array(chatMessage).min(1)])
    .describe('A text, or messages as the model’s chat template renders them.'),
  tools: z.array(toolDefinition).optional(),
});
export const counted = z.strictObject({ model: z.string(), tokens: z.int() });

/** Without loading the weights. */
export async function countTokens(call: Call<z.output<typeof countBody>>): Promise<z.infer<typeof counted>> {
  const { model, input, tools } = call.body;
  const tokens = await call.services.tutti.countTokens({
    model,
    input: typeof input === 'string' ? input : { messages: input, ...(tools !== undefined && { tools }) },
  });
  return { model, tokens };
}
