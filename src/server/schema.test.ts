import { describe, expect, it } from 'vitest';
import { serverSchema } from './schema.ts';

const key = { name: 'app', key: 'long-enough' };

describe('the config section `server`', () => {
  it('is complete without a word', () => {
    expect(serverSchema.parse({})).toMatchObject({
      host: '127.0.0.1',
      port: 8000,
      api_keys: [],
      cors: { origins: [] },
      log: { level: 'info' },
    });
  });

  it('makes a key a user’s unless it says otherwise', () => {
    expect(serverSchema.parse({ api_keys: [key] }).api_keys).toEqual([{ ...key, role: 'user' }]);
  });

  it.each([
    [{ api_keys: [{ name: 'app', key: 'short' }] }, 'at least 8 characters'],
    [{ api_keys: [{ name: 'app', key: 'with a space' }] }, 'visible ASCII'],
    [{ api_keys: [key, { ...key, key: 'another-one' }] }, 'another key has the same name'],
    [{ api_keys: [key, { ...key, name: 'other' }] }, 'another key has the same key'],
    [{ api_keys: [{ ...key, name: 'anonymous' }] }, 'Tutti’s own'],
    [{ api_keys: [{ ...key, name: 'local' }] }, 'Tutti’s own'],
    [{ cors: { origins: ['https://app.example/'] } }, 'scheme, host and port'],
    [{ cors: { origins: ['app.example'] } }, 'scheme, host and port'],
    [{ port: 70_000 }, '65535'],
    [{ prot: 8000 }, 'prot'],
  ])('refuses %j', (section, reason) => {
    const { error } = serverSchema.safeParse(section);
    expect(error?.issues.map(({ message }) => message).join()).toContain(reason);
  });
});
