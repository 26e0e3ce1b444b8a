import { describe, expect, it } from 'vitest';
import {
  MIB,
  add,
  cgroupLimitBytes,
  cpuLimitBytes,
  gpuLimitBytes,
  isNone,
  shortfall,
  subtract,
  type ReadFile,
} from './memory-budget.ts';

const GIB = 1024 * MIB;

describe('amounts', () => {
  it('are added and subtracted by resource', () => {
    expect(add({ cpu: 1, models: 1 }, { cpu: 2, 'gpu:0': 3 })).toEqual({ cpu: 3, 'gpu:0': 3, models: 1 });
    expect(subtract({ cpu: 3, models: 1 }, { cpu: 2 })).toEqual({ cpu: 1, models: 1 });
  });

  it.each([
    ['fits', { cpu: 10 }, { cpu: 4 }, { cpu: 6 }, {}],
    ['is short by the difference', { cpu: 10 }, { cpu: 4 }, { cpu: 8 }, { cpu: 2 }],
    ['has none of a resource without a limit', { cpu: 10 }, {}, { 'gpu:0': 1 }, { 'gpu:0': 1 }],
    ['is not short of what is not needed', { cpu: 10 }, { cpu: 40 }, { cpu: 0 }, {}],
  ])('%s', (_, limits, used, need, short) => {
    expect(shortfall(limits, used, need)).toEqual(short);
    expect(isNone(shortfall(limits, used, need))).toBe(Object.keys(short).length === 0);
  });
});

describe('the limit of main memory', () => {
  it.each([
    ['the config’s value', 16_000, 64 * GIB, null, 16_000 * MIB],
    ['at most 70 % of the machine', 16_000, 10 * GIB, null, 7 * GIB],
    ['at most 70 % of the cgroup', 16_000, 64 * GIB, 1 * GIB, Math.floor(0.7 * GIB)],
    ['70 % of the machine without a config', undefined, 10 * GIB, null, 7 * GIB],
    ['of the machine when the cgroup is larger', undefined, 10 * GIB, 99 * GIB, 7 * GIB],
  ])('is %s', (_, configuredMb, machineBytes, cgroupBytes, expected) => {
    expect(cpuLimitBytes({ configuredMb, machineBytes, cgroupBytes })).toBe(expected);
  });
});

describe('the limit of a GPU', () => {
  it.each([
    ['the one number for each', 8000, 1, 24 * GIB, 8000 * MIB],
    ['its own in a list', [8000, 4000], 1, 24 * GIB, 4000 * MIB],
    ['nothing when the list does not reach it', [8000], 1, 24 * GIB, 0],
    ['at most 90 % of what it has', 8000, 0, 4 * GIB, Math.floor(3.6 * GIB)],
    ['90 % without a config', undefined, 0, 10 * GIB, 9 * GIB],
  ])('is %s', (_, configuredMb, index, deviceBytes, expected) => {
    expect(gpuLimitBytes({ configuredMb, index, deviceBytes })).toBe(expected);
  });
});

describe('the limit of the control group', () => {
  const reader =
    (files: Record<string, string>): ReadFile =>
    (path) =>
      files[path] ?? null;

  it.each([
    ['none outside of any', {}, null],
    ['none where it says max', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': 'max\n' }, null],
    [
      'that of a container, which sees itself as the root',
      { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/memory.max': '1000\n' },
      1000,
    ],
    [
      'the lowest on the way to the root',
      {
        '/proc/self/cgroup': '0::/user.slice/app.scope\n',
        '/sys/fs/cgroup/user.slice/app.scope/memory.max': 'max\n',
        '/sys/fs/cgroup/user.slice/memory.max': '500\n',
        '/sys/fs/cgroup/memory.max': '1000\n',
      },
      500,
    ],
    [
      'that of version 1',
      {
        '/proc/self/cgroup': '5:cpu,cpuacct:/x\n4:memory:/docker/abc\n',
        '/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes': '700\n',
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
      },
      700,
    ],
    [
      'none where version 1 says the largest number',
      { '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n' },
      null,
    ],
    ['none where a file makes no sense', { '/sys/fs/cgroup/memory.max': 'much' }, null],
  ])('is %s', (_, files, expected) => expect(cgroupLimitBytes(reader(files as Record<string, string>))).toBe(expected));
});
