import { describe, expect, it } from 'vitest';
import type { ChatInput } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';
import { strategyContract } from '../testing/strategy-contract.ts';
import {
  runScripted,
  type MemberAnswer,
  type MemberScript,
  type StrategyOutcome,
  type StrategyRun,
} from '../testing/strategy-runner.ts';
import { workflowStrategy } from './workflow.ts';

const roles = { research: 'r', code: 'c', review: 'v', docs: 'd' };
const config = { strategy: 'workflow', steps: ['research', 'code', 'review', 'docs'], roles };
const ill = { error: new TuttiError('upstream_error', 'ill') };

strategyContract(
  {
    definition: workflowStrategy,
    config,
    members: { r: 'facts', c: 'work', v: 'Approved.', d: 'manual' },
    bad: [
      { config: { ...config, steps: [] }, reason: /at least one step/ },
      {
        config: { ...config, steps: ['research', 'cod'] },
        reason: /there is no role `cod`; did you mean `code`\? \(there are: research, code, review, docs\)/,
      },
      { config: { ...config, steps: ['review', 'code'] }, reason: /nothing to review yet/ },
      { config: { ...config, max_review_rounds: -1 }, reason: /at least 0/ },
      { config: { ...config, next: 'arbiter' }, reason: /needs an `arbiter`/ },
      { config: { ...config, arbiter: 'a' }, reason: /goes with `next: arbiter`/ },
      { config: { ...config, max_turns: 3 }, reason: /goes with `next: arbiter`/ },
      { config: { ...config, roles: { ...roles, 'a b': 'x' } }, reason: /letters, digits/ },
      { config: { ...config, roles: { ...roles, code: { instructions: 'x' } } }, reason: /model/ },
      { config: { ...config, quorum: 2 }, reason: /quorum/ },
    ],
  },
  { describe, it },
);

function run(
  own: Record<string, unknown>,
  members: Readonly<Record<string, MemberScript>> = {},
  options: Omit<StrategyRun, 'members'> = {},
): Promise<StrategyOutcome> {
  const well = { r: 'facts', c: { text: 'work', confidence: 0.8 }, v: 'Approved.', d: 'manual' };
  return runScripted(
    workflowStrategy,
    { ...config, ...own },
    { input: 'Build it.', ...options, members: { ...well, ...members } },
  );
}
const steps = ({ calls }: StrategyOutcome): unknown[] => calls.map(({ options }) => options.step.split('/').at(-1));
const asked = ({ calls }: StrategyOutcome, step: string): unknown =>
  calls.find(({ options }) => options.step.endsWith(`/${step}`))?.input.messages.at(-1)?.content;

describe('a workflow', () => {
  it('lets each role see what those before it gave; its results are by role', async () => {
    const outcome = await run({});
    expect([outcome.text, Object.keys(outcome.results)]).toEqual(['manual', ['research', 'code', 'review', 'docs']]);
    expect(['research', 'code', 'docs'].map((step) => asked(outcome, step))).toEqual([
      'Build it.',
      'Context:\nfacts\n\nQuestion: Build it.',
      'Context:\n[research]\nfacts\n\n[code]\nwork\n\nQuestion: Build it.',
    ]);
    expect(outcome.results.review).toMatchObject({ role: 'review', content: { verdict: 'approved' } });
  });

  it('tells the known roles what they are, and others what the config says', async () => {
    const own = {
      steps: ['research', 'poet', 'clown'],
      roles: { ...roles, poet: { model: 'c', instructions: 'Rhyme.' }, clown: 'd' },
    };
    const { calls } = await run(own);
    expect(calls.map(({ input: { messages } }) => (messages[0]?.role === 'system' ? messages[0].content : null))).toEqual([
      expect.stringContaining('You are the researcher.'),
      'Rhyme.',
      null,
    ]);
  });

  it('may have a role several times', async () => {
    expect(steps(await run({ steps: ['code', 'research', 'code'] }))).toEqual(['code', 'research', 'code#2']);
  });

  it('takes the steps that the call gives', async () => {
    expect(steps(await run({}, {}, { overrides: { workflow: ['docs', 'research'] } }))).toEqual(['docs', 'research']);
    const { error } = await run({}, {}, { overrides: { workflow: ['fly'] } });
    expect(error).toMatchObject({
      code: 'invalid_request',
      param: 'workflow',
      message: expect.stringContaining('no role `fly`'),
    });
    expect((await run({}, {}, { overrides: { workflow: [] } })).error?.code).toBe('invalid_request');
  });

  it('leaves out roles that do not take part', async () => {
    expect(steps(await run({}, {}, { overrides: { members: ['research', 'c'] } }))).toEqual(['research', 'code']);
  });

  it('leaves tools and the form of the answer to the last author', async () => {
    const input: Partial<ChatInput> = { max_tokens: 9, response_format: { type: 'json_object' } };
    const { calls } = await run({}, {}, { input });
    expect(calls.map(({ target, input: { max_tokens } }) => [target, max_tokens])).toEqual([
      ['r', undefined],
      ['c', undefined],
      ['v', undefined],
      ['d', 9],
    ]);
  });
});

