/** How much memory models may take: amounts by device, and the limits that a machine and its config set. Pure. */
import type { Memory } from '../contracts/backend.ts';
import type { DeviceId } from '../contracts/vocabulary.ts';

export const MIB = 2 ** 20;

/** Of the machine's or the cgroup's memory, at most this share is given to models; the rest is for everything else. */
export const CPU_SHARE = 0.7;
/** Of a GPU's memory: drivers and the display take some. */
export const GPU_SHARE = 0.9;

/** What is counted against a limit: bytes by device, and `models`: how many are loaded. */
export type Resource = DeviceId | 'models';
export type Amounts = Readonly<Partial<Record<Resource, number>>>;

export function add(a: Amounts, b: Amounts): Amounts {
  return combine(a, b, (x, y) => x + y);
}

export function subtract(a: Amounts, b: Amounts): Amounts {
  return combine(a, b, (x, y) => x - y);
}

/** By how much `used` and `need` together exceed the limits, where they do. A resource without a limit has none to spare. */
export function shortfall(limits: Amounts, used: Amounts, need: Amounts): Amounts {
  const short: Partial<Record<Resource, number>> = {};
  for (const [resource, amount] of entries(need)) {
    const over = (used[resource] ?? 0) + amount - (limits[resource] ?? 0);
    // What is not needed is not short, even where more is used than allowed.
    if (amount > 0 && over > 0) short[resource] = over;
  }
  return short;
}

export function isNone(amounts: Amounts): boolean {
  for (const resource in amounts) if ((amounts[resource as Resource] ?? 0) > 0) return false;
  return true;
}

export function entries(amounts: Amounts): [Resource, number][] {
  return Object.entries(amounts) as [Resource, number][];
}

export function totalBytes(memory: Memory): number {
  return entries(memory).reduce((sum, [, bytes]) => sum + bytes, 0);
}

export function gpuBytes(memory: Memory): number {
  return totalBytes(memory) - (memory.cpu ?? 0);
}

/** MiB with one decimal, for people and reports. */
export function toMb(bytes: number): number {
  return Math.round((bytes / MIB) * 10) / 10;
}

function combine(a: Amounts, b: Amounts, operation: (x: number, y: number) => number): Amounts {
  const result: Partial<Record<Resource, number>> = { ...a };
  for (const [resource, amount] of entries(b)) result[resource] = operation(result[resource] ?? 0, amount);
  return result;
}

/** The bytes of main memory that models may take: what the config allows, at most 70 % of the machine's or the cgroup's. */
export function cpuLimitBytes(options: {
  readonly configuredMb: number | undefined;
  readonly machineBytes: number;
  readonly cgroupBytes: number | null;
}): number {
  const there = Math.min(options.machineBytes, options.cgroupBytes ?? Infinity);
  return Math.floor(Math.min((options.configuredMb ?? Infinity) * MIB, there * CPU_SHARE));
}

/** The same for one GPU. `configuredMb`: one number holds for each GPU; in a list each has its own. */
export function gpuLimitBytes(options: {
  readonly configuredMb: number | readonly number[] | undefined;
  readonly index: number;
  readonly deviceBytes: number;
}): number {
  const { configuredMb, index, deviceBytes } = options;
  // A GPU that the list does not reach may not be used.
  const configured = typeof configuredMb === 'object' ? (configuredMb[index] ?? 0) : (configuredMb ?? Infinity);
  return Math.floor(Math.min(configured * MIB, deviceBytes * GPU_SHARE));
}

/** Reads a small file, or null when there is none. */
export type ReadFile = (path: string) => string | null;

const CGROUP = '/sys/fs/cgroup';

/**
 * The memory limit of the control group that this process is in, in bytes, or null without one. Version 2: the lowest
 * `memory.max` from the process's own group up to the root; version 1: `memory.limit_in_bytes`.
 * https://docs.kernel.org/admin-guide/cgroup-v2.html#memory
 */
export function cgroupLimitBytes(readFile: ReadFile): number | null {
  const membership = readFile('/proc/self/cgroup') ?? '';
  const own = /^0::(\/.*)$/m.exec(membership)?.[1] ?? '/';
  const limits: number[] = [];
  for (let path = own; ; path = path.slice(0, path.lastIndexOf('/'))) {
    limits.push(...readLimit(readFile(`${CGROUP}${path === '/' ? '' : path}/memory.max`)));
    if (path === '' || path === '/') break;
  }
  const ownV1 = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m.exec(membership)?.[1] ?? '/';
  for (const path of new Set([ownV1 === '/' ? '' : ownV1, ''])) {
    limits.push(...readLimit(readFile(`${CGROUP}/memory${path}/memory.limit_in_bytes`)));
  }
  return limits.length === 0 ? null : Math.min(...limits);
}

/** Version 1 writes "no limit" as a huge number, version 2 as `max`. */
const NO_LIMIT = 2 ** 60;

function readLimit(text: string | null): number[] {
  const bytes = text === null ? Number.NaN : Number(text.trim());
  return Number.isFinite(bytes) && bytes > 0 && bytes < NO_LIMIT ? [bytes] : [];
}
