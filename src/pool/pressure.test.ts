import { expect, it } from 'vitest';
import type { Backend, Memory } from '../contracts/backend.ts';
import { relief } from './pressure.ts';
import { newSlot, type Slot } from './slot.ts';

const NO_BACKEND = {} as Backend; // relief never calls it

function slot(id: string, lastUsed: number, memory: Memory, leases = 0): Slot {
  const made = newSlot({ id, backend: 'a', name: id, capabilities: [], operations: [] }, NO_BACKEND, {
    placement: { device: 'cpu' },
    memory,
  });
  return Object.assign(made, { state: 'ready', lastUsed, leases });
}

const limits = { cpu: 100, 'gpu:0': 50, models: 3 };

it.each<[string, Slot[], string[]]>([
  ['nobody at nine tenths', [slot('a', 1, { cpu: 45 }), slot('b', 2, { cpu: 45 })], []],
  ['the least recently used above it', [slot('b', 2, { cpu: 40 }), slot('a', 1, { cpu: 51 })], ['a from cpu']],
  ['nobody when one model alone is above it', [slot('a', 1, { cpu: 99 })], []],
  ['that one, too, when it is above the limit itself', [slot('a', 1, { cpu: 101 })], ['a from cpu']],
  ['nobody in use', [slot('a', 1, { cpu: 60 }, 1), slot('b', 2, { cpu: 40 })], []],
  [
    'only those on the device that is short',
    [slot('a', 1, { cpu: 40 }), slot('b', 2, { 'gpu:0': 20 }), slot('c', 3, { 'gpu:0': 28 })],
    ['b from gpu:0'],
  ],
  ['nobody twice', [slot('a', 1, { cpu: 50, 'gpu:0': 30 }), slot('b', 2, { cpu: 45, 'gpu:0': 18 })], ['a from gpu:0']],
])('%s goes', (_, slots, expected) => {
  const idle = slots.filter(({ leases }) => leases === 0).toSorted((a, b) => a.lastUsed - b.lastUsed);
  const chosen = relief({ slots, idle, limits, share: 0.9 });
  expect(chosen.map(({ slot: one, device }) => `${one.model.id} from ${device}`)).toEqual(expected);
});