describe('a role that fails', () => {
  it('is done without', async () => {
    const outcome = await run({}, { r: ill, c: ' ' });
    expect([outcome.text, steps(outcome)]).toEqual(['manual', ['research', 'code', 'docs']]);
    expect(outcome.decisions.map(({ message }) => message)).toEqual([
      'goes on without research (upstream_error)',
      'goes on without code (upstream_invalid)',
      'review is left out: there is nothing to review',
    ]);
  });

  it('as the last leaves the work before it, unless it has said something', async () => {
    expect((await run({}, { d: ill })).text).toBe('work');
    expect((await run({}, { d: '' })).text).toBe('work');
    const { text, error } = await run({}, { d: { text: 'half', ...ill } });
    expect([text, error?.code]).toEqual(['half', 'upstream_error']);
  });

  it('makes way for the role that failure assistance names, once', async () => {
    const lost = {
      error: new TuttiError('upstream_error', 'lost', { details: { advice: { action: 'change_phase', phase: 'docs' } } }),
    };
    expect(steps(await run({}, { c: lost }))).toEqual(['research', 'code', 'docs', 'review', 'docs#2']);
    expect(steps(await run({}, { c: lost, d: lost }))).toEqual(['research', 'code', 'docs', 'review', 'docs#2']);
  });
});

describe('advice to go back', () => {
  const back = (phase: string | null = null): MemberAnswer => ({
    error: new TuttiError('upstream_error', 'lost', {
      details: { advice: { action: 'rollback', phase, cause: 'there is no plan in it' } },
    }),
  });

  it('has the work before done again, knowing what went wrong', async () => {
    const outcome = await run({}, { r: ['facts', 'a plan'], c: [back(), 'work'] });
    expect([outcome.text, steps(outcome)]).toEqual(['manual', ['research', 'code', 'research#2', 'code#2', 'review', 'docs']]);
    expect(asked(outcome, 'research#2')).toBe(
      'Build it.\n\nDraft answer: facts\nReview: code failed with it: there is no plan in it\nGive the right answer.',
    );
    expect(asked(outcome, 'code#2')).toBe('Context:\na plan\n\nQuestion: Build it.');
    expect(outcome.decisions).toMatchObject([
      {
        message: 'goes back from code to research: there is no plan in it',
        data: { action: 'rollback', from: 'code', to: 'research' },
      },
    ]);
  });

  it('may name an earlier role: all after it is done again', async () => {
    const outcome = await run({}, { d: [back('the research'), 'manual'] });
    expect([outcome.text, steps(outcome)]).toEqual([
      'manual',
      ['research', 'code', 'review', 'docs', 'research#2', 'code#2', 'review#2', 'docs#2'],
    ]);
  });

  it('is followed once, and not where nothing was done yet', async () => {
    expect(steps(await run({ steps: ['research', 'code'] }, { c: back() }))).toEqual([
      'research',
      'code',
      'research#2',
      'code#2',
    ]);
    const outcome = await run({ steps: ['research', 'code'] }, { r: back() });
    expect([outcome.text, steps(outcome)]).toEqual(['work', ['research', 'code']]);
  });

  it('leaves to an arbiter what comes after the work that is done again', async () => {
    const own = { next: 'arbiter', arbiter: 'boss' };
    const outcome = await run(own, { boss: ['research', 'code', 'docs', 'done'], c: back() });
    expect(steps(outcome)).toEqual(['next1', 'research', 'next2', 'code', 'research#2', 'next4', 'docs', 'next5']);
    expect(asked(outcome, 'next4')).toContain('Done so far: research\n');
  });
});

