import { describe, expect, it } from 'vitest';
import type { Confidence } from '../contracts/confidence.ts';
import { TuttiError } from '../errors/error.ts';
import { strategyContract } from '../testing/strategy-contract.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import {
  runScripted,
  type MemberAnswer,
  type MemberScript,
  type StrategyOutcome,
  type StrategyRun,
} from '../testing/strategy-runner.ts';
import { readScore } from './handoff/certainty.ts';
import { handoffStrategy } from './handoff.ts';

const config = { strategy: 'handoff', members: ['small', 'middle', 'large'] };
const ill = { error: new TuttiError('upstream_error', 'ill') };

strategyContract(
  {
    definition: handoffStrategy,
    config,
    members: { small: { text: '41', confidence: 0.4 }, middle: { text: '42', confidence: 0.6 }, large: '42' },
    bad: [
      { config: { strategy: 'handoff', members: [] }, reason: /at least one member/ },
      { config: { ...config, confidence_threshold: 1.2 }, reason: /between 0 and 1/ },
      { config: { ...config, confidence_threshold: [0.5, -0.1] }, reason: /between 0 and 1/ },
      { config: { ...config, confidence_threshold: 'high' }, reason: /between 0 and 1/ },
      { config: { ...config, confidence_threshold: [0.5] }, reason: /one threshold for each of the 3 members/ },
      { config: { ...config, confidence: 'verifier' }, reason: /needs a `verifier`/ },
      { config: { ...config, verifier: 'judge' }, reason: /goes with `confidence: verifier`/ },
      { config: { ...config, agreement: true, confidence: 'logprobs' }, reason: /different things/ },
      { config: { ...config, members: ['small'], agreement: true }, reason: /at least two members/ },
      { config: { ...config, num_models: 3 }, reason: /goes with `capability`/ },
      { config: { ...config, capability: 'reasoning', num_models: 2 }, reason: /3 members are named already/ },
      { config: { ...config, quorum: 2 }, reason: /quorum/ },
    ],
  },
  { describe, it },
);

const by = (score: number, method: Confidence['method']): Confidence => ({ score, method, calibrated: false });

function ask(
  own: Record<string, unknown>,
  members: Readonly<Record<string, MemberScript>>,
  run: Omit<StrategyRun, 'members'> = {},
): Promise<StrategyOutcome> {
  return runScripted(handoffStrategy, { ...config, ...own }, { input: '40 + 2?', ...run, members });
}
const targets = ({ calls }: StrategyOutcome): string[] => calls.map(({ target }) => target);

