import { describe, expect, it } from 'vitest';
import { parseModelPath } from './model-path.ts';

const ACTIONS = ['load', 'unload', 'status', 'swap'];

describe('a model id in a path', () => {
  it.each([
    ['gguf:qwen3-0.6b', 'gguf:qwen3-0.6b', ''],
    ['gguf%3Aqwen3-0.6b', 'gguf:qwen3-0.6b', ''],
    ['gguf:qwen3/', 'gguf:qwen3', ''],
    ['gguf:qwen3/load', 'gguf:qwen3', 'load'],
    ['gguf:qwen3/load/', 'gguf:qwen3', 'load'],
    ['openrouter:moonshotai/kimi-k2', 'openrouter:moonshotai/kimi-k2', ''],
    ['openrouter:moonshotai/kimi-k2/load', 'openrouter:moonshotai/kimi-k2', 'load'],
    ['openrouter%3Amoonshotai%2Fkimi-k2/load', 'openrouter:moonshotai/kimi-k2', 'load'],
    ['ollama01:qwen2.5:14b/status', 'ollama01:qwen2.5:14b', 'status'],
    ['hf:org%2Fload', 'hf:org/load', ''],
    ['hf:org%2Fload/load', 'hf:org/load', 'load'],
    ['hf:org/load/load', 'hf:org/load', 'load'],
    ['hf:org/reload', 'hf:org/reload', ''],
    ['load', 'load', ''],
    ['load/load', 'load', 'load'],
    ['a%20b', 'a b', ''],
  ])('%s is %s with the action "%s"', (rest, id, action) => {
    expect(parseModelPath(rest, ACTIONS)).toEqual({ id, action });
  });

  it('must be properly encoded', () => {
    expect(() => parseModelPath('%zz', ACTIONS)).toThrow(/percent-encoded/);
  });
});
