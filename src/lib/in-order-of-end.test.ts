import { expect, test } from 'vitest';
import { deferred } from './deferred.ts';
import { inOrderOfEnd } from './in-order-of-end.ts';

test('promises are given as they settle, with their places', async () => {
  const [a, b, c] = [deferred<string>(), deferred<string>(), deferred<string>()];
  const ended = inOrderOfEnd([a.promise, b.promise, c.promise]);
  const first = ended.next();
  b.resolve('b');
  expect((await first).value).toEqual({ status: 'fulfilled', value: 'b', index: 1 });
  c.reject('broken');
  expect((await ended.next()).value).toEqual({ status: 'rejected', reason: 'broken', index: 2 });
  a.resolve('a');
  expect((await ended.next()).value).toEqual({ status: 'fulfilled', value: 'a', index: 0 });
  expect((await ended.next()).done).toBe(true);
});

test('those that settled before it was asked come in the order of the list', async () => {
  const ended = await Array.fromAsync(inOrderOfEnd([Promise.resolve(1), Promise.resolve(2)]));
  expect(ended.map(({ index }) => index)).toEqual([0, 1]);
  expect(await Array.fromAsync(inOrderOfEnd([]))).toEqual([]);
});

test('rejections after leaving harm nobody', async () => {
  const late = deferred<string>();
  for await (const { index } of inOrderOfEnd([Promise.resolve('now'), late.promise])) {
    expect(index).toBe(0);
    break;
  }
  late.reject('nobody listens');
  await expect(late.promise).rejects.toBe('nobody listens');
});
