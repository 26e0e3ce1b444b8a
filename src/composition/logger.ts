import { dirname, resolve } from 'node:path';
import pino from 'pino';
import type { Logger } from '../contracts/logger.ts';
import { TuttiError } from '../errors/error.ts';
import { makeFolder } from '../lib/folder.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/**
 * JSON lines to standard error, or to a file (appended, its folder made). Writes at once: nothing is lost in a crash.
 * Errors: `config_invalid` when the file cannot be written.
 */
export function createLogger({ level, file, directory }: { level: LogLevel; file?: string; directory: string }): Logger {
  const path = file === undefined ? undefined : resolve(directory, file);
  return pino({ level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime }, destination(path));
}

function destination(path: string | undefined): ReturnType<typeof pino.destination> {
  if (path === undefined) return pino.destination({ dest: 2, sync: true });
  try {
    makeFolder(dirname(path));
    return pino.destination({ dest: path, sync: true });
  } catch (cause) {
    const { message } = cause as Error; // the file system's
    throw new TuttiError('config_invalid', `server.log.file: ${path} cannot be written: ${message}.`, { cause });
  }
}