describe('a review', () => {
  it('asks in the form that the embedded models know', async () => {
    expect(asked(await run({ steps: ['code', 'review'] }), 'review')).toBe(
      'Question: Build it.\nAnswer: work\nIs the answer right? Reply yes or no.',
    );
  });

  it('sends rejected work back to its author, with what was said, and looks again', async () => {
    const outcome = await run({ steps: ['code', 'review'] }, { c: ['work', 'better'], v: ['No. It has no tests.', 'Approved.'] });
    expect([outcome.text, steps(outcome)]).toEqual(['better', ['code', 'review', 'code.revision1', 'review.round2']]);
    expect(asked(outcome, 'code.revision1')).toBe(
      'Build it.\n\nDraft answer: work\nReview: No. It has no tests.\nGive the right answer.',
    );
    expect(asked(outcome, 'review.round2')).toContain('Answer: better');
    expect(outcome.results.code?.content).toBe('better');
    expect(outcome.conflicts).toEqual([]);
  });

  it('gives up after so many rounds: the work goes on, and the rejection stands', async () => {
    const outcome = await run({}, { v: 'Rejected.', d: { text: 'manual', confidence: 0.9 } });
    expect(steps(outcome)).toEqual([
      'research',
      'code',
      'review',
      'code.revision1',
      'review.round2',
      'code.revision2',
      'review.round3',
      'docs',
    ]);
    expect(outcome.conflicts).toMatchObject([{ kind: 'verification_rejected', members: ['code', 'review'] }]);
    expect(outcome.confidence?.score).toBe(0.3);
    expect(steps(await run({ max_review_rounds: 0, steps: ['code', 'review'] }, { v: 'No.' }))).toEqual(['code', 'review']);
  });

  it('ends when the author cannot revise, or the reviewer cannot say anything', async () => {
    const stuck = await run({ steps: ['code', 'review'] }, { c: ['work', ill], v: 'No.' });
    expect([stuck.text, stuck.conflicts.length]).toEqual(['work', 1]);
    const silent = await run({ steps: ['code', 'review'] }, { v: ill });
    expect([silent.text, silent.confidence?.score, silent.conflicts]).toEqual(['work', 0.8, []]);
  });

  it('makes work that it approves surer', async () => {
    expect((await run({ steps: ['code', 'review'] })).confidence?.score).toBeCloseTo(0.9);
  });

  it('is any role’s that is said to review', async () => {
    const own = { steps: ['code', 'critic'], roles: { code: 'c', critic: { model: 'v', reviews: true } } };
    expect((await run(own)).results.critic?.content).toMatchObject({ verdict: 'approved' });
    const work = { steps: ['review'], roles: { review: { model: 'c', reviews: false } } };
    expect((await run(work)).text).toBe('work');
  });
});

describe('an arbiter', () => {
  const own = { next: 'arbiter', arbiter: 'boss' };

  it('chooses the next role until the work is done', async () => {
    const outcome = await run(own, { boss: ['2', 'Number 3.', 'I choose docs', 'done'] });
    expect([outcome.text, steps(outcome)]).toEqual(['manual', ['next1', 'code', 'next2', 'review', 'next3', 'docs', 'next4']]);
    expect(asked(outcome, 'next2')).toMatch(
      /^Context:\nwork\n\nQuestion: Build it\.\n\nDone so far: code\nRoles:\n1\. research: .*\n2\. code: .*\n3\. review: .*\n4\. docs: .*\n5\. done: the work is finished\nWhich role is next\? Reply with its number\.$/,
    );
    expect(asked(outcome, 'next1')).not.toContain('done:');
  });

  it('that fails or names no role is passed over: the order of the steps decides', async () => {
    for (const boss of [ill, 'Hm.']) {
      expect(steps(await run(own, { boss })).filter((step) => !String(step).startsWith('next'))).toEqual([
        'research',
        'code',
        'review',
        'docs',
      ]);
    }
  });

  it('has so many turns to give', async () => {
    const outcome = await run({ ...own, max_turns: 2 }, { boss: 'research' });
    expect([outcome.text, steps(outcome)]).toEqual(['facts', ['next1', 'research', 'next2', 'research#2']]);
    expect(outcome.decisions.at(-1)?.message).toBe('2 turns are over');
    expect(steps(await run(own, { boss: 'research' }))).toHaveLength(16);
  });

  it('may stop at the tools that an author calls', async () => {
    const call = { id: 'c1', type: 'function', function: { name: 'add', arguments: '{}' } } as const;
    const tools = [{ type: 'function' as const, function: { name: 'add' } }];
    const outcome = await run(own, { boss: 'code', c: { toolCalls: [call] } }, { input: { tools } });
    expect([outcome.toolCalls, outcome.calls.length]).toEqual([[call], 2]);
  });
});