describe('handoff', () => {
  it('gives the first answer that is sure enough, and asks nobody else', async () => {
    const outcome = await ask({}, { small: { text: '42', confidence: 0.7 } });
    expect([outcome.text, targets(outcome), outcome.confidence?.score]).toEqual(['42', ['small'], 0.7]);
    expect(outcome.decisions[0]?.message).toBe('small is sure enough: 0.70 (logprobs), 0.7 is asked for');
  });

  it('counts a member that is asked because another failed or said nothing, not one because another was unsure', async () => {
    const ill = { error: new TuttiError('upstream_error', 'ill') };
    const unsure = { text: '41', confidence: 0.1 };
    const fallbacks = async (small: MemberScript, middle: MemberScript): Promise<unknown> =>
      (await ask({}, { small, middle, large: '42' })).fallbacks.map(({ from, to }) => `${from} > ${to}`);
    expect(await fallbacks(ill, unsure)).toEqual(['small > middle']);
    expect(await fallbacks(unsure, '')).toEqual(['middle > large']);
    expect(await fallbacks(ill, ill)).toEqual(['small > middle', 'middle > large']);
    expect(await fallbacks(unsure, unsure)).toEqual([]);
  });

  it('hands over to the member that failure assistance names, and nobody is asked again', async () => {
    const advised = (action: string, phase: string | null): MemberAnswer => ({
      error: new TuttiError('upstream_error', 'ill', { details: { advice: { action, phase, cause: 'it is too hard' } } }),
    });
    const unsure = { text: '41', confidence: 0.1 };
    const outcome = await ask({}, { small: advised('change_phase', 'large'), middle: '42', large: unsure });
    expect(targets(outcome)).toEqual(['small', 'large', 'middle']);
    expect(outcome.decisions[0]?.message).toBe('goes on with large: it is too hard');
    const back = await ask({}, { small: unsure, middle: advised('rollback', 'small'), large: '42' });
    expect([back.text, targets(back)]).toEqual(['42', ['small', 'middle', 'large']]);
  });

  it('hands over strictly below the threshold', async () => {
    const outcome = await ask({}, { small: { text: '41', confidence: 0.6999 }, middle: { text: '42', confidence: 0.8 } });
    expect([outcome.text, targets(outcome)]).toEqual(['42', ['small', 'middle']]);
  });

  it('takes an unknown confidence for one below every threshold', async () => {
    const outcome = await ask({ confidence_threshold: 0 }, { small: '41', middle: { text: '42', confidence: 0 } });
    expect([outcome.text, targets(outcome)]).toEqual(['42', ['small', 'middle']]);
  });

  it('has a threshold for each member, also when the call names them in another order', async () => {
    const thresholds = { confidence_threshold: [0.9, 0.5] };
    const members = { small: { text: 'a', confidence: 0.6 }, middle: { text: 'b', confidence: 0.6 }, large: 'c' };
    expect((await ask(thresholds, members)).text).toBe('b');
    expect((await ask(thresholds, members, { overrides: { members: ['small', 'large'] } })).text).toBe('c');
    expect((await ask(thresholds, members, { overrides: { members: ['middle', 'small'] } })).text).toBe('b');
  });

  it('gives the last member’s answer however sure it is', async () => {
    const outcome = await ask({}, { small: { text: 'a', confidence: 0.6 }, middle: 'b', large: { text: 'c', confidence: 0.1 } });
    expect([outcome.text, outcome.confidence?.score]).toEqual(['c', 0.1]);
  });

  it('gives the surest answer of all when it is told to', async () => {
    const members = { small: { text: 'a', confidence: 0.6 }, middle: 'b', large: { text: 'c', confidence: 0.1 } };
    expect((await ask({ prefer: 'surest' }, members)).text).toBe('a');
  });

  it('gives the surest answer so far when the last member fails or says nothing', async () => {
    const members = { small: { text: 'a', confidence: 0.6 }, middle: { text: 'b', confidence: 0.2 } };
    expect((await ask({}, { ...members, large: ill })).text).toBe('a');
    expect((await ask({}, { ...members, large: '' })).text).toBe('a');
    expect((await ask({}, { ...members, large: ' \n' })).text).toBe('a');
  });

  it('fails with every reason when nobody says anything, and asks all again when it is resumed', async () => {
    const { error, text, journal } = await ask({}, { small: '', middle: ill, large: ' ' });
    expect([error?.code, text]).toEqual(['all_members_failed', '']);
    expect(error?.details.members).toMatchObject([
      { member: 'middle', code: 'upstream_error' },
      { member: 'small', code: 'upstream_invalid', message: 'the answer was empty' },
      { member: 'large', code: 'upstream_invalid' },
    ]);
    expect((await ask({}, { small: { text: '42', confidence: 1 } }, { journal })).text).toBe('42');
    expect((await ask({ members: ['small'] }, { small: '' })).error?.code).toBe('all_members_failed');
  });

  it('streams the last member’s answer, so that its failure after content is the run’s', async () => {
    const { text, error } = await ask({}, { small: 'a', middle: 'b', large: { text: 'half', ...ill } });
    expect([text, error?.code]).toEqual(['half', 'upstream_error']);
  });

  it('goes on without members that fail, say nothing or are filtered', async () => {
    const filtered = { text: 'I may not', finishReason: 'content_filter', confidence: 1 } as const;
    expect(targets(await ask({}, { small: ill, middle: filtered, large: 'c' }))).toEqual(['small', 'middle', 'large']);
    expect((await ask({}, { small: { text: ' ', confidence: 1 }, middle: ill, large: 'c' })).text).toBe('c');
  });

  it('stops a member whose time is over, and goes on', async () => {
    const clock = new FakeClock();
    const running = ask({ timeout_seconds: 5 }, { small: { hangs: true }, middle: { text: 'b', confidence: 1 } }, { clock });
    await clock.timerSet();
    clock.advance(5000);
    const { text, results } = await running;
    expect([text, results.small?.error?.code]).toEqual(['b', 'member_timeout']);
  });
});

