import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder } from './folder.ts';

describe('a folder', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'tutti-folder-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is made with those above it', () => {
    makeFolder(join(root, 'a', 'b', 'c'));
    expect(statSync(join(root, 'a', 'b', 'c')).isDirectory()).toBe(true);
  });

  it('that is there stays as it is, also behind a link', () => {
    mkdirSync(join(root, 'there'));
    symlinkSync(join(root, 'there'), join(root, 'link'));
    writeFileSync(join(root, 'there', 'file'), '');
    makeFolder(join(root, 'there'));
    makeFolder(join(root, 'link'));
    expect(existsSync(join(root, 'link', 'file'))).toBe(true);
  });

  it.each([['file'], ['file/below'], ['dangling']])('%s cannot be made', (name) => {
    writeFileSync(join(root, 'file'), '');
    symlinkSync(join(root, 'nowhere'), join(root, 'dangling'));
    expect(() => makeFolder(join(root, name))).toThrow(/^E(?:EXIST|NOTDIR)/);
  });

  it.runIf(existsSync('/proc/self'))('cannot be made where the system has no such thing, and that is told', () => {
    expect(() => makeFolder('/proc/tutti/data')).toThrow(/^ENOENT/);
  });
});
