import { describe, expect, it } from 'vitest';
import type { ChatInput } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { strategyContract } from '../testing/strategy-contract.ts';
import { runScripted, type MemberScript, type StrategyOutcome, type StrategyRun } from '../testing/strategy-runner.ts';
import { ensembleStrategy } from './ensemble.ts';

const config = { strategy: 'ensemble', members: ['a', 'b', 'c'], aggregator: 'writer' };
const ill = { error: new TuttiError('upstream_error', 'ill') };

strategyContract(
  {
    definition: ensembleStrategy,
    config,
    members: { a: '41', b: '42', c: '42', writer: 'It is 42.' },
    bad: [
      { config: { strategy: 'ensemble', members: [] }, reason: /at least one member/ },
      { config: { strategy: 'ensemble', members: ['a'], mode: 'select' }, reason: /needs an `aggregator`/ },
      { config: { ...config, mode: 'best' }, reason: /asks no `aggregator`/ },
      { config: { ...config, mode: 'vote' }, reason: /synthesize/ },
      { config: { ...config, min_answers: 4 }, reason: /4 answers cannot come of 3 members/ },
      { config: { ...config, rounds: 0 }, reason: /rounds is at least 1/ },
      { config: { ...config, quorum: 2 }, reason: /quorum/ },
    ],
  },
  { describe, it },
);

function ask(
  own: Record<string, unknown>,
  members: Readonly<Record<string, MemberScript>> = {},
  run: Omit<StrategyRun, 'members'> = {},
): Promise<StrategyOutcome> {
  const well = { a: '41', b: '42', c: '42', writer: 'It is 42.' };
  return runScripted(ensembleStrategy, { ...config, ...own }, { input: '40 + 2?', ...run, members: { ...well, ...members } });
}
const best = { aggregator: undefined };
const select = { mode: 'select' };
const targets = ({ calls }: StrategyOutcome): string[] => calls.map(({ target }) => target);
const asked = ({ calls }: StrategyOutcome, target: string): unknown =>
  calls.findLast((call) => call.target === target)?.input.messages.at(-1)?.content;

describe('an ensemble', () => {
  it('asks all at once', async () => {
    const all = ['a', 'b', 'c'].map(() => deferred());
    const meet = (i: number) => async () => {
      all[i]?.resolve();
      await Promise.all(all.map(({ promise }) => promise));
      return '42';
    };
    expect((await ask(best, { a: meet(0), b: meet(1), c: meet(2) })).text).toBe('42');
  });

  it('does without members that fail, are late or say nothing, unless too few are left', async () => {
    const clock = new FakeClock();
    const running = ask({ ...best, timeout_seconds: 3 }, { a: { hangs: true }, b: ' ', c: '42' }, { clock });
    await clock.timerSet();
    clock.advance(3000);
    const outcome = await running;
    expect([outcome.text, outcome.results.a?.error?.code]).toEqual(['42', 'member_timeout']);
    const { error } = await ask({ min_answers: 2 }, { a: ill, b: ill });
    expect(error).toMatchObject({
      code: 'all_members_failed',
      message: expect.stringMatching(/1 of the 2 answers needed.*a: ill.*b: ill/),
    });
  });

  it('asks only whom the call names', async () => {
    expect(targets(await ask(best, {}, { overrides: { members: ['c', 'a'] } }))).toEqual(['c', 'a']);
  });

  it('tells when the answers differ, except in wording', async () => {
    expect((await ask(best)).conflicts).toMatchObject([{ kind: 'disagreement', members: ['b', 'c', 'a'] }]);
    expect((await ask(best, { a: '42' })).conflicts).toEqual([]);
    const prose = {
      a: 'Ships sink when water gets into their hulls through holes, and stays there for good.',
      b: 'A vessel is lost as soon as it takes in more of the sea than its pumps can put out again.',
    };
    expect((await ask(best, { ...prose, c: prose.a })).conflicts).toEqual([]);
  });
});

describe('an ensemble that synthesizes', () => {
  it('lets the aggregator write the answer', async () => {
    const outcome = await ask({}, { writer: { text: 'It is 42.', confidence: 0.8 } });
    expect(outcome.text).toBe('It is 42.');
    expect(asked(outcome, 'writer')).toBe(
      'Question: 40 + 2?\nCandidates:\n1. 41\n2. 42\n3. 42\nWrite the right answer to the question. Use what is right in the candidates.',
    );
    expect(outcome.confidence?.score).toBeCloseTo(1 - 0.2 * (1 - 0.5 / 3));
  });

  it('keeps tools and the form of the answer for the aggregator', async () => {
    const input: Partial<ChatInput> = { response_format: { type: 'json_object' }, max_tokens: 9, temperature: 0.5 };
    const { calls } = await ask({}, {}, { input });
    expect(calls[0]?.input).not.toHaveProperty('response_format');
    expect(calls[0]?.input.temperature).toBe(0.5);
    expect(calls.at(-1)?.input).toMatchObject(input);
  });

  it('gives the best answer when the aggregator fails or says nothing', async () => {
    const failed = await ask({}, { writer: ill });
    expect([failed.text, failed.decisions[0]?.message]).toEqual([
      '42',
      'the aggregator failed (upstream_error): the best is taken',
    ]);
    expect((await ask({}, { writer: '' })).text).toBe('42');
  });

  it('fails when the aggregator fails after it has said something', async () => {
    const { text, error } = await ask({}, { writer: { text: 'It', ...ill } });
    expect([text, error?.code]).toEqual(['It', 'upstream_error']);
  });

  it('says nothing of agreement where nobody says what the aggregator does', async () => {
    expect((await ask({}, { writer: '43' })).confidence).toBe(null);
  });
});

