import { describe, expect, it } from 'vitest';
import { TuttiError } from '../errors/error.ts';
import { strategyContract } from '../testing/strategy-contract.ts';
import { runScripted, type StrategyOutcome, type StrategyRun } from '../testing/strategy-runner.ts';
import { conversationStrategy } from './conversation-strategy.ts';

const ill = new TuttiError('upstream_error', 'ill');
const config = { strategy: 'conversation', arbiter: 'boss', participants: ['a', 'b'], max_turns: 4 };
const moderates = (decisions: Readonly<Record<string, string>> = {}): NonNullable<StrategyRun['members'][string]> => {
  return ({ key }) => (key === 'conclusion' ? 'So be it.' : (decisions[key] ?? '{"action": "pass"}'));
};
const talk = {
  a: ['Use a queue.', 'A queue also smooths load peaks.'],
  b: ['Functions are simpler to debug.', 'Then measure the load first.'],
};

const hold = (members: StrategyRun['members'], run: Partial<StrategyRun> = {}, more: object = {}): Promise<StrategyOutcome> =>
  runScripted(conversationStrategy, { ...config, ...more }, { members: { ...talk, boss: moderates(), ...members }, ...run });
const keysOf = (outcome: StrategyOutcome): string[] => outcome.calls.map(({ key }) => key);
const turnsOf = (outcome: StrategyOutcome): string[] =>
  keysOf(outcome).filter((key) => key === 'a' || key === 'b' || key === 'c');
const shownTo = (outcome: StrategyOutcome, target: string): unknown[] =>
  outcome.calls.findLast((call) => call.target === target)?.input.messages.map(({ content }) => content) ?? [];

strategyContract(
  {
    definition: conversationStrategy,
    config,
    members: { ...talk, boss: moderates() },
    bad: [
      { config: { ...config, participants: ['a'] }, reason: /needs two participants/ },
      { config: { ...config, participants: ['a', 'b', 'c', 'd'] }, reason: /there are 4 participants, and max_models is 3/ },
      { config: { ...config, participants: [] }, reason: /needs participants/ },
      { config: { strategy: 'conversation', participants: ['a', 'b'], answer: 'arbiter' }, reason: /needs an `arbiter`/ },
      { config: { ...config, mode: 'loud' }, reason: /mode/ },
    ],
  },
  { describe, it },
);

describe('a direct conversation', () => {
  it('goes from one to the next, each message past the arbiter, who writes the answer', async () => {
    const outcome = await hold({});
    expect(outcome.text).toBe('So be it.');
    expect(keysOf(outcome)).toEqual(['a', 'review_message', 'b', 'review_message', 'a', 'review_message', 'b', 'conclusion']);
    expect(shownTo(outcome, 'b')).toEqual([
      'question?',
      'a says:\nUse a queue.',
      'Functions are simpler to debug.',
      'a says:\nA queue also smooths load peaks.',
    ]);
    expect(shownTo(outcome, 'boss')[0]).toMatch(/^question\?\n\nAI models have discussed this:\n\n\[a\]\nUse a queue\.\n\n\[b\]/);
    expect(outcome.decisions).toEqual([{ type: 'decision', message: 'The limit of 4 turns is reached.', data: { turns: 4 } }]);
  });

  it('ends when the arbiter stops it', async () => {
    const outcome = await hold({ boss: moderates({ review_message: '{"action": "stop", "reason": "all is said"}' }) });
    expect(turnsOf(outcome)).toEqual(['a']);
    expect(outcome.decisions[0]?.message).toBe('The arbiter stopped it: all is said');
  });

  it('goes where the arbiter sends it', async () => {
    const outcome = await hold(
      { c: 'A third way.', boss: moderates({ review_message: '{"action": "redirect", "to": "c"}' }) },
      {},
      { participants: ['a', 'b', 'c'], max_turns: 2 },
    );
    expect(turnsOf(outcome)).toEqual(['a', 'c']);
  });

  it('ends when it repeats itself', async () => {
    const outcome = await hold({ a: 'Use a queue.' });
    expect(turnsOf(outcome)).toEqual(['a', 'b', 'a']);
    expect(outcome.decisions[0]?.message).toBe('a repeats what it said before.');
  });

  it('ends when all say the same', async () => {
    const outcome = await hold({ a: 'The answer is 42.', b: { text: '42', confidence: 0.8 } }, {}, { answer: 'last' });
    expect([outcome.text, turnsOf(outcome)]).toEqual(['42', ['a', 'b']]);
    expect(outcome.decisions[0]?.message).toBe('All say the same.');
  });

  it('tells of contradictions, and goes on', async () => {
    const outcome = await hold({ a: ['The sum is 12.', 'Let me see: 7 and 8.'], b: ['The sum is 15.', 'It was a slip, then.'] });
    expect(outcome.conflicts).toMatchObject([{ kind: 'disagreement', members: ['a', 'b'] }]);
    expect(turnsOf(outcome)).toHaveLength(4);
  });

  it('goes on without those that fail', async () => {
    const outcome = await hold({ b: { error: ill }, c: ['Functions.', 'Fine.'] }, {}, { participants: ['a', 'b', 'c'] });
    expect(turnsOf(outcome)).toEqual(['a', 'b', 'c', 'a']);
    expect(outcome.results['b']).toMatchObject({ success: false });
  });

  it.each<[string, string | { error: Error }]>([
    ['fails', { error: ill }],
    ['writes nothing', ' '],
  ])('has its last word as the answer when the arbiter %s', async (_, answer) => {
    const outcome = await hold({ boss: ({ key }) => (key === 'conclusion' ? answer : '{"action": "pass"}') });
    expect(outcome.text).toBe('Then measure the load first.');
    expect(outcome.decisions.at(-1)?.message).toMatch(/^The arbiter could not write the answer \((ill|the answer was empty)\)/);
  });

  it('ends when one is left', async () => {
    const outcome = await hold({ b: { error: ill } });
    expect([outcome.text, turnsOf(outcome)]).toEqual(['So be it.', ['a', 'b', 'a']]);
    expect(outcome.decisions[0]?.message).toBe('Nobody else is left to answer.');
  });

  it('has one model twice, each with its instructions and its thread', async () => {
    const participants = [
      { model: 'a', name: 'for', instructions: 'Argue for it.' },
      { model: 'a', name: 'against', instructions: 'Argue against it.' },
    ];
    const outcome = await hold({ a: ['Yes!', 'No!'] }, {}, { participants, max_turns: 2 });
    expect(outcome.calls.slice(0, 3).map(({ key }) => key)).toEqual(['for', 'review_message', 'against']);
    expect(shownTo(outcome, 'a')).toEqual(['Argue against it.', 'question?', 'for says:\nYes!']);
  });

  it('begins with what was said before the question', async () => {
    const input = {
      messages: [
        { role: 'system' as const, content: 'Be brief.' },
        { role: 'user' as const, content: 'Hi' },
        { role: 'assistant' as const, content: 'Hello' },
        { role: 'user' as const, content: 'Queue or function?' },
      ],
      temperature: 0.3,
    };
    const outcome = await hold({}, { input, overrides: { context: 'It is urgent.' } }, { max_turns: 1 });
    expect(outcome.calls[0]?.input).toMatchObject({
      temperature: 0.3,
      messages: [{ content: 'Be brief.\n\nContext:\nIt is urgent.\n\nuser: Hi\n\nassistant: Hello\n\nQueue or function?' }],
    });
  });
});

