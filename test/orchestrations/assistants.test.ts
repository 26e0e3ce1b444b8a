/** What Tutti asks models for on its own: reading calls, handing answers over, advice on failures, and conversations. */
import { describe, expect, it } from 'vitest';
import type { ToolDefinition } from '../../src/index.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { start } from './start.ts';

const tools: ToolDefinition[] = [
  {
    type: 'function',
    function: {
      name: 'add',
      parameters: { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'integer' } }, required: ['a', 'b'] },
    },
  },
];
const able = { descriptor: { capabilities: ['text_generation', 'tool_calling'] } };

describe('the interpreter', () => {
  it('reads a call without a model', async () => {
    await using started = await start({});
    const read = await started.tutti.interpreter.interpret({ text: 'add(a=1, b=2)', tools });
    expect(read).toMatchObject({ source: 'parsed', toolCalls: [{ function: { name: 'add' } }] });
  });

  it('repairs a call with its model, as a run with a step', async () => {
    const fixed = { toolCalls: [{ name: 'add', arguments: { a: 1, b: 2 } }] };
    await using started = await start({ fixer: { ...able, answer: fixed } }, { interpreter: { model: 'fake:fixer' } });
    const { tutti, events } = started;
    const repaired = await tutti.interpreter.repair({ call: { name: 'add', arguments: { x: 1 } }, error: 'a is missing', tools });
    expect(repaired.toolCalls.map(({ function: { arguments: text } }) => JSON.parse(text))).toEqual([{ a: 1, b: 2 }]);
    const [done] = events.all('run.completed');
    expect(done?.data.run).toMatchObject({ target: 'inline:repair', model: 'fake:fixer' });
  });
});

describe('a context window', () => {
  it('is a model’s own, and counted by its tokenizer', async () => {
    await using started = await start({ reader: { descriptor: { contextWindow: 10 } } });
    const window = started.tutti.contextWindow({ model: 'fake:reader' });
    await window.add({ role: 'user', content: 'one two three four five six' });
    // As the estimate has it, these are five times as many.
    await window.add({ role: 'assistant', content: 'antidisestablishmentarianism '.repeat(3) });
    expect([window.maxTokens, window.tokens, window.messages().length]).toEqual([10, 9, 2]);
    await window.add({ role: 'user', content: 'seven eight' });
    expect(window.messages().map(({ role }) => role)).toEqual(['assistant', 'user']);
    expect(started.tutti.contextWindow({ model: 'fake:reader', maxTokens: 4 }).maxTokens).toBe(4);
    expect(() => started.tutti.contextWindow({ model: 'nobody:x' })).toThrow(/nobody/);
  });
});

describe('the mediator', () => {
  it('passes on what fits, and has the rest shortened', async () => {
    const summary = { answer: 'short', descriptor: { contextWindow: 200 } };
    await using started = await start({ reader: summary });
    const { mediator } = started.tutti;
    expect(await mediator.mediate({ response: 'fits', to: 'fake:reader', as: 'text' })).toMatchObject({
      text: 'fits',
      action: 'as_is',
    });
    const long = 'A sentence that says little. '.repeat(200);
    expect(await mediator.mediate({ response: long, to: 'fake:reader', as: 'text' })).toMatchObject({
      text: 'short',
      action: 'summarized',
    });
  });
});

describe('failure assistance', () => {
  it('says what to do by a table, or by a reasoning model', async () => {
    await using plain = await start({});
    const error = new TuttiError('context_length_exceeded', 'too long');
    expect(await plain.tutti.failures.diagnose({ phase: 'reasoning', error })).toMatchObject({
      action: 'retry_with_changes',
      arguments: { shorten: true },
      source: 'rule',
    });

    const advice = { answer: '{"cause": "no key", "action": "request_user_input", "arguments": {"question": "Which key?"}}' };
    await using started = await start({ thinker: advice }, { failures: { model: 'fake:thinker' } });
    expect(await started.tutti.failures.diagnose({ phase: 'reasoning', error: 'no key' })).toMatchObject({
      action: 'request_user_input',
      needsUser: true,
      source: 'model',
    });
  });
});

describe('a conversation', () => {
  const models = { arbiter: { answer: 'pass' }, a: { answer: 'I am a.' }, b: { answer: 'I am b.' } };
  const options = { mode: 'direct', arbiter: 'fake:arbiter', participants: ['fake:a', 'fake:b'] } as const;

  it('goes message by message, each operation a run with its decisions as steps', async () => {
    await using started = await start(models);
    const { tutti, events } = started;
    const talk = tutti.conversation(options);
    await talk.route({ from: 'user', to: 'fake:a', message: 'Who are you?' });
    expect(await talk.respond('fake:a')).toMatchObject({ response: 'I am a.' });
    expect(await talk.route({ from: 'fake:a', to: 'fake:b', message: 'And you?' })).toMatchObject({
      action: 'pass',
      to: 'fake:b',
    });
    expect((await talk.consult('fake:b', 'Who was that?')).response).toBe('I am b.');
    expect(talk.sharedContext.map(({ model }) => model)).toEqual(['fake:a', 'fake:b']);
    const steps = events.all('step.started').map(({ data }) => data.name);
    expect(steps).toEqual(expect.arrayContaining(['review_message', 'review_response']));
    const metadata = events.all('run.completed').map(({ data }) => data.run.metadata);
    expect(metadata.every(({ conversation }) => conversation === talk.id)).toBe(true);
  });

  it('can be forked, found again, and is its owner’s only', async () => {
    await using started = await start(models);
    const { tutti } = started;
    const owner = { id: 'key:app', role: 'user' } as const;
    const talk = tutti.conversation(options, { principal: owner });
    const { id } = await talk.route({ from: 'user', to: 'fake:a', message: 'Who are you?' });
    await talk.respond('fake:a');
    const other = tutti.conversations.fork(talk.id, id, owner);
    expect([other.history.length, talk.history.length]).toEqual([1, 2]);
    expect(tutti.conversations.get(other.id, owner).id).toBe(other.id);
    expect(() => tutti.conversations.get(talk.id, { id: 'key:other', role: 'user' })).toThrow(
      expect.objectContaining({ code: 'conversation_not_found' }),
    );
    expect(tutti.conversations.list({ viewer: owner }).conversations).toHaveLength(2);
  });
});
