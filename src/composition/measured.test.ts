import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Confidence } from '../contracts/confidence.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Measured } from './measured.ts';

let path: string;
let told: [string, object][];
let warnings: string[];

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'tutti-measured-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  path = join(folder, 'data', 'measured.json');
  told = [];
  warnings = [];
});

const open = (file = path): Measured =>
  new Measured({
    path: file,
    clock: new FakeClock(),
    registry: { recordMeasured: (id, { quality }) => void told.push([id, quality]) },
    log: { debug() {}, info() {}, warn: (_data, message = '') => void warnings.push(message), error() {} },
  });

const PLATT = { kind: 'platt', points: 40, slope: 1, intercept: -1 } as const;
const logprobs = (score: number): Confidence => ({ score, method: 'logprobs', calibrated: false });

describe('Measured', () => {
  it('begins empty, tells the registry what is recorded, and knows it after a restart', () => {
    const first = open();
    expect(first.get('x:a')).toBeNull();
    first.record('x:a', { quality: { default: 0.8, add: 0.9 }, items: 100, calibration: { method: 'logprobs', map: PLATT } });
    expect(told).toEqual([['x:a', { default: 0.8, add: 0.9 }]]);
    const second = open();
    expect(told[1]).toEqual(told[0]);
    expect(second.get('x:a')).toMatchObject({ items: 100, calibration: { map: PLATT } });
    expect(warnings).toEqual([]);
  });

  it('keeps what was measured of other skills', () => {
    const measured = open();
    measured.record('x:a', { quality: { default: 0.8, add: 0.9 }, items: 100 });
    const next = measured.record('x:a', { quality: { default: 0.6, sort: 0.5 }, items: 50 });
    expect(next).toMatchObject({ quality: { default: 0.6, add: 0.9, sort: 0.5 }, items: 50 });
    expect(told.at(-1)).toEqual(['x:a', { default: 0.6, add: 0.9, sort: 0.5 }]);
  });

  it('loses nothing that another process wrote meanwhile', () => {
    const [ours, theirs] = [open(), open()];
    theirs.record('x:b', { quality: { default: 0.5 }, items: 1 });
    ours.record('x:a', { quality: { default: 0.8 }, items: 1 });
    expect(Object.keys((JSON.parse(readFileSync(path, 'utf8')) as { models: object }).models)).toEqual(['x:b', 'x:a']);
  });

  it('maps confidences of the method that was measured, once', () => {
    const measured = open();
    measured.record('x:a', { quality: { default: 0.8 }, items: 100, calibration: { method: 'logprobs', map: PLATT } });
    const mapped = measured.calibrate('x:a', logprobs(0.9));
    expect(mapped).toMatchObject({ calibrated: true, parts: { raw: 0.9 } });
    expect(mapped.score).toBeLessThan(0.9);
    expect(measured.calibrate('x:a', mapped)).toBe(mapped);
    const agreed: Confidence = { score: 0.9, method: 'agreement', calibrated: false };
    expect(measured.calibrate('x:a', agreed)).toBe(agreed);
    const other = logprobs(0.9);
    expect(measured.calibrate('x:b', other)).toBe(other);
  });

  it('says when the file cannot be read, works without it, and replaces it when there is something to keep', () => {
    open().record('x:b', { quality: { default: 0.5 }, items: 1 });
    writeFileSync(path, '{"version": 1, "models": {"x:a": {"quality": {"default": 7}}}}');
    const measured = open();
    expect(warnings).toEqual([expect.stringContaining('cannot be read')]);
    expect(measured.get('x:a')).toBeNull();
    measured.record('x:a', { quality: { default: 0.8 }, items: 1 });
    expect(open().get('x:a')).toMatchObject({ quality: { default: 0.8 } });
    expect(warnings).toHaveLength(1);
  });

  it('fails with the reason when the file cannot be written, and changes nothing', () => {
    const folder = join(path, '..', '..');
    writeFileSync(join(folder, 'file'), '');
    const measured = open(join(folder, 'file', 'measured.json'));
    const record = () => measured.record('x:a', { quality: { default: 0.8 }, items: 1 });
    expect(record).toThrow(expect.objectContaining({ code: 'storage_unavailable' }));
    expect(measured.get('x:a')).toBeNull();
    expect(told).toEqual([]);
  });
});