describe('the answer of a conversation', () => {
  it.each<[string, StrategyRun['members'], Partial<StrategyRun>, object]>([
    ['without an arbiter', {}, {}, { arbiter: undefined }],
    ['with `answer: last`', {}, {}, { answer: 'last' }],
    ['with an arbiter that fails', { boss: ({ key }) => (key === 'conclusion' ? { error: ill } : '{}') }, {}, {}],
    ['with an arbiter that is too small', { boss: 'gibberish' }, { describe: { boss: { contextWindow: 2048 } } }, {}],
  ])('%s is the last word', async (_, members, run, more) => {
    const outcome = await hold({ b: { text: 'Measure first.', confidence: 0.6 }, ...members }, run, { max_turns: 2, ...more });
    expect([outcome.text, outcome.confidence?.score]).toEqual(['Measure first.', 0.6]);
  });

  it('of one that is too small to moderate is not reviewed either', async () => {
    const outcome = await hold({}, { describe: { boss: { contextWindow: 2048 } } });
    expect(keysOf(outcome)).toEqual(['a', 'b', 'a', 'b']);
  });
});

describe('an arbitrated conversation', () => {
  it.each([{ mode: 'arbitrated' }, { allow_model_to_model: false }])(
    'with %j asks each once, with filtered context',
    async (more) => {
      const outcome = await hold({ boss: moderates({ filter_context: '{"use": []}' }) }, {}, { ...more, max_turns: undefined });
      expect(keysOf(outcome)).toEqual(['a', 'review_response', 'filter_context', 'b', 'review_response', 'conclusion']);
      expect(shownTo(outcome, 'b')).toEqual(['question?']);
    },
  );

  it('shows all with include_full_history', async () => {
    const outcome = await hold({}, {}, { mode: 'arbitrated', include_full_history: true, max_turns: 2 });
    expect(shownTo(outcome, 'b')).toEqual(['What the others have said:\n\n[a]\nUse a queue.\n\nquestion?']);
  });

  it('fails with a reason for each when no answer passes', async () => {
    const outcome = await hold({ boss: moderates({ review_response: '{"action": "stop"}' }) }, {}, { mode: 'arbitrated' });
    expect(outcome.error).toMatchObject({
      code: 'all_members_failed',
      message: expect.stringContaining('a: gave no answer that counts'),
    });
  });
});
