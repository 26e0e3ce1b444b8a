import { describe, expect, it, vi } from 'vitest';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { strategyContract } from '../testing/strategy-contract.ts';
import { runScripted, type MemberScript, type StrategyRun } from '../testing/strategy-runner.ts';
import { consensusStrategy } from './consensus.ts';

const panel = { strategy: 'consensus', members: ['a', 'b', 'c'] };
const ill = { error: new TuttiError('upstream_error', 'ill') };
const hangs = { hangs: true } as const;

const ask = (config: object, members: Record<string, MemberScript>, run: Omit<StrategyRun, 'members'> = {}) =>
  runScripted(consensusStrategy, { ...panel, ...config }, { ...run, members });

strategyContract(
  {
    definition: consensusStrategy,
    config: panel,
    members: { a: '42', b: '42', c: '43' },
    bad: [
      { config: { ...panel, members: [] }, reason: /at least one member/ },
      { config: { strategy: 'consensus' }, reason: /needs `members`, or a `capability`/ },
      { config: { ...panel, quorum: 4 }, reason: /a quorum of 4 cannot be reached: there are only 3 votes/ },
      { config: { ...panel, samples: 0 }, reason: /samples is at least 1/ },
      { config: { ...panel, voting: 'judge' }, reason: /needs a `judge`/ },
      { config: { ...panel, tie: 'judge' }, reason: /needs a `judge`/ },
      { config: { ...panel, reliability: { z: 0.5 } }, reason: /no member is called z; there are: a, b, c/ },
      { config: { ...panel, num_models: 2 }, reason: /goes with `capability`/ },
      { config: { ...panel, voting: 'loudest' }, reason: /voting/ },
    ],
  },
  { describe, it },
);

