import { describe, expect, test } from 'vitest';
import { parseReference } from './reference.ts';

describe('a reference to a hub', () => {
  test.each([
    ['hf:org/repo', 'main', { by: 'default' }],
    ['hf:org/repo@v1', 'v1', { by: 'default' }],
    ['hf:org/repo@refs/pr/2', 'refs/pr/2', { by: 'default' }],
    ['hf:org/repo:Q4_K_M', 'main', { by: 'quantisation', name: 'Q4_K_M' }],
    ['HF:org/repo:q4_k_m', 'main', { by: 'quantisation', name: 'q4_k_m' }],
    ['hf:org/repo:Q4_K_M@v1', 'v1', { by: 'quantisation', name: 'Q4_K_M' }],
    ['hf:org/repo@v1:Q4_K_M', 'v1', { by: 'quantisation', name: 'Q4_K_M' }],
    ['hf:org/repo/model.gguf', 'main', { by: 'file', path: 'model.gguf' }],
    ['hf:org/repo/some folder/model.gguf@v1', 'v1', { by: 'file', path: 'some folder/model.gguf' }],
  ])('%s', (text, revision, choice) => {
    expect(parseReference(text)).toEqual({ repository: 'org/repo', revision, choice });
  });

  test.each([
    'org/repo',
    'hf:repo',
    'hf:org/repo/readme.md',
    'hf:org/repo:',
    'hf:org/repo@a:Q8_0@b',
    'hf:../repo',
    'hf:org/..',
    'hf:org/repo/../../etc/model.gguf',
    'hf:org/repo/a\\..\\model.gguf',
    '',
  ])('"%s" is refused with the shapes that are taken', (text) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining('hf:org/repo:Q4_K_M') }),
    );
  });
});