describe('the draft of a handoff', () => {
  const drafts = { small: { text: '41', confidence: 0.1 }, middle: { text: '42', confidence: 1 } };
  const asked = ({ calls }: StrategyOutcome): unknown => calls[1]?.input.messages.at(-1)?.content;

  it('goes to the next member in the form that the embedded models know', async () => {
    expect(asked(await ask({}, drafts))).toBe('40 + 2?\n\nDraft answer: 41\nGive the right answer.');
  });

  it('stays behind when it is told to, and when there is none', async () => {
    expect(asked(await ask({ carry_draft: false }, drafts))).toBe('40 + 2?');
    expect(asked(await ask({}, { ...drafts, small: ill }))).toBe('40 + 2?');
  });

  it('leaves the rest of the conversation, the settings and the tools as they are', async () => {
    const tools = [{ type: 'function', function: { name: 'add' } }] as const;
    const system = { role: 'system', content: 'Be brief.' } as const;
    const { calls } = await ask({}, drafts, {
      input: { messages: [system, { role: 'user', content: '40 + 2?' }], tools: [...tools], max_tokens: 9 },
    });
    expect(calls[1]?.input).toMatchObject({ messages: [system, {}], tools, max_tokens: 9 });
  });
});

describe('the confidence of a handoff', () => {
  it('may be token probabilities alone', async () => {
    const members = { small: { text: 'a', confidence: by(0.9, 'declared') }, middle: { text: 'b', confidence: 0.9 } };
    expect((await ask({ confidence: 'auto' }, members)).text).toBe('a');
    expect((await ask({ confidence: 'logprobs' }, members)).text).toBe('b');
  });

  it('may be the member’s own word, asked for after its answer', async () => {
    const outcome = await ask(
      { confidence: 'self_report' },
      { small: ['41', 'I am 35% sure.'], middle: ['42', '90'], large: 'never' },
    );
    expect([outcome.text, outcome.confidence]).toEqual(['42', by(0.9, 'self_report')]);
    expect(outcome.calls.map(({ key }) => key)).toEqual(['small', 'confidence', 'middle', 'confidence']);
    expect(outcome.calls[1]?.input.messages.slice(0, 2)).toEqual([
      { role: 'user', content: '40 + 2?' },
      { role: 'assistant', content: '41' },
    ]);
  });

  it('may be a verifier’s verdict, which is shown as a result', async () => {
    const verifier = ['I get 42. No.', { text: 'I get 42. Yes.', confidence: 0.95 }];
    const outcome = await ask({ confidence: 'verifier', verifier: 'judge' }, { small: '41', middle: '42', judge: verifier });
    expect([outcome.text, outcome.confidence]).toEqual(['42', by(0.95, 'verifier')]);
    expect(outcome.calls[1]?.input.messages).toEqual([
      { role: 'user', content: 'Question: 40 + 2?\nAnswer: 41\nIs the answer right? Reply yes or no.' },
    ]);
    expect(outcome.results['small.verification']).toMatchObject({
      role: 'verification',
      content: { verdict: 'rejected', correction: '42' },
    });
  });

  it('is unknown when the verifier fails', async () => {
    const outcome = await ask({ confidence: 'verifier', verifier: 'judge' }, { small: '1', middle: '2', large: '3', judge: ill });
    expect(outcome.text).toBe('3');
  });

  it('reads a number however it is written', () => {
    expect(['85', '85 %', '0.85', 'I am 85% sure.', '100', '1', '0', '1.0'].map(readScore)).toEqual([
      0.85, 0.85, 0.85, 0.85, 1, 0.01, 0, 1,
    ]);
    expect(['very', '', '850'].map(readScore)).toEqual([null, null, null]);
  });
});