describe('consensus', () => {
  it('gives the answer of the majority, in the words of the member that put it best', async () => {
    const { text, confidence, conflicts, decisions } = await ask(
      {},
      { a: 'Let us see.\nAs there are 6 rows of 7, I arrive at 42 after all of this', b: '43', c: '42' },
      { input: 'How many?' },
    );
    expect(text).toBe('42');
    expect(confidence).toMatchObject({ method: 'agreement', score: expect.closeTo(2 / 3) });
    expect(conflicts).toMatchObject([{ kind: 'disagreement', members: ['a', 'c', 'b'] }]);
    expect(decisions.at(-1)).toMatchObject({ message: 'a, c agree (majority; compared as number); b differs' });
  });

  it('stops the rest once it cannot change the winner', async () => {
    const { text, stopped, confidence, decisions } = await ask({}, { a: '42', b: '42', c: hangs });
    expect([text, stopped]).toEqual(['42', ['c']]);
    expect(confidence?.score).toBeCloseTo(2.5 / 3);
    expect(decisions[0]?.message).toBe('decided without c');
  });

  it('waits for the rest while they can change the winner', async () => {
    const gate = deferred();
    const running = ask({}, { a: '42', b: '43', c: { text: '43', after: gate.promise } });
    gate.resolve();
    expect((await running).text).toBe('43');
  });

  it('goes on without members that fail', async () => {
    const { text, results, confidence } = await ask({}, { a: ill, b: ill, c: '42' });
    expect(text).toBe('42');
    expect(results['a']).toMatchObject({ success: false, error: { code: 'upstream_error' } });
    expect(confidence?.score).toBe(1);
  });

  it('stops members that take too long, by the clock', async () => {
    const clock = new FakeClock();
    const running = ask({ timeout_seconds: 5, voting: 'unanimous', quorum: 2 }, { a: '42', b: '42', c: hangs }, { clock });
    await clock.timerSet();
    await vi.waitUntil(() => clock.pendingTimers === 1);
    clock.advance(5000);
    const { text, results } = await running;
    expect(text).toBe('42');
    expect(results['c']?.error?.code).toBe('member_timeout');
  });

  it('says that it does not know when most members do not', async () => {
    const { text, confidence, conflicts } = await ask({}, { a: "I don't know.", b: '17', c: "I don't know." });
    expect(text).toBe("I don't know.");
    expect(confidence).toMatchObject({ score: 0.3, method: 'agreement', parts: { agreement: expect.closeTo(2 / 3) } });
    expect(conflicts).toEqual([]);
  });

  it('is sure of nothing when all abstain, however sure each is of that', async () => {
    const declines = { text: "I don't know.", confidence: 0.99 };
    const { confidence, decisions } = await ask({}, { a: declines, b: declines, c: declines });
    expect(confidence).toMatchObject({
      score: expect.closeTo(0.3),
      method: 'agreement',
      parts: { agreement: 1, members: expect.closeTo(0.99) },
      adjustments: [{ rule: 'abstained' }],
    });
    expect(decisions.at(-1)).toMatchObject({
      message: 'the panel abstains, in the words of a',
      data: { abstains: true, share: 1, abstain: ['a', 'b', 'c'] },
    });
  });

  it('does not mind a minority that abstains', async () => {
    const { text, decisions } = await ask({}, { a: "I don't know.", b: '17', c: '17' });
    expect(text).toBe('17');
    expect(decisions.at(-1)?.data).toMatchObject({ abstain: ['a'] });
  });

  it('fails with each reason when fewer than the quorum answer', async () => {
    const { error } = await ask({ quorum: 2 }, { a: ill, b: '42', c: ill });
    expect(error).toMatchObject({
      code: 'no_consensus',
      message: expect.stringMatching(/2 answers are needed, \d could be counted; a: ill \(upstream_error\); c: ill/),
      details: { members: [{ member: 'a' }, { member: 'c' }] },
    });
  });

  it('gives up at once when the quorum can no longer be reached', async () => {
    const { error, stopped } = await ask({ quorum: 3 }, { a: ill, b: hangs, c: hangs });
    expect(error?.code).toBe('no_consensus');
    expect(stopped).toEqual(['b', 'c']);
  });

  it('counts answers that cannot be read as the kind asked for as abstentions', async () => {
    const { error } = await ask({ answer: 'number', quorum: 2 }, { a: 'many', b: '', c: '42' });
    expect(error?.message).toMatch(/a: gave no readable answer of kind number \(abstained\); b: gave no answer/);
  });

  describe('weighted', () => {
    const weighted = { voting: 'weighted' };
    it('follows a strong member against weak ones that agree', async () => {
      const { text } = await ask({ ...weighted, reliability: { a: 0.9, b: 0.3, c: 0.3 } }, { a: '42', b: '43', c: '43' });
      expect(text).toBe('42');
    });
    it('takes what was measured of a model before what was set for it', async () => {
      const describe = {
        a: { measuredQuality: { default: 0.9 }, quality: { default: 0.1 } },
        b: { quality: { default: 0.3 } },
        c: { quality: { default: 0.3 } },
      };
      const { text } = await ask(weighted, { a: '42', b: '43', c: '43' }, { describe });
      expect(text).toBe('42');
    });
    it('is a majority of members of whom nothing is known', async () => {
      expect((await ask(weighted, { a: '42', b: '43', c: '43' })).text).toBe('43');
    });
    it('goes by a calibrated confidence in the very answer where there is one', async () => {
      const measured = { measuredQuality: { default: 0.7 } };
      const describe = { a: measured, b: measured, c: measured };
      const sure = (text: string, score: number) => ({
        text,
        confidence: { score, method: 'logprobs', calibrated: true } as const,
      });
      const members = { a: sure('42', 0.98), b: sure('43', 0.2), c: sure('43', 0.2) };
      expect((await ask(weighted, members, { describe })).text).toBe('42');
      expect((await ask({ ...weighted, weigh_by: 'reliability' }, members, { describe })).text).toBe('43');
      expect((await ask({ ...weighted, reliability: { a: 0.7, b: 0.7, c: 0.7 } }, members, { describe })).text).toBe('43');
    });
    it('does not go by a confidence that is not calibrated', async () => {
      const members = {
        a: { text: '42', confidence: 0.99 },
        b: { text: '43', confidence: 0.4 },
        c: { text: '43', confidence: 0.4 },
      };
      expect((await ask(weighted, members)).text).toBe('43');
    });
    it('waits for a member that may turn out to be very sure', async () => {
      const gate = deferred();
      const describe = { c: { measuredQuality: { default: 0.9 } } };
      const late = {
        text: '43',
        confidence: { score: 1, method: 'logprobs', calibrated: true } as const,
        after: gate.promise,
      };
      const running = ask({ ...weighted, reliability: { a: 0.55, b: 0.55 } }, { a: '42', b: '42', c: late }, { describe });
      gate.resolve();
      expect((await running).text).toBe('43');
    });
    it('does not wait for members that cannot outvote the strongest', async () => {
      const reliability = { a: 0.95, b: 0.4, c: 0.4 };
      const { text, stopped } = await ask({ ...weighted, reliability }, { a: '42', b: hangs, c: hangs });
      expect([text, stopped]).toEqual(['42', ['b', 'c']]);
    });
  });

  describe('unanimous', () => {
    const unanimous = { voting: 'unanimous' };
    it('needs all to agree', async () => {
      expect((await ask(unanimous, { a: '42', b: '42', c: '42.0' })).text).toMatch(/^42/);
      const { error, stopped } = await ask(unanimous, { a: '42', b: '43', c: hangs });
      expect(error).toMatchObject({
        code: 'no_consensus',
        message: expect.stringMatching(/do not agree; answers of a, of b differ/),
      });
      expect(stopped).toEqual(['c']);
    });
    it('needs all to answer, unless the quorum is lower', async () => {
      expect((await ask(unanimous, { a: '42', b: '42', c: ill })).error?.code).toBe('no_consensus');
      expect((await ask({ ...unanimous, quorum: 2 }, { a: '42', b: '42', c: ill })).text).toBe('42');
    });
    it('may fall back to the best', async () => {
      expect((await ask({ ...unanimous, tie: 'best', reliability: { b: 0.9 } }, { a: '42', b: '43', c: '44' })).text).toBe('43');
    });
  });

  describe('a tie', () => {
    const two = { members: ['a', 'b'] };
    it.each([
      ['first', '42'],
      ['best', '43'],
    ])('goes to the %s', async (tie, expected) => {
      expect((await ask({ ...two, tie, reliability: { a: 0.4, b: 0.8 } }, { a: '42', b: '43' })).text).toBe(expected);
    });
    it('goes to the more confident where nothing is known of the members', async () => {
      const { text } = await ask(two, { a: { text: '42', confidence: 0.4 }, b: { text: '43', confidence: 0.9 } });
      expect(text).toBe('43');
    });
    it('fails if asked to', async () => {
      const { error } = await ask({ ...two, tie: 'abstain' }, { a: '42', b: '43' });
      expect(error).toMatchObject({ code: 'no_consensus', message: expect.stringMatching(/the vote is a tie/) });
    });
    it('is decided by the judge', async () => {
      const { text, calls } = await ask({ ...two, tie: 'judge', judge: 'j' }, { a: '42', b: '43', j: 'Number 2.' });
      expect([text, calls.length]).toEqual(['43', 3]);
    });
  });

  describe('a judge', () => {
    const judged = { voting: 'judge', judge: 'j' };
    it('is asked in the canonical form, and read leniently', async () => {
      const { text, calls, confidence } = await ask(
        judged,
        { a: '42', b: 'I make it 43.', c: '42', j: { text: 'I get 43. Number 2.', confidence: 0.8 } },
        { input: 'What is 6 * 7?' },
      );
      expect(text).toBe('I make it 43.');
      expect(calls.at(-1)?.input.messages).toEqual([
        {
          role: 'user',
          content: 'Question: What is 6 * 7?\nCandidates:\n1. 42\n2. 43\nWhich candidate is right? Reply with its number.',
        },
      ]);
      expect(confidence).toMatchObject({ score: 0.8, method: 'verifier', parts: { judge: 0.8 } });
    });
    it('is not asked when all agree', async () => {
      const { text, calls } = await ask(judged, { a: '42', b: '42', c: '42', j: ill });
      expect([text, calls.length]).toEqual(['42', 3]);
    });
    it('is done without when it fails or cannot be understood', async () => {
      for (const j of [ill, 'Hard to say.']) {
        const { text, decisions } = await ask({ ...judged, reliability: { b: 0.9 } }, { a: '42', b: '43', c: '42', j });
        expect(text).toBe('43');
        expect(decisions.at(-1)?.message).toContain('the judge could not decide');
      }
    });
    it('may share its name with a member', async () => {
      const named = { ...judged, members: [{ model: 'a', name: 'judge' }, 'b'] };
      expect((await ask(named, { a: '42', b: '43', j: '1' })).text).toBe('42');
    });
  });

  describe('samples', () => {
    const samples = { members: ['a'], samples: 3 };
    it('ask one model several times, with a temperature and different seeds', async () => {
      const { text, calls } = await ask(samples, { a: ['42', '43', '42'] }, { input: { seed: 5 } });
      expect(text).toBe('42');
      expect(calls.map(({ key, input }) => [key, input.temperature, input.seed])).toEqual([
        ['a.1', 0.7, 5],
        ['a.2', 0.7, 6],
        ['a.3', 0.7, 7],
      ]);
    });
    it('keep a member’s own temperature, and take seeds from chance that is the same when run again', async () => {
      const own = { members: [{ model: 'a', temperature: 0.2 }], samples: 2 };
      const seeds = async (): Promise<unknown[]> =>
        (await ask(own, { a: '42' })).calls.map(({ input }) => [input.temperature, input.seed]);
      const first = await seeds();
      expect(first[0]).toEqual([0.2, expect.any(Number)]);
      expect(await seeds()).toEqual(first);
    });
  });

  it('finds members by capability', async () => {
    const config = { strategy: 'consensus', capability: 'reasoning', num_models: 2 };
    const found = await runScripted(consensusStrategy, config, {
      members: { x: '42', y: '42' },
      find: { reasoning: ['x', 'y', 'z'] },
    });
    expect(found.calls.map(({ target }) => target)).toEqual(['x', 'y']);
    const none = await runScripted(consensusStrategy, config, { members: {} });
    expect(none.error?.code).toBe('no_model_for_capability');
  });

  it('asks only the members that the call names', async () => {
    const { calls } = await ask({}, { a: '42', b: '42', c: '42' }, { overrides: { members: ['c', 'b'] } });
    expect(calls.map(({ target }) => target)).toEqual(['c', 'b']);
  });

  it('compares tool calls by what they do, and gives those of the winner', async () => {
    const call = (id: string, city: string) => ({
      id,
      type: 'function' as const,
      function: { name: 'weather', arguments: city },
    });
    const tools = [{ type: 'function' as const, function: { name: 'weather' } }];
    const { toolCalls, finishReason } = await ask(
      {},
      {
        a: { toolCalls: [call('1', '{"city": "Paris", "days": 1}')] },
        b: 'It is sunny.',
        c: { toolCalls: [call('3', '{"days":1,"city":"Paris"}')] },
      },
      { input: { tools } },
    );
    expect(toolCalls).toMatchObject([{ id: '1', function: { name: 'weather' } }]);
    expect(finishReason).toBe('tool_calls');
  });

  it('compares meanings by an embedding model, and by words when that fails', async () => {
    const texts = {
      a: 'He passed away in the spring of that year.',
      b: 'His life came to an end.',
      c: 'The cat sat on the mat today.',
    };
    const alike = async (x: string, y: string): Promise<number> =>
      x.startsWith('The cat') || y.startsWith('The cat') ? 0.1 : 0.95;
    const { decisions } = await ask({}, texts, { settings: { similarity: alike } });
    expect(decisions.at(-1)?.data).toMatchObject({ kind: 'semantic', agree: ['a', 'b'] });
    const broken = await ask({}, texts, { settings: { similarity: () => Promise.reject(ill.error) } });
    expect(broken.decisions[0]?.message).toMatch(/by their words, not by an embedding model: ill/);
    expect(broken.text).not.toBe('');
  });

  it('takes an answer that a filter cut as a refusal, which decides nothing while anybody answers', async () => {
    const filtered = { text: 'I', finishReason: 'content_filter' } as const;
    expect((await ask({}, { a: filtered, b: 'Paris', c: 'Paris' })).text).toBe('Paris');
    const { text, decisions } = await ask({}, { a: filtered, b: 'Paris', c: filtered });
    expect([text, decisions.at(-1)?.data?.abstain]).toEqual(['Paris', ['a', 'c']]);
  });
});
