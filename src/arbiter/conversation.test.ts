import { describe, expect, it } from 'vitest';
import type { ChatInput } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';
import type { AskedAnswer } from './ask.ts';
import { Conversation, type ConversationOptions } from './conversation.ts';
import { filterContext } from './conversation-filter.ts';

type Said = string | Partial<AskedAnswer> | Error;
interface Asked {
  readonly key: string;
  readonly target: string;
  readonly input: ChatInput;
}

/** A conversation whose models say what the script has for them, in turn; reviews pass unless the script says otherwise. */
function scripted(script: Readonly<Record<string, readonly Said[]>>, options: Partial<ConversationOptions> = {}) {
  const asked: Asked[] = [];
  const conversation = new Conversation(
    { arbiter: 'boss', participants: ['a', 'b'], ...options },
    {
      now: () => 0,
      ask: (target, input, { key = target }) => {
        asked.push({ key, target, input });
        const said = script[key]?.[asked.filter((one) => one.key === key).length - 1] ?? '{"action": "pass"}';
        if (said instanceof Error) return Promise.reject(said);
        return Promise.resolve({
          text: '',
          toolCalls: [],
          confidence: null,
          ...(typeof said === 'string' ? { text: said } : said),
        });
      },
    },
  );
  return { conversation, asked, keys: () => asked.map(({ key }) => key) };
}

const contents = (input: ChatInput | undefined): unknown[] => (input?.messages ?? []).map(({ content }) => content);

