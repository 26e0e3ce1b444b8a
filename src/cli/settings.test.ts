import { expect, it } from 'vitest';
import { settings, toolChoice } from './settings.ts';

it('names settings as the API does', () => {
  expect(settings({ temperature: 0, maxTokens: 5, seed: 1, backend: 'b', priority: 2 })).toEqual({
    temperature: 0,
    max_tokens: 5,
    seed: 1,
    tutti: { backend: 'b', priority: 2 },
  });
  expect(settings({ verification: true })).toEqual({});
});

it('names what one call changes of an orchestration as the API does, in seconds', () => {
  const options = {
    members: ['a', 'b'],
    availableTools: ['search'],
    context: 'It is Friday.',
    webSearch: 'weekdays',
    verification: false,
    timeoutReasoning: 1.5,
    timeoutVerification: 3,
    workflow: ['research', 'code'],
  };
  expect(settings(options)).toEqual({
    tutti: {
      members: ['a', 'b'],
      available_tools: ['search'],
      context: 'It is Friday.',
      web_search_query: 'weekdays',
      verification: false,
      timeouts: { reasoning: 1.5, verification: 3 },
      workflow: ['research', 'code'],
    },
  });
});

it('takes a tool’s name as the choice of it', () => {
  expect(['auto', 'none', 'required', 'add'].map(toolChoice)).toEqual([
    'auto',
    'none',
    'required',
    { type: 'function', function: { name: 'add' } },
  ]);
  expect(() => toolChoice(' ')).toThrow(/--tool-choice/);
});
