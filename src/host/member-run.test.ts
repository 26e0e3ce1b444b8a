import { describe, expect, it } from 'vitest';
import type { Part } from '../contracts/part.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { MemberRun } from './member-run.ts';

/** A call that works until it is stopped. */
async function* hanging(signal: AbortSignal): AsyncGenerator<Part> {
  yield await new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
}

describe('the call of a member that is late', () => {
  it.each([
    [7000, '7 s'],
    [12.3456, '0.012 s'],
    [0.99810899997, '0.001 s'],
  ])('fails after %d ms, told as %s', async (timeoutMs, told) => {
    const clock = new FakeClock();
    const call = new MemberRun({
      key: 'late',
      role: 'late',
      target: 'late',
      step: 'root/0/late',
      own: 'root/0',
      start: hanging,
      signals: [],
      timeoutMs,
      trace: () => {},
      tellContent: false,
      replay: undefined,
      onEnd: () => {},
      clock,
    });
    const answer = call.answer();
    await clock.timerSet();
    clock.advance(timeoutMs);
    await expect(answer).rejects.toMatchObject({ code: 'member_timeout', message: `late did not answer within ${told}.` });
  });
});
