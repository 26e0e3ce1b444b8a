import { expect, it } from 'vitest';
import { batchInputs } from './many.ts';

it('reads texts, inputs and conversations, and skips empty lines', () => {
  const text = '"one"\r\n\n{"input": "two"}\n[{"role": "user", "content": "three"}]\n';
  expect(batchInputs(text, 'f')).toEqual(['one', 'two', [{ role: 'user', content: 'three' }]]);
});

it('names the line that is not JSON, counting the empty ones', () => {
  expect(() => batchInputs('"one"\n\ntwo', 'f.jsonl')).toThrow('f.jsonl:3 is not JSON.');
});

it('refuses a file without lines', () => {
  expect(() => batchInputs('\n \n', 'f.jsonl')).toThrow('f.jsonl has no lines');
});
