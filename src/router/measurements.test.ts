import { describe, expect, it } from 'vitest';
import { Measurements } from './measurements.ts';

describe('measurements', () => {
  it('begin with the first value and then follow slowly', () => {
    const measurements = new Measurements();
    measurements.record('m', { firstTokenMs: 100, tokensPerSecond: null });
    expect(measurements.get('m')).toEqual({ firstTokenMs: 100, tokensPerSecond: null });
    measurements.record('m', { firstTokenMs: 200, tokensPerSecond: 50 });
    expect(measurements.get('m')).toEqual({ firstTokenMs: 120, tokensPerSecond: 50 });
  });

  it('ignore what is not a number', () => {
    const measurements = new Measurements();
    measurements.record('m', { firstTokenMs: Number.NaN, tokensPerSecond: 10 });
    expect(measurements.get('m')).toEqual({ firstTokenMs: null, tokensPerSecond: 10 });
  });

  it('tell of each change until the listener is disposed of', () => {
    const measurements = new Measurements();
    const heard: string[] = [];
    const subscription = measurements.onChange((model) => heard.push(model));
    measurements.record('a', { firstTokenMs: 1, tokensPerSecond: null });
    measurements.record('b', { firstTokenMs: null, tokensPerSecond: null });
    measurements.forget('a');
    measurements.forget('a');
    subscription[Symbol.dispose]();
    measurements.record('c', { firstTokenMs: 1, tokensPerSecond: null });
    expect(heard).toEqual(['a', 'a']);
  });
});
