import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConversationOptions } from '../arbiter/conversation.ts';
import { SILENT_LOGGER } from '../contracts/logger.ts';
import { TuttiError } from '../errors/error.ts';
import { StoredConversations } from '../storage/conversations.ts';
import { openStorage, type Storage } from '../storage/storage.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Conversations, type ConversationsOptions } from './conversations.ts';
import type { WorkAsk } from './perform.ts';

let clock: FakeClock;
let storage: Storage;
let stored: StoredConversations;
beforeEach(() => {
  clock = new FakeClock();
  storage = openStorage({ path: ':memory:', log: SILENT_LOGGER, clock });
  stored = new StoredConversations({ storage, clock, log: SILENT_LOGGER });
});
afterEach(() => {
  stored.close();
  storage.close();
});

const ask: WorkAsk = async () => ({ text: 'Yes.', toolCalls: [], confidence: null });
const perform: ConversationsOptions['perform'] = async (work) => ({ runId: 'run_1', value: (await work.run(ask)).value });
const resolve = (target: string): void => {
  if (target === 'nobody') throw new TuttiError('model_not_found', 'No model is called nobody.', { details: { nearest: ['a'] } });
};
const begin = (where: StoredConversations | null = stored): Conversations =>
  new Conversations({ perform, resolve, stored: where, log: SILENT_LOGGER });
const options = { participants: ['a'] };
const message = { from: 'user', to: 'a', message: 'Is it so?' };

describe('conversations', () => {
  it.each<[string, ConversationOptions]>([
    ['participants[1]', { participants: ['a', 'nobody'] }],
    ['participants[0]', { participants: [{ model: 'nobody', name: 'a' }] }],
    ['participants[0]', { participants: [{ model: 'a', consult: ['b', 'nobody'] }] }],
    ['arbiter', { participants: ['a'], arbiter: 'nobody' }],
  ])('do not begin with somebody who is not there: %s', (param, given) => {
    const conversations = begin();
    const details = { nearest: ['a'] };
    expect(() => conversations.start(given)).toThrow(expect.objectContaining({ code: 'model_not_found', param, details }));
    expect(conversations.list()).toEqual([]);
  });

  it('go on when somebody is no longer there', () => {
    const conversations = begin();
    const { id } = conversations.start(options);
    const state = { ...conversations.get(id).toJSON(), participants: [{ model: 'nobody', name: 'a' }] };
    expect(conversations.restore(state).participants).toEqual(['a']);
  });

  it('are forgotten beyond the newest thousand where nothing is stored', () => {
    const conversations = begin(null);
    const first = conversations.start(options);
    for (let i = 0; i < 1000; i++) conversations.start(options);
    expect(() => conversations.get(first.id)).toThrow(expect.objectContaining({ code: 'conversation_not_found' }));
    expect(conversations.list()).toHaveLength(1000);
  });

  it('are taken up from the database beyond the newest thousand', async () => {
    const conversations = begin();
    const { id } = conversations.start(options);
    await conversations.get(id).route(message);
    for (let i = 0; i < 1000; i++) conversations.start(options);
    expect(conversations.get(id).history).toHaveLength(1);
    expect(conversations.list()).toHaveLength(1000);
  });

  it('stay one object for who holds it, so that nothing said is lost between two', async () => {
    const conversations = begin();
    const held = conversations.start(options);
    for (let i = 0; i < 1000; i++) conversations.start(options);
    stored.flush();
    await held.route(message);
    const again = conversations.get(held.id);
    expect(again).toBe(held);
    await again.respond('a');
    expect(held.history).toHaveLength(2);
  });

  it('are the same whether they were listed or asked for first', () => {
    begin().start(options);
    stored.flush();
    const conversations = begin();
    const [listed] = conversations.list();
    expect(conversations.get(listed?.id ?? '')).toBe(listed);
    expect(conversations.list()).toEqual([listed]);
  });

  it('are stored after each thing that is said, and from their start', async () => {
    const conversations = begin();
    const { id } = conversations.start(options);
    const seen = (): number => {
      stored.flush();
      return begin().get(id).history.length;
    };
    expect(seen()).toBe(0);
    await conversations.get(id).route(message);
    expect(seen()).toBe(1);
    await conversations.get(id).respond('a');
    expect(seen()).toBe(2);
    await conversations.get(id).consult('a', 'Why?');
    expect(seen()).toBe(3);
  });

  it('are the viewer’s own, stored or not', () => {
    const one = { id: 'one', role: 'user' } as const;
    const two = { id: 'two', role: 'user' } as const;
    const { id } = begin().start(options, { principal: one });
    stored.flush();
    const conversations = begin();
    expect(() => conversations.get(id, two)).toThrow(expect.objectContaining({ code: 'conversation_not_found' }));
    expect(conversations.list(two)).toEqual([]);
    expect(conversations.list(one).map((conversation) => conversation.id)).toEqual([id]);
    expect(conversations.get(id).principal).toEqual(one);
  });
});
