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
import { mapped, problemWith } from './pipeline/expectation.ts';
import { checkTemplate, fillTemplate } from './pipeline/template.ts';
import { pipelineStrategy } from './pipeline.ts';

const config = { strategy: 'pipeline', stages: ['first', { model: 'second' }, { model: 'third', name: 'last' }] };
const ill = { error: new TuttiError('upstream_error', 'ill') };
const refused = { error: new TuttiError('upstream_rejected', 'no', { retryable: false }) };
const stages = (...list: unknown[]): { strategy: string; stages: unknown[] } => ({ strategy: 'pipeline', stages: list });

strategyContract(
  {
    definition: pipelineStrategy,
    config,
    members: { first: 'one', second: 'two', third: 'three' },
    bad: [
      { config: stages(), reason: /at least one stage/ },
      { config: stages({ instructions: 'Do it.' }), reason: /a `model` or a `capability`/ },
      {
        config: stages({ model: 'a', prompt: '{stages.b}' }),
        reason: /nothing is called \{stages\.b\} here; there are \{input\}, \{question\}/,
      },
      { config: stages({ model: 'a', name: 'x' }, { model: 'b', name: 'x' }), reason: /two stages are called x/ },
      { config: stages({ model: 'a', name: 'x y' }), reason: /letters, digits, dashes and underscores/ },
      { config: stages({ capability: 'embedding' }, 'b'), reason: /only the last stage can/ },
      { config: stages({ capability: 'speech_to_text' }), reason: /does not take text/ },
      { config: stages({ model: 'a', expect: { pattern: '(' } }), reason: /no regular expression/ },
      { config: stages({ model: 'a', expect: { json: { type: 'nonsense' } } }), reason: /no JSON Schema/ },
      { config: stages({ model: 'a', retries: 0 }), reason: /at least 1/ },
      { config: stages({ model: 'a', on_fail: 'skip' }), reason: /retry/ },
      { config: { ...config, quorum: 2 }, reason: /quorum/ },
    ],
  },
  { describe, it },
);

function run(
  own: unknown,
  members: Readonly<Record<string, MemberScript>>,
  options: Omit<StrategyRun, 'members'> = {},
): Promise<StrategyOutcome> {
  return runScripted(pipelineStrategy, own, { input: 'Go.', ...options, members });
}
const prompts = ({ calls }: StrategyOutcome): unknown[] => calls.map(({ input }) => input.messages.at(-1)?.content);
const steps = ({ calls }: StrategyOutcome): unknown[] => calls.map(({ options }) => options.step.split('/').at(-1));

describe('a pipeline', () => {
  it('gives each stage the output of the one before', async () => {
    const outcome = await run(config, { first: ' one\n', second: '<think>hm</think>two', third: 'three' });
    expect([outcome.text, prompts(outcome), steps(outcome)]).toEqual([
      'three',
      ['Go.', 'one', 'two'],
      ['first', 'second', 'last'],
    ]);
    expect(outcome.results.last).toMatchObject({ role: 'last', model: 'third', content: 'three' });
  });

  it('asks what its prompts say, with earlier outputs in their places', async () => {
    const own = stages(
      { model: 'facts', name: 'facts', expect: { json: true } },
      { model: 'writer', name: 'text', prompt: 'Write about {stages.facts.city.name}: {input}' },
      { model: 'critic', prompt: '{question} {stages.text} {stages.facts.none}{{input}}' },
    );
    const outcome = await run(own, { facts: 'Here: {"city": {"name": "Rome"}}', writer: 'A {input} text', critic: 'Fine.' });
    expect(prompts(outcome)).toEqual(['Go.', 'Write about Rome: {"city":{"name":"Rome"}}', 'Go. A {input} text {input}']);
  });

  it('calls the best model for a capability, or this model for it', async () => {
    const own = stages('translation', { capability: 'summarization', model: 'small' });
    const outcome = await run(own, { translation: 'Hello', small: 'Hi' });
    expect(outcome.calls.map(({ target }) => target)).toEqual(['translation', 'small']);
    expect(outcome.calls[1]?.input.messages).toEqual([
      { role: 'system', content: 'Summarize the text.' },
      { role: 'user', content: 'Hello' },
    ]);
  });

  it('gives a capability that is no conversation the text alone', async () => {
    const { calls } = await run(stages('a', 'embedding'), { a: 'x', embedding: 'y' });
    expect(calls[1]?.input).toEqual({ input: 'x' });
  });

  it('numbers stages of the same name', async () => {
    expect(steps(await run(stages('a', 'a'), { a: 'x' }))).toEqual(['a', 'a#2']);
  });

  it('leaves tools, the form and length of the answer, and the system message to the last stage', async () => {
    const system = { role: 'system', content: 'In French.' } as const;
    const input: Partial<ChatInput> = { messages: [system, { role: 'user', content: 'Go.' }], max_tokens: 9, seed: 1 };
    const { calls } = await run(stages('a', 'b', 'c'), { a: 'x', b: 'y', c: 'z' }, { input });
    expect(calls.map(({ input: { messages, max_tokens, seed } }) => [messages[0]?.role, max_tokens, seed])).toEqual([
      ['system', undefined, 1],
      ['user', undefined, 1],
      ['system', 9, 1],
    ]);
  });

  it('is as sure as its least sure stage', async () => {
    const score = async (one: number, two: number | null): Promise<number | undefined> =>
      (await run(stages('a', 'b'), { a: { text: 'x', confidence: one }, b: { text: 'y', confidence: two } })).confidence?.score;
    expect([await score(0.4, 0.9), await score(0.9, 0.4), await score(0.9, null)]).toEqual([0.4, 0.4, 0.9]);
  });

  it('does only the stages that the call names', async () => {
    const outcome = await run(config, { first: 'one', third: 'three' }, { overrides: { members: ['last', 'first'] } });
    expect([prompts(outcome), outcome.text]).toEqual([['Go.', 'one'], 'three']);
  });
});

