import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../testing/fake-clock.ts';
import { IdleWatch } from './idle-watch.ts';
import { isLoopback } from './loopback.ts';

describe('IdleWatch', () => {
  it('calls back once nothing was heard for the time given', () => {
    const clock = new FakeClock();
    let idle = 0;
    using watch = new IdleWatch(clock, 100, () => idle++);
    clock.advance(60);
    watch.heard();
    clock.advance(60);
    expect(idle).toBe(0);
    clock.advance(39);
    expect(idle).toBe(0);
    clock.advance(1);
    expect(idle).toBe(1);
  });
  it('does not count the time that whoever reads takes', () => {
    const clock = new FakeClock();
    let idle = 0;
    using watch = new IdleWatch(clock, 100, () => idle++);
    watch.pause();
    clock.advance(1000);
    watch.heard();
    clock.advance(99);
    expect(idle).toBe(0);
    clock.advance(101); // the timer may have been set again just before
    expect(idle).toBe(1);
  });
  it('leaves no timer behind', () => {
    const clock = new FakeClock();
    {
      using watch = new IdleWatch(clock, 100, () => {});
      watch.heard();
      clock.advance(100);
    }
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('isLoopback', () => {
  it.each([
    ['http://localhost:11434', true],
    ['http://127.3.4.5/v1', true],
    ['http://[::1]:8000/v1', true],
    ['https://api.localhost/v1', true],
    ['http://192.168.1.9:8000', false],
    ['https://api.openai.com/v1', false],
    ['http://localhost.example.com', false],
  ])('%s: %s', (url, expected) => {
    expect(isLoopback(url)).toBe(expected);
  });
});
