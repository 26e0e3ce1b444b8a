/** Members that may ask others. */
import { describe, expect, it } from 'vitest';
import { start } from './start.ts';

const able = { descriptor: { capabilities: ['text_generation', 'tool_calling'] } };
const orchestrations = { asker: { strategy: 'fallback', members: [{ model: 'fake:a', consult: ['fake:b'] }] } };
const asks = { toolCalls: [{ name: 'consult_fake_b', arguments: { query: 'What is 2 + 2?' } }] };

describe('a member with `consult`', () => {
  it('asks while it answers', async () => {
    await using started = await start(
      { a: { ...able, answer: [asks, { text: 'b says 4.' }] }, b: { answer: '4' } },
      { orchestrations },
    );
    const { tutti, backend } = started;
    const answer = await tutti.run({ model: 'asker', input: 'Ask b.' });
    expect(answer.text).toBe('b says 4.');
    expect(backend.calls.map(({ model }) => model)).toEqual(['a', 'b', 'a']);
    expect(backend.calls[0]?.input).toMatchObject({
      tools: expect.arrayContaining([
        expect.objectContaining({ function: expect.objectContaining({ name: expect.stringContaining('consult_') }) }),
      ]),
    });
  });

  it('may not when collaboration is switched off', async () => {
    await using started = await start({ a: able, b: {} }, { orchestrations, orchestrator: { enable_collaboration: false } });
    await expect(started.tutti.run({ model: 'asker', input: 'Ask b.' })).rejects.toMatchObject({
      message: /enable_collaboration/,
    });
  });
});

describe('answers that are compared by their meaning', () => {
  it('are so by the embedding model that there is', async () => {
    const vectors: Record<string, number[]> = {
      'it rains heavily': [1, 0],
      'there is a downpour': [0.99, 0.1],
      'the sun shines': [0, 1],
    };
    const embedder = {
      descriptor: { capabilities: ['embedding'], operations: ['embed'] },
      embed: (input: string) => vectors[input.toLowerCase().replace('.', '')] ?? [0.5, 0.5],
    };
    const models = {
      a: { answer: 'It rains heavily.' },
      b: { answer: 'There is a downpour.' },
      c: { answer: 'The sun shines.' },
    };
    await using started = await start({ ...models, embedder });
    const answer = await started.tutti.orchestrate({
      strategy: 'consensus',
      members: ['fake:a', 'fake:b', 'fake:c'],
      answer: 'semantic',
      input: 'How is the weather?',
    });
    expect(['It rains heavily.', 'There is a downpour.']).toContain(answer.text);
    expect(started.tutti.runs.get(answer.runId)?.steps.map(({ model }) => model)).toContain('fake:embedder');
  });
});
