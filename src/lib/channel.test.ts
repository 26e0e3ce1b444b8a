import { describe, expect, it, vi } from 'vitest';
import { Channel } from './channel.ts';

describe('Channel', () => {
  it('gives items in order, those pushed before and those pushed during the iteration', async () => {
    const channel = new Channel<number>();
    channel.push(1);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const item of channel) {
        seen.push(item);
        if (item === 1) channel.push(2);
        if (item === 2) queueMicrotask(() => (channel.push(3), channel.close()));
      }
    })();
    await reading;
    expect(seen).toEqual([1, 2, 3]);
  });

  it('gives the queued items before the failure', async () => {
    const channel = new Channel<number>();
    channel.push(1);
    channel.fail(new Error('broken'));
    channel.push(2);
    const seen: number[] = [];
    await expect(
      (async () => {
        for await (const item of channel) seen.push(item);
      })(),
    ).rejects.toThrow('broken');
    expect(seen).toEqual([1]);
  });

  it('tells the producer once when the consumer leaves, and never when it came to the end', async () => {
    const left = vi.fn();
    const channel = new Channel<number>(left);
    channel.push(1);
    for await (const item of channel) if (item === 1) break;
    expect(left).toHaveBeenCalledTimes(1);
    const stayed = vi.fn();
    const other = new Channel<number>(stayed);
    other.close();
    for await (const item of other) expect.fail(`no item was pushed, got ${item}`);
    expect(stayed).not.toHaveBeenCalled();
  });
});
