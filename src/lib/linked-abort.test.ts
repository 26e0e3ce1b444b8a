import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { LinkedAbort } from './linked-abort.ts';

describe('a linked abort', () => {
  it('follows each of its signals, with the first reason', () => {
    const [a, b] = [new AbortController(), new AbortController()];
    using linked = new LinkedAbort(a.signal, b.signal);
    b.abort('b');
    a.abort('a');
    expect(linked.signal.reason).toBe('b');
  });

  it('is aborted at once when one is aborted already, and by its own hand', () => {
    using born = new LinkedAbort(AbortSignal.abort('before'));
    expect(born.signal.reason).toBe('before');
    using own = new LinkedAbort(new AbortController().signal);
    own.abort('own');
    expect(own.signal.reason).toBe('own');
  });

  it('lets go of what it follows', () => {
    const { signal } = new AbortController();
    new LinkedAbort(signal)[Symbol.dispose]();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