describe('a stage', () => {
  const own = stages({ model: 'a', expect: { json: { type: 'object', required: ['n'] } } }, 'b');

  it('is tried again when its output is not as expected, and told why', async () => {
    const outcome = await run(own, { a: ['{}', '{"n": 1}'], b: 'done' });
    expect([outcome.text, steps(outcome)]).toEqual(['done', ['a', 'a.retry1', 'b']]);
    expect(prompts(outcome)[1]).toMatch(
      /^Go\.\n\nYour last answer was not accepted: its JSON does not fit the schema: .*n.*\. Answer again\.$/,
    );
    expect(outcome.decisions[0]?.message).toContain('a was not accepted');
  });

  it('is held to the form that is expected', async () => {
    const { calls } = await run(own, { a: '{"n": 1}', b: 'done' });
    expect(calls[0]?.input.response_format).toMatchObject({ type: 'json_schema', json_schema: { schema: { required: ['n'] } } });
    expect(calls[1]?.input.response_format).toBeUndefined();
  });

  it('is tried again when its call fails in a way that may pass', async () => {
    expect((await run(stages('a', 'b'), { a: [ill, 'x'], b: 'y' })).text).toBe('y');
    const { error, calls } = await run(stages('a', 'b'), { a: refused, b: 'y' });
    expect([error?.message, calls.length]).toEqual(['The stage a failed: a: no (upstream_rejected)', 1]);
  });

  it('is tried as often as it is told to', async () => {
    const bad = { a: 'nothing', b: 'y' };
    const least = { min_length: 20 };
    expect((await run(stages({ model: 'a', expect: least, retries: 3 }, 'b'), bad)).calls).toHaveLength(4);
    const { error, calls } = await run(stages({ model: 'a', expect: least, on_fail: 'fail' }, 'b'), bad);
    expect([error?.code, calls.length]).toEqual(['all_members_failed', 1]);
    expect(error?.message).toContain('it has 7 characters, at least 20 are needed');
  });

  it('that is the last streams unless it is checked', async () => {
    const half = { text: 'half', ...ill };
    const streamed = await run(stages('a'), { a: half });
    expect([streamed.text, streamed.error?.code]).toEqual(['half', 'upstream_error']);
    const checked = await run(stages({ model: 'a', expect: { pattern: '^w' } }), { a: [half, 'whole'] });
    expect([checked.text, checked.error]).toEqual(['whole', null]);
  });

  it('that is the last is tried again while it has said nothing', async () => {
    expect((await run(stages('a'), { a: ['', ill, 'x'] })).error?.message).toContain('it was empty');
    expect((await run(stages({ model: 'a', retries: 2 }), { a: ['', ill, 'x'] })).text).toBe('x');
    expect((await run(stages({ model: 'a', expect: { not_empty: false } }), { a: '' })).error).toBe(null);
  });
});

describe('a pipeline that failed', () => {
  it('goes on at the failed stage when it is resumed', async () => {
    const first = await run(config, { first: 'one', second: ill, third: 'three' });
    expect(first.error?.message).toContain('The stage second failed');
    const again = await run(config, { first: 'changed', second: 'two', third: 'three' }, { journal: first.journal });
    expect([again.text, prompts(again)]).toEqual(['three', ['one', 'two']]);
  });

  it('asks a stage anew whose output was not accepted', async () => {
    const own = stages('a', { model: 'b', expect: { pattern: 'ok' } });
    const first = await run(own, { a: 'x', b: 'bad' });
    expect(first.calls).toHaveLength(3);
    const again = await run(own, { a: 'x', b: 'ok' }, { journal: first.journal });
    expect([again.text, steps(again)]).toEqual(['ok', ['b']]);
  });
});

