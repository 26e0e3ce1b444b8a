/** Which changes of the config wait for a restart. */
import { isDeepStrictEqual } from 'node:util';

/** Read when the process starts: what holds them is open by then. All other keys count from a reload on. */
export const READ_ONCE = [
  'data_dir',
  'runs',
  'server.host',
  'server.port',
  'server.max_body_mb',
  'server.log',
  'server.metrics',
] as const;

/** The keys that differ between two configs, and will only count after a restart. */
export function waitingForRestart(before: object, after: object): string[] {
  return READ_ONCE.filter((path) => !isDeepStrictEqual(valueAt(before, path), valueAt(after, path)));
}

function valueAt(config: object, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], config);
}
