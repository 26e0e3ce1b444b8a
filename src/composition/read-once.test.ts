import { expect, it } from 'vitest';
import { configSchema } from './config-schema.ts';
import { READ_ONCE, waitingForRestart } from './read-once.ts';

const config = (fields: object): object => configSchema.parse(fields);

it('names what was read when the process started, and has changed', () => {
  const before = config({ server: { port: 1 }, runs: { store_content: true } });
  expect(waitingForRestart(before, before)).toEqual([]);
  const after = config({ server: { port: 2, grace_seconds: 1, log: { level: 'warn' } }, routing: { policy: 'cost' } });
  expect(waitingForRestart(before, after)).toEqual(['runs', 'server.port', 'server.log']);
});

it('names keys that there are', () => {
  const defaults = config({}) as Record<string, Record<string, unknown>>;
  for (const path of READ_ONCE) {
    const [section = '', key] = path.split('.');
    expect(key === undefined ? defaults[section] : defaults[section]?.[key], path).toBeDefined();
  }
});
