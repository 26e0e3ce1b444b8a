import { expect, it } from 'vitest';
import { withoutSecrets } from './config-show.ts';

it('hides every text under a key that names a secret, and nothing else', () => {
  const config = {
    server: { api_keys: [{ name: 'app', key: 'k1', rpm: 600 }], port: 8000 },
    backends: {
      up: { api_key: 'k2', base_url: 'http://up', headers: { Authorization: 'Bearer k3', 'x-api-key': 'k4', accept: 'json' } },
      token_server: { type: 'process', env: { HF_TOKEN: 'k5', MODE: 'fast' } },
    },
    models: { m: { context_window: 5, max_tokens: 7 } },
    nothing: null,
  };
  expect(withoutSecrets(config, '')).toEqual({
    server: { api_keys: [{ name: 'app', key: '(hidden)', rpm: 600 }], port: 8000 },
    backends: {
      up: {
        api_key: '(hidden)',
        base_url: 'http://up',
        headers: { Authorization: '(hidden)', 'x-api-key': '(hidden)', accept: 'json' },
      },
      token_server: { type: 'process', env: { HF_TOKEN: '(hidden)', MODE: 'fast' } },
    },
    models: { m: { context_window: 5, max_tokens: 7 } },
    nothing: null,
  });
});

it('hides the password in an address', () => {
  expect(withoutSecrets({ base_url: 'https://me:sesame@host/v1' }, '')).toEqual({ base_url: 'https://me:(hidden)@host/v1' });
});

it('hides what follows an option that names a secret in a command', () => {
  expect(withoutSecrets({ command: ['serve', '--api-key', 'k1', '--token=k2', '--port', '1'] }, '')).toEqual({
    command: ['serve', '--api-key', '(hidden)', '--token=(hidden)', '--port', '1'],
  });
});
