import { expect, test } from 'vitest';
import { ownerOf } from './ownership.ts';

const started = new Map([
  ['root/0', 'nested'],
  ['root/0/cheap/0', 'thrifty'],
  ['root/0/cheap/0/second/1', 'panel'],
  // The same orchestration, asked twice.
  ['root/1', 'nested'],
]);

test.each([
  ['root/0', { by: 'nested' }],
  ['root/1', { by: 'nested' }],
  ['root/0/cheap', { by: 'nested', path: 'cheap' }],
  ['root/0/cheap/0', { by: 'thrifty', path: 'cheap' }],
  ['root/0/cheap/0/second/1', { by: 'panel', path: 'cheap/second' }],
  ['root/0/cheap/0/second/1/a', { by: 'panel', path: 'cheap/second/a' }],
  ['root/0/cheapest/0', { by: 'nested', path: 'cheapest' }],
  ['root', {}],
])('the owner of %s', (step, owner) => {
  expect(ownerOf(step, started)).toEqual(owner);
});
