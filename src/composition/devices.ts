/** What the machine has: processors, memory, GPUs. */
import { execFile } from 'node:child_process';
import { cpus, freemem, totalmem } from 'node:os';
import { readFileSync } from 'node:fs';
import { access } from 'node:fs/promises';

export interface Gpu {
  readonly id: `gpu:${number}`;
  /** The interface through which llama.cpp uses it. */
  readonly api: 'cuda' | 'metal' | 'vulkan';
  readonly name: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** 0..100, or null where the driver does not say. */
  readonly busyPercent: number | null;
}

const NVIDIA_QUERY = ['--query-gpu=index,name,memory.total,memory.free,utilization.gpu', '--format=csv,noheader,nounits'];
const MIB = 1024 * 1024;

/**
 * The GPUs, in the driver's order. NVIDIA's by `nvidia-smi`; on Apple silicon one, with the two thirds of the memory that
 * Metal lets a process use; others through `systeminformation`. None: an empty list.
 */
export async function findGpus(): Promise<Gpu[]> {
  if (process.platform === 'darwin' && process.arch === 'arm64') {
    const usable = Math.floor((totalmem() * 2) / 3);
    return [
      {
        id: 'gpu:0',
        api: 'metal',
        name: 'Apple GPU',
        totalBytes: usable,
        freeBytes: Math.min(usable, freemem()),
        busyPercent: null,
      },
    ];
  }
  const nvidia = await run('nvidia-smi', NVIDIA_QUERY);
  if (nvidia !== null) return parseNvidia(nvidia);
  return process.platform === 'linux' && (await hasNoGpuDevice()) ? [] : otherGpus();
}

/** Lines of `index, name, total MiB, free MiB, busy %`. */
export function parseNvidia(text: string): Gpu[] {
  return text
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .filter((fields) => fields.length >= 5 && /^\d+$/.test(fields[0] ?? ''))
    .map(([index, name = '', total, free, busy]) => ({
      id: `gpu:${Number(index)}` as const,
      api: 'cuda' as const,
      name,
      totalBytes: Number(total) * MIB,
      freeBytes: Number(free) * MIB,
      busyPercent: /^\d+$/.test(busy ?? '') ? Number(busy) : null,
    }));
}

/** Linux shows every GPU that a driver can use below `/dev/dri` or `/dev/kfd`; without one there is nothing to ask for. */
async function hasNoGpuDevice(): Promise<boolean> {
  const found = await Promise.allSettled([access('/dev/kfd'), access('/dev/dri/renderD128')]);
  return found.every((result) => result.status === 'rejected');
}

async function otherGpus(): Promise<Gpu[]> {
  const { graphics } = await import('systeminformation');
  const { controllers } = await graphics();
  return controllers
    .filter((card) => (card.memoryTotal ?? card.vram ?? 0) > 0)
    .map((card, index) => {
      const totalBytes = (card.memoryTotal ?? card.vram ?? 0) * MIB;
      return {
        id: `gpu:${index}` as const,
        api: 'vulkan' as const,
        name: card.model,
        totalBytes,
        freeBytes: card.memoryFree === undefined ? totalBytes : card.memoryFree * MIB,
        busyPercent: card.utilizationGpu ?? null,
      };
    });
}

/** A program's output, or null when it is not there or fails. */
function run(command: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(command, [...args], { timeout: 3000 }, (error, stdout) => resolve(error === null ? stdout : null));
  });
}

/** Share of all processors' time that was used since the last call, 0..100; null at the first. */
export function cpuMeter(read: () => { busy: number; total: number } = cpuTimes): () => number | null {
  let before: { busy: number; total: number } | null = null;
  return () => {
    const now = read();
    const last = before;
    before = now;
    if (last === null || now.total <= last.total) return null;
    return Math.round(((now.busy - last.busy) / (now.total - last.total)) * 1000) / 10;
  };
}

function cpuTimes(): { busy: number; total: number } {
  let busy = 0;
  let total = 0;
  for (const { times } of cpus()) {
    const all = times.user + times.nice + times.sys + times.idle + times.irq;
    total += all;
    busy += all - times.idle;
  }
  return { busy, total };
}

/** Memory that programs can still take. Linux: `MemAvailable`, which counts caches that can be given up; else the free memory. */
export function systemMemory(): { totalBytes: number; availableBytes: number } {
  const totalBytes = totalmem();
  if (process.platform !== 'linux') return { totalBytes, availableBytes: freemem() };
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(readMemInfo())?.[1];
  return { totalBytes, availableBytes: available === undefined ? freemem() : Number(available) * 1024 };
}

function readMemInfo(): string {
  try {
    return readFileSync('/proc/meminfo', 'utf8');
  } catch {
    return ''; // Some sandboxes have no /proc.
  }
}
