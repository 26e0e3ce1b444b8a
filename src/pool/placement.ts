/** Where a model may be put, best first, and how to put it smaller. Pure. */
import type { Memory, Placement } from '../contracts/backend.ts';
import type { LoadSettings, ModelDescriptor } from '../contracts/model.ts';
import { TuttiError } from '../errors/error.ts';

/** A GPU of this machine. */
export interface DeviceInfo {
  readonly id: `gpu:${number}`;
  /** The interface through which it is used. */
  readonly api: 'cuda' | 'metal' | 'vulkan' | (string & {});
  readonly name: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

/** A place, and the bytes that the model would take there. */
export interface PlacementOption {
  readonly placement: Placement;
  readonly memory: Memory;
}

/** The context that is taken for a model when nothing is said: its own, at most this. */
export const DEFAULT_CONTEXT = 8192;
/** Below this a smaller context is of no use to anybody. */
const SMALLEST_CONTEXT = 512;

export interface PlacementRules {
  readonly gpus: readonly DeviceInfo[];
  readonly fallbackToCpu: boolean;
  /** CPU threads for a model that does not say. */
  readonly threads: number;
  /** No model takes more than one less than these. */
  readonly cores: number;
}

/**
 * GPUs first, then the CPU. `auto` takes any GPU; `cuda`, `metal` and `vulkan` one of that interface; `gpu:N` that one.
 * The CPU is added where `fallbackToCpu` allows, and is the only place of `auto` without a GPU.
 * Errors: `load_failed` when the device asked for is not there and the CPU not allowed.
 */
export function placementsFor(model: ModelDescriptor, rules: PlacementRules): Placement[] {
  const { device = 'auto', ...settings } = model.load ?? {};
  const wanted = settings.threads ?? (model.countsAsLoaded === false ? 1 : rules.threads);
  const threads = Math.max(1, Math.min(wanted, rules.cores - 1));
  const onCpu: Placement = { ...settings, threads, device: 'cpu', gpuLayers: 0 };
  if (isCpuOnly(model)) return [onCpu];
  const gpus = rules.gpus.filter((gpu) => device === 'auto' || gpu.id === device || gpu.api === device);
  const places: Placement[] = gpus.map((gpu) => ({ ...settings, threads, device: gpu.id }));
  if (rules.fallbackToCpu || (device === 'auto' && rules.gpus.length === 0)) places.push(onCpu);
  if (places.length === 0) throw noDevice(model, device, rules.gpus);
  return places;
}

/** Whether no GPU comes into question, so that nobody need ask which there are. */
export function isCpuOnly(model: ModelDescriptor): boolean {
  return model.load?.device === 'cpu' || model.load?.gpuLayers === 0;
}

function noDevice(model: ModelDescriptor, device: NonNullable<LoadSettings['device']>, gpus: readonly DeviceInfo[]): TuttiError {
  const found =
    gpus.length === 0 ? 'this machine has no GPU' : `this machine has ${gpus.map((gpu) => `${gpu.id} (${gpu.api})`).join(', ')}`;
  return new TuttiError(
    'load_failed',
    `${model.id} is to be loaded on \`${device}\`, but ${found}. Set \`load.device\`, or allow \`pool.fallback_to_cpu\`.`,
    { details: { model: model.id, device, devices: gpus.map((gpu) => gpu.id) } },
  );
}

/** The same place with half of the context and fewer layers on the GPU, for one more try after running out of memory. null: no smaller. */
export function smaller(model: ModelDescriptor, placement: Placement): Placement | null {
  const context = placement.contextSize ?? Math.min(model.contextWindow ?? DEFAULT_CONTEXT, DEFAULT_CONTEXT);
  const contextSize = Math.max(Math.min(context, SMALLEST_CONTEXT), Math.floor(context / 2));
  const gpuLayers = fewerLayers(placement.gpuLayers);
  if (contextSize === context && gpuLayers === placement.gpuLayers) return null;
  return { ...placement, contextSize, ...(gpuLayers !== undefined && { gpuLayers }) };
}

function fewerLayers(layers: Placement['gpuLayers']): Placement['gpuLayers'] {
  if (layers === 'max') return 'auto';
  return typeof layers === 'number' ? Math.floor(layers / 2) : layers;
}
