import { describe, expect, it } from 'vitest';
import type { ModelDescriptor } from '../contracts/model.ts';
import { authorship, consultation, toSpecialist, weighed, withAfterthought, withContext, type Specialist } from './specialist.ts';

const descriptor = (more: Partial<ModelDescriptor>): ModelDescriptor => ({
  id: 'm',
  backend: 'fake',
  name: 'm',
  capabilities: [],
  operations: ['chat'],
  ...more,
});

describe('a specialist', () => {
  it.each([
    ['what the config says', 'coding', { model: 'm', description: 'Knows Rust' }, null, 'Knows Rust'],
    [
      'what its orchestration says',
      'coding',
      { model: 'm' },
      { metadata: { description: 'Writes and tests' } },
      'Writes and tests',
    ],
    ['its usual name', 'Coding', { model: 'm' }, null, 'Writes and fixes programs'],
    ['its capability', 'lingua', { capability: 'translation' }, null, 'Translates between languages'],
    [
      'what its model can do',
      'm',
      { model: 'm' },
      { capabilities: ['code_generation', 'vision'] },
      'A model for code generation, vision',
    ],
    ['nothing at all', 'm', { model: 'm' }, null, 'Another model'],
    ['any other name', 'tax_law', { model: 'm' }, {}, 'Specialist in tax law'],
  ])('is described by %s', (_, name, given, known, expected) => {
    expect(toSpecialist(name, given, () => (known === null ? null : descriptor(known))).description).toBe(expected);
  });

  it('is the best model for its capability where it has no model of its own', () => {
    expect(toSpecialist('lingua', { capability: 'translation' }, () => null).member.model).toBe('translation');
  });

  it('has its model’s context window unless the config gives one', () => {
    const known = (): ModelDescriptor => descriptor({ contextWindow: 8192 });
    expect(toSpecialist('a', { model: 'm' }, known).contextWindow).toBe(8192);
    expect(toSpecialist('a', { model: 'm', context_window: 1024 }, known).contextWindow).toBe(1024);
    expect(toSpecialist('a', { model: 'm' }, () => null).contextWindow).toBeNull();
  });

  it('is asked and answers with its own settings, instructions and helpers', () => {
    const given = { model: 'm', temperature: 0, instructions: 'Be brief.', consult: ['helper'] };
    const specialist = toSpecialist('a', given, () => null);
    const system = { role: 'system', content: 'Be brief.' };
    expect(consultation({ query: 'What?', context: '' }, specialist)).toEqual({
      operation: 'chat',
      input: { temperature: 0, messages: [system, { role: 'user', content: 'What?' }] },
      consult: ['helper'],
    });
    expect(authorship({ messages: [{ role: 'user', content: 'What?' }], temperature: 1, seed: 7 }, specialist, 'Today.')).toEqual(
      {
        operation: 'chat',
        input: {
          temperature: 0,
          seed: 7,
          messages: [
            { role: 'system', content: 'Be brief.\n\nContext:\nToday.' },
            { role: 'user', content: 'What?' },
          ],
        },
        consult: ['helper'],
      },
    );
  });
});

describe('more to know', () => {
  it('goes into the system message, and behind the question', () => {
    const question = { role: 'user' as const, content: 'What?' };
    expect(withContext([question], ' ')).toEqual([question]);
    expect(withContext([question], 'x')[0]).toEqual({ role: 'system', content: 'Context:\nx' });
    expect(withContext([{ role: 'developer', content: 'a' }, question], 'x')).toEqual([
      { role: 'system', content: 'a\n\nContext:\nx' },
      question,
    ]);
    expect(withAfterthought([question], 'x')).toEqual([{ role: 'user', content: 'What?\n\nx' }]);
    expect(withAfterthought([{ role: 'user', content: [{ type: 'text', text: 'a' }] }], 'x')).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'x' },
        ],
      },
    ]);
    expect(withAfterthought([{ role: 'assistant', content: 'a' }], 'x').at(-1)).toEqual({ role: 'user', content: 'x' });
  });
});

describe('what a specialist is asked', () => {
  const long = 'A word or two more to know about it. '.repeat(60);
  const known = (specialist: Specialist): number =>
    JSON.stringify(consultation({ query: 'What?', context: long }, specialist).input.messages).length;

  it('is made to fit by its own tokenizer', async () => {
    const specialist = toSpecialist('x', { model: 'bytes', context_window: 400 }, () => null);
    const countOwn = async (target: string, text: string): Promise<number | null> => (target === 'bytes' ? text.length : null);
    expect(known(await weighed(specialist, long, countOwn))).toBeLessThan(400);
    expect(known(specialist)).toBeGreaterThan(1000);
    const request = { messages: [{ role: 'user' as const, content: 'What?' }] };
    const asAuthor = authorship(request, await weighed(specialist, long, countOwn), long).input.messages;
    expect(JSON.stringify(asAuthor).length).toBeLessThan(400);
    expect(asAuthor).toMatchObject([{ role: 'system', content: /^Context:\nA word/ }, { content: 'What?' }]);
    const unknown = toSpecialist('x', { model: 'bytes' }, () => null);
    expect(await weighed(unknown, long, countOwn)).toBe(unknown);
  });
});
