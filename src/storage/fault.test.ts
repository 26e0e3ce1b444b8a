import { describe, expect, it } from 'vitest';
import { faultOf, isStorageError, newerDatabase, type FaultKind } from './fault.ts';

describe('what is wrong with a database', () => {
  const sqlite = (errcode: number): Error => Object.assign(new Error('as SQLite says it'), { errcode });
  const system = (code: string): Error => Object.assign(new Error('as the system says it'), { code, syscall: 'mkdir' });

  it.each<[FaultKind, Error]>([
    ['locked', sqlite(5)],
    ['locked', sqlite(517)], // SQLITE_BUSY_SNAPSHOT
    ['read_only', sqlite(8)],
    ['read_only', sqlite(1544)], // SQLITE_READONLY_DIRECTORY
    ['io', sqlite(778)], // SQLITE_IOERR_WRITE
    ['corrupt', sqlite(11)],
    ['corrupt', sqlite(267)], // SQLITE_CORRUPT_VTAB
    ['corrupt', sqlite(26)],
    ['full', sqlite(13)],
    ['unreachable', sqlite(14)],
    ['bug', sqlite(1)],
    ['bug', sqlite(19)],
    ['full', system('ENOSPC')],
    ['read_only', system('EROFS')],
    ['read_only', system('EACCES')],
    ['unreachable', system('ENOTDIR')],
    ['newer', newerDatabase(9, 1)],
    ['bug', new TypeError('something else')],
  ])('is %s', (kind, error) => {
    expect(faultOf(error, '/data/tutti.db')).toEqual({ kind, message: expect.stringContaining(error.message) });
    expect(isStorageError(error)).toBe(!(error instanceof TypeError));
  });
});