describe('an ensemble that selects', () => {
  it('gives the answer that the aggregator chooses, in its member’s words', async () => {
    const outcome = await ask(select, {
      b: 'The answer is 42.',
      c: ill,
      writer: { text: 'I get 42. Number 2.', confidence: 0.9 },
    });
    expect([outcome.text, outcome.confidence]).toEqual([
      'The answer is 42.',
      { score: 0.9, method: 'verifier', calibrated: false },
    ]);
    expect(asked(outcome, 'writer')).toBe(
      'Question: 40 + 2?\nCandidates:\n1. 41\n2. 42\nWhich candidate is right? Reply with its number.',
    );
  });

  it('asks nobody when all agree', async () => {
    expect(targets(await ask(select, { a: '42' }))).toEqual(['a', 'b', 'c']);
  });

  it('takes the best when the aggregator fails, or chooses none', async () => {
    for (const writer of [ill, 'None of them.', 'Number 7.']) {
      const outcome = await ask(select, { writer });
      expect([outcome.text, outcome.decisions[0]?.message]).toEqual(['42', expect.stringContaining('the best is taken')]);
    }
  });

  it('leaves tools with the members: one of them is the author', async () => {
    const call = { id: 'c1', type: 'function', function: { name: 'add', arguments: '{}' } } as const;
    const tools = [{ type: 'function' as const, function: { name: 'add' } }];
    const outcome = await ask(select, { a: { toolCalls: [call] }, writer: '1' }, { input: { tools } });
    expect(outcome.calls[0]?.input.tools).toEqual(tools);
    expect(outcome.toolCalls).toEqual([call]);
  });

  it('gives its step a name that no member has', async () => {
    const members = [{ model: 'a', name: 'aggregator' }, 'b'];
    expect(Object.keys((await ask({ ...select, members }, { writer: '1' })).results)).toEqual(['aggregator', 'b', 'aggregator*']);
  });
});

describe('an ensemble that takes the best', () => {
  it('goes by how many say so and how sure they are', async () => {
    const sure = { a: { text: '41', confidence: 0.9 }, b: { text: '42', confidence: 0.3 }, c: { text: '42', confidence: 0.4 } };
    expect((await ask(best, sure)).text).toBe('41');
    expect((await ask(best, { ...sure, c: { text: '42', confidence: 0.7 } })).text).toBe('42');
  });

  it('is as sure as the vote says', async () => {
    const { confidence } = await ask(best);
    expect([confidence?.method, confidence?.parts?.agreement]).toEqual(['agreement', 2 / 3]);
  });

  it('lets the surest speak when none has an answer, and is sure of nothing', async () => {
    const none = { a: "I don't know.", b: { text: 'I do not know.', confidence: 0.9 }, c: "I don't know." };
    const { text, confidence } = await ask(best, none);
    expect([text, confidence?.score]).toEqual(['I do not know.', expect.closeTo(0.3)]);
  });
});

describe('an ensemble that concatenates', () => {
  it('gives all answers under their members’ names, as sure as the least sure', async () => {
    const sure = { a: { text: '41', confidence: 0.9 }, b: { text: '42', confidence: 0.3 }, c: { text: '42', confidence: 0.4 } };
    const outcome = await ask({ ...best, mode: 'concat' }, sure);
    expect([outcome.text, outcome.confidence?.score]).toEqual(['[a]\n41\n\n[b]\n42\n\n[c]\n42', 0.3]);
    expect((await ask({ ...best, mode: 'concat' })).confidence).toBe(null);
  });
});

describe('rounds', () => {
  it('show each member what the others said', async () => {
    const outcome = await ask({ ...best, rounds: 2 }, { a: ['41', '42'] });
    expect(outcome.text).toBe('42');
    expect(outcome.calls.map(({ options }) => options.step.split('/').at(-1))).toEqual([
      'a',
      'b',
      'c',
      'a.round2',
      'b.round2',
      'c.round2',
    ]);
    expect(asked(outcome, 'a')).toBe('40 + 2?\n\nYour answer: 41\nOther answers:\n1. 42\n2. 42\nGive the right answer.');
  });

  it('end when all say the same', async () => {
    const outcome = await ask({ ...best, rounds: 3 }, { a: ['41', '42'] });
    expect(outcome.calls).toHaveLength(6);
    expect(outcome.decisions[0]?.message).toBe('all say the same after round 2');
  });

  it('keep what a member said before when it fails later', async () => {
    const outcome = await ask({ ...best, rounds: 2 }, { a: ['40', '42'], b: ['42', ill], c: ['41', ill] });
    expect([outcome.text, outcome.confidence?.parts?.agreement]).toEqual(['42', 2 / 3]);
  });

  it('let one member look at its own answer again', async () => {
    const outcome = await ask({ ...best, members: ['a'], rounds: 2 }, { a: ['41', '42'] });
    expect([outcome.text, asked(outcome, 'a')]).toEqual(['42', '40 + 2?\n\nYour answer: 41\nGive the right answer.']);
  });
});
