import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import pino from 'pino';
import type { Logger } from '../contracts/logger.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** JSON lines to standard error, or to a file (appended, its folder made). Writes at once: nothing is lost in a crash. */
export function createLogger({ level, file, directory }: { level: LogLevel; file?: string; directory: string }): Logger {
  const path = file === undefined ? undefined : resolve(directory, file);
  if (path !== undefined) mkdirSync(dirname(path), { recursive: true });
  return pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: path ?? 2, sync: true }),
  );
}