describe('a direct conversation', () => {
  it('gives each participant a thread of its own', async () => {
    const { conversation, asked } = scripted({ a: ['from a'], b: ['from b'] });
    await conversation.route({ from: 'user', to: 'a', message: 'Begin.' });
    await conversation.respond('a');
    await conversation.route({ from: 'a', to: 'b', message: 'from a' });
    const reply = await conversation.respond('b');
    expect(reply).toEqual({ id: 'm4', model: 'b', response: 'from b', toolCalls: [], confidence: null });
    expect(conversation.threads['a']?.map(({ from, message }) => [from, message.role, message.content])).toEqual([
      ['user', 'user', 'Begin.'],
      ['a', 'assistant', 'from a'],
    ]);
    expect(contents(asked.at(-1)?.input)).toEqual(['a says:\nfrom a']);
    expect(conversation.sharedContext).toEqual([
      { id: 'm2', model: 'a', response: 'from a' },
      { id: 'm4', model: 'b', response: 'from b' },
    ]);
  });

  it.each([
    ['lets it pass', '{"action": "pass"}', { to: 'b', message: 'hi', action: 'pass' }],
    [
      'changes it',
      '{"action": "modify", "message": "hello", "reason": "kinder"}',
      { to: 'b', message: 'hello', action: 'modified', reason: 'kinder' },
    ],
    ['sends it to another', '```json\n{"action": "redirect", "to": "c"}\n```', { to: 'c', message: 'hi', action: 'redirected' }],
    [
      'stops it',
      'I think {"action": "stopped", "reason": "done"}',
      { to: 'b', message: 'hi', action: 'stopped', reason: 'done' },
    ],
    ['sends it to nobody who is there', '{"action": "redirect", "to": "z"}', { to: 'b', message: 'hi', action: 'pass' }],
    ['changes nothing after all', '{"action": "modify"}', { to: 'b', message: 'hi', action: 'pass' }],
    ['says nothing readable', 'Sounds fine to me!', { to: 'b', message: 'hi', action: 'pass' }],
    ['fails', new TuttiError('upstream_error', 'ill'), { to: 'b', message: 'hi', action: 'pass' }],
  ])('the arbiter %s', async (_, decision, expected) => {
    const { conversation, keys } = scripted({ review_message: [decision] }, { participants: ['a', 'b', 'c'] });
    expect(await conversation.route({ from: 'a', to: 'b', message: 'hi' })).toEqual({ id: 'm1', ...expected });
    expect(keys()).toEqual(['review_message']);
    const delivered = expected.action === 'stopped' ? [] : [`a says:\n${expected.message}`];
    expect(conversation.threads[expected.to]?.map(({ message }) => message.content)).toEqual(delivered);
  });

  it('does not review what comes from outside, nor anything when told so', async () => {
    const outside = scripted({});
    await outside.conversation.route({ from: 'user', to: 'a', message: 'hi' });
    const free = scripted({}, { limits: { arbiterReviewsAll: false } });
    await free.conversation.route({ from: 'a', to: 'b', message: 'hi' });
    expect([...outside.keys(), ...free.keys()]).toEqual([]);
  });

  it('tells a newcomer what all have said, once and without the message itself', async () => {
    const { conversation } = scripted({ a: ['one'], b: ['two'] }, { participants: ['a', 'b', 'c'] });
    await conversation.route({ from: 'user', to: 'a', message: 'go' });
    await conversation.respond('a');
    await conversation.route({ from: 'a', to: 'b', message: 'one' });
    await conversation.respond('b');
    await conversation.route({ from: 'b', to: 'c', message: 'two', includeHistory: true });
    await conversation.route({ from: 'a', to: 'c', message: 'more', includeHistory: true });
    expect(conversation.threads['c']?.map(({ message }) => message.content)).toEqual([
      'a says:\none',
      'b says:\ntwo',
      'a says:\nmore',
    ]);
  });

  it('lets a participant call tools and go on with their results', async () => {
    const call = { id: 't1', type: 'function' as const, function: { name: 'now', arguments: '{}' } };
    const { conversation, asked } = scripted({ a: [{ toolCalls: [call] }, 'It is noon.'] });
    await conversation.route({ from: 'user', to: 'a', message: 'What time is it?' });
    const tools = [{ type: 'function' as const, function: { name: 'now' } }];
    expect((await conversation.respond('a', { tools })).toolCalls).toEqual([call]);
    await expect(conversation.toolResult('a', 't9', 'x')).rejects.toMatchObject({ code: 'invalid_request' });
    await conversation.toolResult('a', 't1', '12:00');
    expect((await conversation.respond('a', { tools })).response).toBe('It is noon.');
    expect(asked.at(-1)?.input.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
    expect(asked.at(-1)?.input.tools).toEqual(tools);
  });

  it('is arbitrated where models may not write to each other', async () => {
    const { conversation, keys } = scripted({}, { limits: { allowModelToModel: false } });
    expect(conversation.mode).toBe('arbitrated');
    expect(await conversation.route({ from: 'a', to: 'b', message: 'psst' })).toMatchObject({ action: 'stopped' });
    expect(keys()).toEqual([]);
    expect(conversation.threads['b']).toEqual([]);
  });
});

describe('an arbitrated conversation', () => {
  it('shows what the arbiter chooses, and gives the answer as the arbiter passes it', async () => {
    const { conversation, asked, keys } = scripted(
      {
        a: ['Use a queue.'],
        b: ['Use a function.', 'Both work.'],
        filter_context: ['{"use": ["m1"]}', '{"use": ["m1"]}'],
        review_response: ['{"action": "pass"}', '{"action": "pass"}', '{"action": "modify", "message": "Both work well."}'],
      },
      { mode: 'arbitrated' },
    );
    await conversation.consult('a', 'How?');
    await conversation.consult('b', 'How?');
    const last = await conversation.consult('b', 'So?');
    expect(last).toMatchObject({ response: 'Both work well.', action: 'modified', context: ['m1'] });
    expect(contents(asked.findLast(({ key }) => key === 'b')?.input)).toEqual([
      'What the others have said:\n\n[a]\nUse a queue.\n\nSo?',
    ]);
    // Nothing had been said when the first one was asked, so there was nothing to choose from.
    expect(keys().slice(0, 3)).toEqual(['a', 'review_response', 'filter_context']);
  });

  it('holds back an answer that the arbiter stops', async () => {
    const { conversation } = scripted({ a: ['nonsense'], review_response: ['{"action": "stop", "reason": "of no use"}'] });
    expect(await conversation.consult('a', 'How?')).toMatchObject({ response: '', action: 'stopped', reason: 'of no use' });
    expect(conversation.sharedContext).toEqual([]);
  });

  it('shows everything with includeFullHistory, and only what the filter lets through', async () => {
    const { conversation, asked, keys } = scripted({ a: ['one', 'two'], b: ['three'] }, { limits: { includeFullHistory: true } });
    await conversation.consult('a', 'x');
    await conversation.consult('a', 'y');
    await conversation.consult('b', 'z', { contextFilter: { last: 1 } });
    expect(contents(asked.findLast(({ key }) => key === 'b')?.input)).toEqual(['What the others have said:\n\n[a]\ntwo\n\nz']);
    expect(keys()).not.toContain('filter_context');
  });
});

describe('a context filter', () => {
  const entries = [
    { id: 'm1', model: 'a', response: 'The database is slow.' },
    { id: 'm2', model: 'b', response: 'Colours are fine.' },
    { id: 'm3', model: 'a', response: 'Add an index to the database.' },
    { id: 'm4', model: 'c', response: 'Done.' },
  ];
  it.each([
    [{}, ['m1', 'm2', 'm3', 'm4']],
    [{ models: ['a'] }, ['m1', 'm3']],
    [{ last: 2 }, ['m3', 'm4']],
    [{ last: 0 }, []],
    [{ about: 'databases' }, ['m1', 'm3']],
    [{ about: 'database', last: 1 }, ['m3']],
    [{ maxTokens: 7 }, ['m3', 'm4']],
    [{ models: [] }, []],
  ])('%j keeps %j', (filter, ids) => {
    const words = (text: string): number => text.split(' ').length;
    expect(filterContext(entries, filter, words).map(({ id }) => id)).toEqual(ids);
  });
});

describe('any conversation', () => {
  it('has a limit of turns', async () => {
    const { conversation } = scripted({ a: ['one', 'two'] }, { limits: { maxTurns: 1 } });
    await conversation.consult('a', 'x');
    expect(conversation.turnsLeft).toBe(0);
    await expect(conversation.consult('a', 'y')).rejects.toMatchObject({ code: 'conversation_limit' });
  });

  it.each([
    [{ participants: ['a', 'b', 'c', 'd'] }, /At most 3 models/],
    [{ participants: [] }, /needs participants/],
  ])('refuses %j', (options, reason) => {
    expect(() => scripted({}, options)).toThrow(reason);
  });

  it('names one model that takes part twice apart', () => {
    const { conversation } = scripted({}, { participants: ['a', 'a', { model: 'a', name: 'critic' }] });
    expect(conversation.participants).toEqual(['a', 'a#2', 'critic']);
  });

  it.each<[string, (conversation: Conversation) => Promise<unknown>, object]>([
    ['a stranger', (one) => one.respond('z'), { code: 'unknown_member', param: 'model' }],
    [
      'a message to a stranger',
      (one) => one.route({ from: 'user', to: 'z', message: 'hi' }),
      { code: 'unknown_member', param: 'to' },
    ],
    ['an empty message', (one) => one.route({ from: 'user', to: 'a', message: ' ' }), { code: 'invalid_request' }],
    ['an answer to nothing', (one) => one.respond('a'), { code: 'invalid_request' }],
  ])('refuses %s', async (_, act, error) => {
    await expect(act(scripted({}).conversation)).rejects.toMatchObject(error);
  });

  it('keeps no trace of what failed, and goes on', async () => {
    const { conversation } = scripted({ a: [new TuttiError('upstream_error', 'ill'), 'well'] });
    await conversation.route({ from: 'user', to: 'a', message: 'hi' });
    await expect(conversation.respond('a')).rejects.toMatchObject({ code: 'upstream_error' });
    expect((await conversation.respond('a')).response).toBe('well');
    expect(conversation.history.map(({ type }) => type)).toEqual(['message', 'response']);
  });

  it('ends what is under way when it is cancelled, also a review', async () => {
    const { conversation } = scripted({ review_message: [new TuttiError('cancelled', 'enough')] });
    await expect(conversation.route({ from: 'a', to: 'b', message: 'hi' })).rejects.toMatchObject({ code: 'cancelled' });
    expect(conversation.history).toEqual([]);
  });

  it('does one thing at a time, in order', async () => {
    const { conversation } = scripted({ a: ['one'] });
    const all = [conversation.route({ from: 'user', to: 'a', message: 'hi' }), conversation.respond('a')];
    await Promise.all(all);
    expect(conversation.history.map(({ type }) => type)).toEqual(['message', 'response']);
  });

  it('is forked at a message: both go on by themselves', async () => {
    const { conversation } = scripted({ a: ['one', 'two', 'three'] });
    await conversation.consult('a', 'x');
    await conversation.consult('a', 'y');
    const fork = conversation.fork('m1');
    await fork.consult('a', 'z');
    expect(fork.id).not.toBe(conversation.id);
    expect(fork.toJSON().forkedFrom).toEqual({ conversation: conversation.id, message: 'm1' });
    expect(fork.sharedContext.map(({ response }) => response)).toEqual(['one', 'three']);
    expect(conversation.sharedContext.map(({ response }) => response)).toEqual(['one', 'two']);
    expect(() => conversation.fork('m9')).toThrow('m9');
  });

  it('is stored as plain data and restored from it', async () => {
    const { conversation } = scripted({ a: ['one'] }, { participants: ['a', { model: 'b', name: 'critic', temperature: 0 }] });
    await conversation.consult('a', 'x');
    const stored: unknown = JSON.parse(JSON.stringify(conversation));
    const again = Conversation.restore(stored, { ask: () => Promise.reject(new Error('not asked')) });
    expect(JSON.parse(JSON.stringify(again))).toEqual(stored);
    expect(again.participants).toEqual(['a', 'critic']);
    expect(() => Conversation.restore({ id: 'x' }, { ask: () => Promise.reject(new Error('not asked')) })).toThrow(
      /^This is no conversation/,
    );
  });

  it('tells its health', async () => {
    const { conversation } = scripted({ a: ['Use a queue.', 'Use a queue.'] });
    await conversation.consult('a', 'x');
    await conversation.consult('a', 'y');
    expect(conversation.health.problems.map(({ kind }) => kind)).toEqual(['repetition']);
  });
});
