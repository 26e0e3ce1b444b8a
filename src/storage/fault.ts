/** What is wrong with the database, decided from the error that SQLite gave. Pure. */
import { TuttiError } from '../errors/error.ts';

export type FaultKind = 'corrupt' | 'full' | 'read_only' | 'locked' | 'unreachable' | 'io' | 'newer' | 'bug';

export interface Fault {
  readonly kind: FaultKind;
  /** A sentence: what is wrong and how to mend it. */
  readonly message: string;
}

/** SQLite's primary result codes, https://www.sqlite.org/rescode.html. */
const KIND_OF: Readonly<Record<number, FaultKind>> = {
  3: 'read_only', // SQLITE_PERM
  5: 'locked', // SQLITE_BUSY
  6: 'locked', // SQLITE_LOCKED
  8: 'read_only', // SQLITE_READONLY
  10: 'io', // SQLITE_IOERR
  11: 'corrupt', // SQLITE_CORRUPT
  13: 'full', // SQLITE_FULL
  14: 'unreachable', // SQLITE_CANTOPEN
  26: 'corrupt', // SQLITE_NOTADB
};

const HELP: Readonly<Record<FaultKind, string>> = {
  corrupt: 'is corrupt. It is moved aside and a new one begun',
  full: 'cannot grow because the disk is full. Free some room; history is kept again by itself',
  read_only: 'cannot be written. Give this user write permission to the file and its folder',
  locked: 'is locked by another process. It is tried again by itself',
  unreachable: 'cannot be opened. Check that `data_dir` is a folder that this user may write to',
  io: 'cannot be read or written: the disk reports an error',
  newer: 'was written by a newer Tutti. Update this one, or choose another `data_dir`',
  bug: 'refused a statement. This is a bug in Tutti: please report it',
};

/** What `migrate` throws for a database whose version this Tutti does not know. */
export function newerDatabase(version: number, known: number): TuttiError {
  return new TuttiError('storage_unavailable', `version ${version}, this Tutti knows ${known}`, {
    details: { database_version: version, known_version: known },
  });
}

/** Errors of SQLite, of the file system and of `migrate`; all else came from the work that was to be done. */
export function isStorageError(error: unknown): boolean {
  return isNewer(error) || (error instanceof Error && ('errcode' in error || 'syscall' in error));
}

function isNewer(error: unknown): boolean {
  return TuttiError.isInstance(error) && 'database_version' in error.details;
}

export function faultOf(error: unknown, path: string): Fault {
  const kind = kindOf(error);
  const said = error instanceof Error ? error.message : String(error);
  return { kind, message: `The database ${path} ${HELP[kind]} (${said}).` };
}

function kindOf(error: unknown): FaultKind {
  if (isNewer(error)) return 'newer';
  if (typeof error !== 'object' || error === null) return 'bug';
  // Extended codes carry the primary one in their low byte.
  if ('errcode' in error && typeof error.errcode === 'number') return KIND_OF[error.errcode & 0xff] ?? 'bug';
  if ('syscall' in error && 'code' in error) return kindOfSystemError(error.code);
  return 'bug';
}

/** Errors of the file system itself: making the folder, moving a file aside. */
function kindOfSystemError(code: unknown): FaultKind {
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'full';
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return 'read_only';
  return 'unreachable';
}