describe('advice on a failure in a pipeline', () => {
  const advised = (action: string, phase: string | null = null): MemberAnswer => ({
    error: new TuttiError('upstream_rejected', 'no', { details: { advice: { action, phase, cause: 'it names no city' } } }),
  });

  it('to go back has the stage before done again, and told what went wrong', async () => {
    const outcome = await run(config, { first: 'one', second: ['vague', 'two'], third: [advised('rollback'), 'three'] });
    expect([outcome.text, steps(outcome)]).toEqual(['three', ['first', 'second', 'last', 'second.anew1', 'last.anew1']]);
    expect(prompts(outcome).slice(3)).toEqual([
      'one\n\nYour last answer was not accepted: the stage last failed with it: it names no city. Answer again.',
      'two',
    ]);
    expect(outcome.decisions).toMatchObject([
      {
        message: 'goes back from last to second: the stage last failed with it: it names no city',
        data: { action: 'rollback', from: 'last', to: 'second' },
      },
    ]);
    expect([outcome.results.second?.content, outcome.results.last?.success]).toEqual(['two', true]);
  });

  it('may name any earlier stage, in words of its own', async () => {
    for (const advice of [advised('rollback', 'Return to the stage first.'), advised('change_phase', 'first')]) {
      const outcome = await run(config, { first: ['one', 'uno'], second: ['two', 'due'], third: [advice, 'three'] });
      expect(steps(outcome).slice(3)).toEqual(['first.anew1', 'second.anew1', 'last.anew1']);
      expect(prompts(outcome).slice(4)).toEqual(['uno', 'due']);
    }
  });

  it('is followed by all tries of a stage', async () => {
    const own = stages('a', { model: 'b', expect: { pattern: 'ok' } }, 'c');
    const outcome = await run(own, { a: 'x', b: ['bad', 'ok', 'bad', 'ok'], c: [advised('rollback', 'a'), 'z'] });
    expect([outcome.text, steps(outcome)]).toEqual([
      'z',
      ['a', 'b', 'b.retry1', 'c', 'a.anew1', 'b.anew1', 'b.retry1.anew1', 'c.anew1'],
    ]);
  });

  it('is followed twice and no more', async () => {
    const outcome = await run(config, { first: 'one', second: 'two', third: advised('rollback') });
    expect(steps(outcome).slice(2)).toEqual(['last', 'second.anew1', 'last.anew1', 'second.anew2', 'last.anew2']);
    expect(outcome.error?.message).toBe('The stage last failed: last: no (upstream_rejected)');
  });

  it('has no meaning where there is no earlier stage', async () => {
    for (const advice of [advised('rollback'), advised('rollback', 'last'), advised('change_phase', 'last')]) {
      const { error, calls } = await run(config, { first: advice, second: 'two', third: 'three' });
      expect([error?.code, calls.length]).toEqual(['all_members_failed', 1]);
    }
  });

  it('holds when the run is paused afterwards: the output that was rejected does not come back', async () => {
    const asks = { error: new TuttiError('awaiting_input', 'Which?', { details: { step: 'x' } }) };
    const first = await run(config, { first: 'one', second: ['vague', 'two'], third: [advised('rollback'), asks] });
    expect(first.error?.code).toBe('awaiting_input');
    const again = await run(config, { first: '-', second: '-', third: 'three' }, { journal: first.journal });
    expect([again.text, prompts(again), steps(again)]).toEqual(['three', ['two'], ['last.anew1']]);
  });
});

describe('what is expected of an output', () => {
  const problem = (text: string, expected: object): string | null =>
    problemWith({ text, toolCalls: [] }, { not_empty: true, ...expected });

  it('is told in words', () => {
    expect(problem(' ', {})).toBe('it was empty');
    expect(problem('', { not_empty: false })).toBe(null);
    expect(problem('', { not_empty: false, json: true })).toBe('it was empty');
    expect(problem('abc', { max_length: 2 })).toBe('it has 3 characters, at most 2 are allowed');
    expect(problem('abc', { json: true })).toBe('it holds no JSON');
    expect(problem('abc', { pattern: '^b' })).toBe('it does not match the pattern ^b');
    expect(problem('abc', { pattern: '^a', min_length: 3 })).toBe(null);
    expect(problem('```json\n[1]\n```', { json: { type: 'array' } })).toBe(null);
  });

  it('cannot keep the process busy', () => {
    expect(problem(`${'a'.repeat(64)}b`, { pattern: '^(a+)+$' })).toContain('took too long');
  });

  it('is what goes on: JSON alone, or other outputs as JSON', () => {
    expect(mapped({ text: 'Sure: {"n": 1}.' }, { json: true, not_empty: true })).toBe('{"n":1}');
    expect(mapped({ text: '', artifact: { kind: 'x', value: [1] } }, { not_empty: true })).toBe('[1]');
  });
});

describe('the prompts of a pipeline', () => {
  it('say which placeholders there are', () => {
    expect(checkTemplate('{input} {question} {stages.a} {stages.a.b} {{x}} {"json": 1} { x }', ['a'])).toEqual([]);
    expect(checkTemplate('{inptu} {stages.later}', ['a'])).toHaveLength(2);
  });

  it('read fields of outputs that are JSON', () => {
    const values = { input: 'in', question: 'q', stages: new Map([['a', '{"list": [{"n": 1}], "s": "t"}']]) };
    expect(fillTemplate('{stages.a.list.0.n} {stages.a.s} {stages.a.list} [{stages.a.x.y}]', values)).toBe('1 t [{"n":1}] []');
  });
});
