import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from './logger.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tutti-log-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('a log file', () => {
  it('is appended to at once, in a folder that is made for it', () => {
    for (const n of [1, 2]) createLogger({ level: 'info', file: 'logs/a.log', directory }).info({ n });
    const lines = readFileSync(join(directory, 'logs/a.log'), 'utf8').trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual([1, 2]);
  });

  it('that cannot be written is an error of the config', () => {
    writeFileSync(join(directory, 'taken'), '');
    for (const file of ['taken/a.log', '.']) {
      const create = () => createLogger({ level: 'info', file, directory });
      expect(create).toThrow(expect.objectContaining({ code: 'config_invalid' }));
      expect(create).toThrow(/^server\.log\.file: .* cannot be written/);
    }
  });
});
