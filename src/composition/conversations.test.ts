import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ConversationOptions } from '../arbiter/conversation.ts';
import { SILENT_LOGGER } from '../contracts/logger.ts';
import type { Principal } from '../contracts/principal.ts';
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
  new Conversations({ perform, resolve, stored: where, clock, log: SILENT_LOGGER });
const listed = (conversations: Conversations, viewer?: Principal): string[] =>
  conversations.list({ limit: 1000, viewer }).conversations.map(({ id }) => id);
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
    expect(listed(conversations)).toEqual([]);
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
    expect(listed(conversations)).toHaveLength(1000);
  });

  it('are taken up from the database beyond the newest thousand', async () => {
    const conversations = begin();
    const { id } = conversations.start(options);
    await conversations.get(id).route(message);
    for (let i = 0; i < 1000; i++) conversations.start(options);
    expect(conversations.get(id).history).toHaveLength(1);
    const { conversations: page, nextCursor } = conversations.list({ limit: 1000 });
    expect(page).toHaveLength(1000);
    expect(conversations.list({ cursor: nextCursor ?? '' }).conversations).toHaveLength(1);
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

  it('are listed in short, the one that changed last first, whether in memory or stored', async () => {
    const earlier = begin();
    const first = earlier.start({ participants: ['a', { model: 'b', name: 'second', instructions: 'Be brief.' }] });
    clock.advance(1000);
    const second = earlier.start(options);
    clock.advance(1000);
    stored.flush();
    const conversations = begin();
    const { id: m1 } = await conversations.get(first.id).route(message);
    await conversations.get(first.id).respond('a');
    const fork = conversations.fork(first.id, m1);
    const { conversations: page, nextCursor } = conversations.list();
    const now = clock.now();
    const none = { mode: 'direct', forkedFrom: null, turns: 0, turnsLeft: 50 };
    const participants = [
      { model: 'a', name: 'a' },
      { model: 'b', name: 'second' },
    ];
    const begun = { ...none, participants };
    const forkedFrom = { conversation: first.id, message: m1 };
    // Two of one moment are ordered by their ids.
    expect(page.slice(0, 2).toSorted((a, b) => a.turns - b.turns)).toEqual([
      { ...begun, id: fork.id, forkedFrom, changedAt: now },
      { ...begun, id: first.id, turns: 1, turnsLeft: 49, changedAt: now },
    ]);
    expect(page.slice(2)).toEqual([{ ...none, id: second.id, participants: [{ model: 'a', name: 'a' }], changedAt: now - 1000 }]);
    expect(nextCursor).toBeNull();
    stored.flush();
    expect(begin().list()).toEqual({ conversations: page, nextCursor: null });
  });

  it('are listed page by page, each once', () => {
    const earlier = begin();
    const ids: string[] = [];
    const start = (conversations: Conversations): void => {
      ids.unshift(conversations.start(options).id);
      clock.advance(1);
    };
    for (let i = 0; i < 7; i++) start(earlier);
    stored.flush();
    const conversations = begin();
    conversations.get(ids[3] ?? '');
    for (let i = 0; i < 4; i++) start(conversations);
    const seen: string[] = [];
    let cursor: string | null | undefined;
    while (cursor !== null) {
      const page = conversations.list({ limit: 3, cursor });
      seen.push(...page.conversations.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(ids);
    expect(() => conversations.list({ cursor: 'nonsense' })).toThrow(
      expect.objectContaining({ code: 'invalid_request', param: 'cursor' }),
    );
  });

  it('of a version without summaries are listed from all that is stored, and one that cannot be read is left out', () => {
    const conversations = begin();
    const { id } = conversations.start(options);
    const broken = conversations.start(options);
    stored.flush();
    const [summary] = begin()
      .list({ limit: 1000 })
      .conversations.filter((found) => found.id === id);
    storage.write((db) => {
      db.run('UPDATE conversations SET summary = NULL');
      db.run("UPDATE conversations SET state = '{' WHERE id = ?", broken.id);
    });
    expect(begin().list().conversations).toEqual([summary]);
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
    expect(listed(conversations, two)).toEqual([]);
    expect(listed(conversations, one)).toEqual([id]);
    expect(conversations.get(id).principal).toEqual(one);
  });
});