describe('a handoff by agreement', () => {
  const pair = { agreement: true };

  it('gives what the first two both say, without asking the next', async () => {
    const outcome = await ask(pair, { small: { text: '42', confidence: 0.5 }, middle: { text: 'It is 42.', confidence: 0.5 } });
    expect([outcome.text, outcome.confidence?.method]).toEqual(['42', 'agreement']);
    expect(outcome.decisions.at(-1)?.message).toBe('small, middle agree');
  });

  it('asks the next when they differ, whatever their confidence', async () => {
    const outcome = await ask(pair, { small: { text: '41', confidence: 1 }, middle: { text: '42', confidence: 1 }, large: '43' });
    expect([outcome.text, targets(outcome)]).toEqual(['43', ['small', 'middle', 'large']]);
    expect(outcome.calls[2]?.input.messages.at(-1)?.content).toContain('Draft answer: 42');
  });

  it('makes the last answer surer when an earlier one said the same', async () => {
    const members = { small: '41', middle: '42', large: { text: '42', confidence: 0.8 } };
    const { confidence } = await ask(pair, members);
    expect(confidence?.score).toBeCloseTo(1 - 0.2 * (1 - 0.5 * (1 / 3)));
    expect((await ask(pair, { ...members, large: { text: '43', confidence: 0.8 } })).confidence?.score).toBe(0.8);
  });

  it('asks the next when one of the two fails, and when both decline', async () => {
    expect((await ask({ confidence: 'agreement' }, { small: ill, middle: '42', large: '43' })).text).toBe('43');
    expect((await ask(pair, { small: "I don't know.", middle: "I don't know.", large: '43' })).text).toBe('43');
  });

  it('accepts a later member that agrees with an earlier one', async () => {
    const members = ['small', 'middle', 'large', 'larger'];
    const outcome = await ask({ ...pair, members }, { small: '41', middle: '42', large: '41', larger: 'never' });
    expect([outcome.text, targets(outcome)]).toEqual(['41', ['small', 'middle', 'large']]);
  });

  it('gives the surest when nobody comes after two that differ', async () => {
    const members = { small: { text: '41', confidence: 0.8 }, middle: { text: '42', confidence: 0.6 } };
    expect((await ask({ ...pair, members: ['small', 'middle'] }, members)).text).toBe('41');
  });

  it('compares prose by the embedding model when there is one', async () => {
    const members = {
      small: 'The ship sank because it hit an iceberg in the cold northern ocean that night.',
      middle: 'An ice mountain ripped the hull open, so the vessel went down to the bottom of the sea.',
      large: 'Nobody can tell any more.',
    };
    const settings = { similarity: async () => 0.9 };
    expect(targets(await ask(pair, members, { settings }))).toEqual(['small', 'middle']);
    expect((await ask(pair, members)).text).toBe(members.large);
  });
});

describe('a handoff by capability', () => {
  const own = { members: ['small'], capability: 'reasoning' };
  const find = { reasoning: ['best', 'small', 'good', 'fair'] };

  it('asks the best models for it after the members, so that three take part', async () => {
    const outcome = await ask(own, { small: 'a', best: 'b', good: 'c', fair: 'd' }, { find });
    expect([outcome.text, targets(outcome)]).toEqual(['c', ['small', 'best', 'good']]);
  });

  it('asks as many as it is told to', async () => {
    expect(targets(await ask({ ...own, num_models: 2 }, { small: 'a', best: 'b' }, { find }))).toEqual(['small', 'best']);
  });

  it('asks only whom the call names', async () => {
    expect((await ask(own, { small: 'a' }, { find, overrides: { members: ['small'] } })).text).toBe('a');
    expect((await ask(own, {}, { find, overrides: { members: ['reasoning'] } })).error?.code).toBe('unknown_member');
  });
});
