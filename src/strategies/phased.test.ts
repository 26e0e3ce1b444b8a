import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatInput } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { strategyContract } from '../testing/strategy-contract.ts';
import {
  runScripted,
  type MemberAnswer,
  type MemberScript,
  type StrategyOutcome,
  type StrategyRun,
} from '../testing/strategy-runner.ts';
import { reportsError, unavailableTools } from './phased/findings.ts';
import { phasedStrategy } from './phased.ts';

const config = {
  strategy: 'phased',
  context: ['vision', 'web_search', 'notes'],
  reasoning: ['thinker', 'spare'],
  verification: 'checker',
};
const ill = { error: new TuttiError('upstream_error', 'ill') };
const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } } as const;
const withImage: Partial<ChatInput> = { messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, image] }] };

strategyContract(
  {
    definition: phasedStrategy,
    config,
    members: { notes: 'It is late.', thinker: '42', spare: '41', checker: 'I get 42. Yes.' },
    bad: [
      { config: { strategy: 'phased' }, reason: /reasoning/ },
      { config: { strategy: 'phased', reasoning: [] }, reason: /at least one model/ },
      { config: { ...config, timeouts: { reasoning: 0 } }, reason: /more than 0 seconds/ },
      { config: { ...config, timeouts: { thinking: 5 } }, reason: /thinking/ },
      { config: { ...config, context: [{ name: 'x' }] }, reason: /a `model` or a `capability`/ },
      { config: { ...config, on_reject: 'panic' }, reason: /keep/ },
      { config: { ...config, verification_prompt: 'Right?' }, reason: /needs \{question\} and \{answer\}/ },
      { config: { ...config, next: 'arbiter' }, reason: /`next: arbiter` needs an `arbiter`/ },
      { config: { ...config, arbiter: 'boss' }, reason: /an `arbiter` goes with `next: arbiter`/ },
      { config: { ...config, max_turns: 3 }, reason: /`max_turns` goes with `next: arbiter`/ },
      { config: { ...config, next: 'arbiter', arbiter: 'boss', max_turns: 0 }, reason: /at least 1/ },
      { config: { ...config, next: 'steps' }, reason: /phases/ },
      { config: { ...config, quorum: 2 }, reason: /quorum/ },
    ],
  },
  { describe, it },
);

/** With members that all answer well; those given in place of them. */
function ask(
  own: Record<string, unknown>,
  members: Readonly<Record<string, MemberScript>> = {},
  run: Omit<StrategyRun, 'members'> = {},
): Promise<StrategyOutcome> {
  const well = {
    vision: 'A red car.',
    web_search: 'Cars have four wheels.',
    notes: 'It is late.',
    thinker: { text: '42', confidence: 0.8 },
    spare: '41',
    checker: 'Yes.',
  };
  return runScripted(phasedStrategy, { ...config, ...own }, { input: '40 + 2?', ...run, members: { ...well, ...members } });
}
const targets = ({ calls }: StrategyOutcome): string[] => calls.map(({ target }) => target);
const lastMessage = (outcome: StrategyOutcome, target: string): unknown =>
  outcome.calls.find((call) => call.target === target)?.input.messages.at(-1)?.content;

describe('phased', () => {
  it('gathers, reasons, verifies; its steps are called after their phase', async () => {
    const outcome = await ask({}, {}, { input: withImage, overrides: { webSearchQuery: 'cars' } });
    expect(outcome.text).toBe('42');
    expect(Object.keys(outcome.results)).toEqual([
      'context.vision',
      'context.web_search',
      'context.notes',
      'reasoning',
      'verification',
    ]);
    expect(outcome.results.verification).toMatchObject({
      role: 'verification',
      content: { verdict: 'approved', reason: 'Yes.' },
    });
  });

  it('runs without context and verification', async () => {
    const outcome = await ask({ context: [], verification: undefined, reasoning: 'thinker' });
    expect([outcome.text, targets(outcome), outcome.confidence?.score]).toEqual(['42', ['thinker'], 0.8]);
  });
});

describe('the context of phased', () => {
  it('is left out where there is nothing to look at', async () => {
    const outcome = await ask({});
    expect(targets(outcome)).toEqual(['notes', 'thinker', 'checker']);
    expect(outcome.decisions.map(({ message }) => message)).toEqual([
      'context.vision is left out: there is no input for it',
      'context.web_search is left out: there is no query for it',
    ]);
  });

  it('is asked for at once', async () => {
    const both = [deferred(), deferred()];
    const meet = (i: number) => async () => {
      both[i]?.resolve();
      await both[1 - i]?.promise;
      return 'here';
    };
    const outcome = await ask(
      { context: ['notes', 'web_search'] },
      { notes: meet(0), web_search: meet(1) },
      { overrides: { webSearchQuery: 'q' } },
    );
    expect(outcome.error).toBe(null);
  });

  it('goes before the question, in the form that the embedded models know', async () => {
    const outcome = await ask({});
    expect(lastMessage(outcome, 'thinker')).toBe('Context:\nIt is late.\n\nQuestion: 40 + 2?');
  });

  it('names its sources when there are several, and begins with what the call gives', async () => {
    const outcome = await ask({}, {}, { overrides: { context: 'Be kind.', webSearchQuery: 'cars' } });
    expect(lastMessage(outcome, 'thinker')).toBe(
      'Context:\n[context]\nBe kind.\n\n[web_search]\nCars have four wheels.\n\n[notes]\nIt is late.\n\nQuestion: 40 + 2?',
    );
    expect(lastMessage(outcome, 'web_search')).toBe('cars');
  });

  it('is done without where a source fails or is late', async () => {
    const clock = new FakeClock();
    const running = ask(
      {},
      { web_search: ill, vision: { hangs: true } },
      { clock, input: withImage, overrides: { webSearchQuery: 'x' } },
    );
    await clock.timerSet();
    clock.advance(30_000);
    const outcome = await running;
    expect(lastMessage(outcome, 'thinker')).toEqual([
      { type: 'text', text: 'Context:\nIt is late.\n\nQuestion: What is it?' },
      image,
    ]);
    expect(outcome.results).toMatchObject({
      'context.vision': { success: false, error: { code: 'member_timeout' } },
      'context.web_search': { success: false, error: { code: 'upstream_error' } },
    });
    expect(outcome.decisions.at(-1)?.message).toBe('goes on without context.vision, context.web_search');
  });

  it('shows images to vision alone, when the reasoning cannot see and somebody has described them', async () => {
    const blind = { thinker: { capabilities: ['text_generation'] } };
    const described = await ask({}, {}, { input: withImage, describe: blind });
    expect(lastMessage(described, 'thinker')).toContain('[vision]\nA red car.');
    expect(lastMessage(described, 'vision')).toEqual([{ type: 'text', text: 'What is it?' }, image]);
    const seeing = await ask({}, {}, { input: withImage, describe: { thinker: { capabilities: ['vision'] } } });
    expect(lastMessage(seeing, 'thinker')).toContainEqual(image);
  });

  it('may come from a model for a capability, under a name of one’s own', async () => {
    const context = [{ model: 'eye', capability: 'vision', name: 'look', instructions: 'Count.' }];
    const outcome = await ask({ context }, { eye: 'Two.' }, { input: withImage });
    expect(Object.keys(outcome.results)[0]).toBe('context.look');
    expect(outcome.calls[0]?.input.messages[0]).toEqual({ role: 'system', content: 'Count.' });
    expect((await ask({ context }, { eye: 'Two.' })).calls[0]?.target).toBe('thinker');
  });
});

describe('the reasoning of phased', () => {
  it('goes along its chain', async () => {
    const outcome = await ask({}, { thinker: ill });
    expect([outcome.text, outcome.results['reasoning#2']?.model]).toEqual(['41', 'spare']);
    expect((await ask({}, { thinker: ' ' })).text).toBe('41');
  });

  it('has one time limit for the whole chain', async () => {
    const clock = new FakeClock();
    const running = ask({ context: [], timeouts: { reasoning: 7 } }, { thinker: { hangs: true } }, { clock });
    await clock.timerSet();
    clock.advance(7000);
    const { error } = await running;
    expect(error?.code).toBe('all_members_failed');
    expect(error?.message).toMatch(/reasoning: .*within 7 s.*reasoning#2: the 7 s for the reasoning were over/);
  });

  it('takes the call’s time limits in place of its own', async () => {
    const clock = new FakeClock();
    const running = ask({ context: [] }, { thinker: { hangs: true } }, { clock, overrides: { timeouts: { reasoning: 50 } } });
    await clock.timerSet();
    clock.advance(50);
    expect((await running).error?.message).toContain('0.05 s');
  });

  it('refuses a time limit of a phase that there is not, and names those there are', async () => {
    const { error, calls } = await ask({}, {}, { overrides: { timeouts: { reasoning: 50, verifcation: 5 } } });
    expect(error).toMatchObject({ code: 'invalid_request', param: 'timeouts.verifcation' });
    expect(error?.message).toMatch(/"verifcation".*: context, reasoning, verification/);
    expect(calls).toEqual([]);
  });

  it('streams where nothing can take its place, so that its failure after content is the run’s', async () => {
    const half = { text: 'half', ...ill };
    for (const own of [{ verification: undefined }, { on_reject: 'keep' }]) {
      const { text, error } = await ask(own, { thinker: half });
      expect([text, error?.code]).toEqual(['half', 'upstream_error']);
    }
    expect((await ask({}, { thinker: half })).text).toBe('41');
  });

  it('gets the caller’s tools and settings; nobody else does', async () => {
    const tools = [{ type: 'function' as const, function: { name: 'add' } }];
    const { calls } = await ask({}, {}, { input: { tools, max_tokens: 9, seed: 3 } });
    expect(calls.map(({ target, input }) => [target, input.tools, input.max_tokens])).toEqual([
      ['notes', undefined, undefined],
      ['thinker', tools, 9],
      ['checker', undefined, undefined],
    ]);
  });

  it('fails with every reason when nobody can answer', async () => {
    const { error } = await ask({}, { notes: ill, thinker: ill, spare: ill });
    expect([error?.code, error?.details.members]).toMatchObject([
      'all_members_failed',
      [{ member: 'context.notes' }, { member: 'reasoning' }, { member: 'reasoning#2' }],
    ]);
  });
});

describe('the verification of phased', () => {
  it('asks in the form that the embedded models know, with the context', async () => {
    expect(lastMessage(await ask({}), 'checker')).toBe(
      'Question: Context:\nIt is late.\n\nQuestion: 40 + 2?\nAnswer: 42\nIs the answer right? Reply yes or no.',
    );
  });

  it('asks in words of one’s own', async () => {
    const outcome = await ask({ context: [], verification_prompt: 'Q {question} A {answer}?' });
    expect(lastMessage(outcome, 'checker')).toBe('Q 40 + 2? A 42?');
  });

  it('raises the confidence when it approves', async () => {
    const { confidence, conflicts } = await ask({});
    expect(confidence?.score).toBeCloseTo(0.9);
    expect(confidence?.adjustments?.map(({ rule }) => rule)).toEqual(['agreement']);
    expect(conflicts).toEqual([]);
  });

  it('is the confidence where the author has none', async () => {
    const approved = { thinker: '42', checker: { text: 'Yes.', confidence: 0.9 } };
    expect((await ask({}, approved)).confidence).toEqual({ score: 0.9, method: 'verifier', calibrated: false });
    expect((await ask({}, { thinker: '42', checker: 'I am not sure.' })).confidence).toBe(null);
  });

  it('leaves at most 0.3 when it rejects, and is a conflict', async () => {
    const { text, confidence, conflicts } = await ask({}, { checker: '{"verdict": "rejected", "reason": "no unit"}' });
    expect([text, confidence?.score]).toEqual(['42', 0.3]);
    expect(conflicts).toEqual([
      {
        type: 'conflict',
        kind: 'verification_rejected',
        members: ['reasoning', 'verification'],
        message: 'checker rejects the answer of thinker',
      },
    ]);
    const low = await ask({}, { thinker: { text: '42', confidence: 0.1 }, checker: 'No.' });
    expect(low.confidence?.score).toBe(0.1);
  });

  it('changes nothing when it is uncertain, fails or is late', async () => {
    const clock = new FakeClock();
    const called = deferred();
    const late = ask({}, { checker: () => (called.resolve(), { hangs: true }) }, { clock });
    await called.promise;
    clock.advance(20_000);
    for (const outcome of [await late, await ask({}, { checker: 'I am not sure.' }), await ask({}, { checker: ill })]) {
      expect([outcome.text, outcome.confidence?.score]).toEqual(['42', 0.8]);
    }
  });

  it('is left out for one call, or asked for although other members are named', async () => {
    expect(targets(await ask({}, {}, { overrides: { verification: false } }))).toEqual(['notes', 'thinker']);
    const overrides = { members: ['thinker'] };
    expect(targets(await ask({}, {}, { overrides }))).toEqual(['thinker']);
    expect(targets(await ask({}, {}, { overrides: { ...overrides, verification: true } }))).toEqual(['thinker', 'checker']);
    const none = await ask({ verification: undefined }, {}, { overrides: { verification: true } });
    expect(none.error).toMatchObject({ code: 'invalid_request', param: 'verification' });
  });
});

describe('an answer that the verifier rejects', () => {
  const rejection = { checker: ['I get 45. No.', { text: '46', confidence: 0.9 }] };

  it('is replaced by the verifier’s own, asked for by itself, when that is at least as sure', async () => {
    const outcome = await ask({ context: [], verification: { model: 'checker', instructions: 'Judge.' } }, rejection);
    expect([outcome.text, outcome.confidence?.score]).toEqual(['46', 0.3]);
    expect(outcome.results.verification?.content).toEqual({ verdict: 'rejected', reason: 'I get 45. No.', correction: '45' });
    expect(outcome.results.correction).toMatchObject({ role: 'verification', content: '46' });
    expect(outcome.calls.at(-1)?.input.messages).toEqual([{ role: 'user', content: '40 + 2?' }]);
  });

  it('is replaced by what the verdict says when nobody can say how sure the author is, or the verdict is JSON', async () => {
    const thinker = '42';
    expect((await ask({}, { thinker, checker: 'No, it is 46.' })).text).toBe('46');
    expect((await ask({}, { thinker: 'No.', checker: 'I get yes. No.' })).text).toBe('Yes.');
    const checker = { text: '{"verdict": "rejected", "correction": "46"}', confidence: 0.9 };
    const structured = await ask({}, { checker });
    expect([structured.text, structured.results.correction]).toEqual(['46', undefined]);
  });

  it('is kept when the verifier is less sure, has no other, or not in the form that is asked for', async () => {
    const second = (answer: MemberScript): MemberScript => ['No.', answer as string];
    expect((await ask({}, { checker: second({ text: '46', confidence: 0.79 }) })).text).toBe('42');
    expect((await ask({}, { checker: second('46') })).text).toBe('42');
    for (const nothing of ['No.', '', '{"verdict": "rejected"}', "I don't know."]) {
      const { text, confidence } = await ask({}, { checker: ['No.', nothing] });
      expect([text, confidence?.score]).toEqual(['42', 0.3]);
    }
    const json: Partial<ChatInput> = { response_format: { type: 'json_object' } };
    const thinker = { text: '{"n":42}', confidence: 0.5 };
    expect((await ask({}, { ...rejection, thinker }, { input: json })).text).toBe('{"n":42}');
  });

  it('is rejected no more when the verifier itself comes to the same', async () => {
    const outcome = await ask({}, { checker: ['No.', { text: 'It is 42.', confidence: 0.5 }] });
    expect([outcome.text, outcome.confidence?.score]).toEqual(['42', 0.8]);
    const declining = {
      thinker: { text: "I don't know.", confidence: 0.8 },
      checker: ['No.', { text: "I don't know.", confidence: 0.1 }],
    };
    expect((await ask({}, declining)).confidence?.score).toBe(0.8);
  });

  it('shares the time of its verification', async () => {
    const clock = new FakeClock();
    const called = deferred();
    let calls = 0;
    const checker = (): MemberAnswer => {
      if (calls++ > 0) called.resolve();
      else clock.advance(15_000);
      return calls > 1 ? { hangs: true } : { text: 'No.' };
    };
    const running = ask({}, { checker }, { clock });
    await called.promise;
    clock.advance(5000);
    expect((await running).results.correction?.error?.code).toBe('member_timeout');
  });

  it('is kept when it is told to', async () => {
    const { text, confidence } = await ask({ on_reject: 'keep' }, rejection);
    expect([text, confidence?.score]).toEqual(['42', 0.3]);
  });

  it('is revised by its author, with the objection', async () => {
    const outcome = await ask(
      { on_reject: 'revise', context: [] },
      { thinker: ['42', { text: '46', confidence: 0.6 }], checker: 'No, it is 46, because you forgot the four.' },
    );
    expect(outcome.text).toBe('46');
    expect(outcome.calls.at(-1)?.input.messages.at(-1)?.content).toBe(
      '40 + 2?\n\nDraft answer: 46, because you forgot the four\nGive the right answer.',
    );
  });

  it('stands no more when author and verifier come to the same', async () => {
    const outcome = await ask(
      { on_reject: 'revise' },
      { checker: 'I get 46. No.', thinker: ['42', { text: 'It is 46.', confidence: 0.6 }] },
    );
    expect([outcome.text, outcome.confidence?.score]).toEqual(['It is 46.', 0.8]);
    expect(targets(outcome)).toEqual(['notes', 'thinker', 'checker', 'thinker']);
    expect(outcome.conflicts.map(({ kind }) => kind)).toEqual(['verification_rejected']);
  });

  it('stands when the author stays with it, or cannot be asked again', async () => {
    for (const second of ['It is 42.', ill, '']) {
      const outcome = await ask(
        { on_reject: 'revise' },
        { checker: 'I get 46. No.', thinker: [{ text: '42', confidence: 0.8 }, second] },
      );
      expect([outcome.text, outcome.confidence?.score]).toEqual(['42', 0.3]);
    }
  });

  it('is verified once more when the author gives a third one', async () => {
    const thinker = [
      { text: '42', confidence: 0.8 },
      { text: '44', confidence: 0.8 },
    ];
    const approved = await ask({ on_reject: 'revise' }, { thinker, checker: ['I get 46. No.', 'Yes.'] });
    expect([approved.text, approved.confidence?.score]).toEqual(['44', 0.9]);
    const rejected = await ask({ on_reject: 'revise' }, { thinker, checker: ['I get 46. No.', 'No.'] });
    expect([rejected.text, rejected.confidence?.score]).toEqual(['44', 0.3]);
    expect(rejected.results['verification#2']?.content).toMatchObject({ verdict: 'rejected' });
  });
});

describe('an answer of which the verifier is not certain', () => {
  it('is replaced or kept in the same way, as sure as a tied vote', async () => {
    const replaced = await ask({}, { checker: ['Hm.', { text: '46', confidence: 0.9 }] });
    expect([replaced.text, replaced.confidence?.score]).toEqual(['46', Math.sqrt(0.5 * 0.9)]);
    const kept = await ask({}, { checker: ['Hm.', { text: '46', confidence: 0.5 }] });
    expect([kept.text, kept.confidence?.score, kept.conflicts]).toEqual(['42', Math.sqrt(0.5 * 0.8), []]);
  });

  it('is approved when the verifier itself comes to the same', async () => {
    expect((await ask({}, { checker: ['Hm.', '42'] })).confidence?.score).toBeCloseTo(0.9);
  });
});

describe('the conflicts of phased', () => {
  const seen = { vision: 'The page shows an error: access denied.' };

  it('take 20 % off when an image shows an error, before a rejection counts', async () => {
    const outcome = await ask({ verification: undefined }, seen, { input: withImage });
    expect(outcome.confidence?.score).toBeCloseTo(0.64);
    expect(outcome.conflicts).toMatchObject([{ kind: 'vision_error', members: ['context.vision'] }]);
    const all = await ask({}, { ...seen, checker: 'No.' }, { input: withImage });
    expect(all.confidence?.adjustments?.map(({ rule }) => rule)).toEqual(['vision_error', 'verification_rejected']);
    const approved = await ask({}, seen, { input: withImage });
    expect(approved.confidence?.adjustments?.map(({ rule }) => rule)).toEqual(['agreement', 'vision_error']);
    expect(approved.confidence?.score).toBeCloseTo(0.72);
  });

  it('name tools that a plan may not use', async () => {
    const call = { id: 'c1', type: 'function', function: { name: 'click', arguments: '{}' } } as const;
    const outcome = await ask(
      { verification: undefined },
      { thinker: { toolCalls: [call] } },
      { overrides: { availableTools: ['fill'] } },
    );
    expect(outcome.conflicts).toMatchObject([
      { kind: 'tool_unavailable', members: ['reasoning'], message: expect.stringContaining('click') },
    ]);
  });

  it('are avoided: tools that may not be used are not offered', async () => {
    const tools = ['fill', 'click'].map((name) => ({ type: 'function' as const, function: { name } }));
    const offered = await ask({ context: [] }, {}, { input: { tools }, overrides: { availableTools: ['fill'] } });
    expect(offered.calls[0]?.input.tools).toEqual([tools[0]]);
    const told = await ask({ context: [] }, {}, { overrides: { availableTools: ['fill', 'open'] } });
    expect(told.calls[0]?.input.messages[0]).toEqual({
      role: 'system',
      content: 'Tools that may be used: fill, open. Use no others.',
    });
  });
});

describe('the members that a call names', () => {
  it('alone take part, by name, model or capability', async () => {
    const run = { input: withImage, overrides: { members: ['vision', 'spare'] } };
    expect(targets(await ask({}, {}, run))).toEqual(['vision', 'spare']);
  });

  it('must leave somebody for the reasoning', async () => {
    const { error } = await ask({}, {}, { overrides: { members: ['vision'] } });
    expect(error).toMatchObject({ code: 'unknown_member', param: 'members' });
  });
});

describe('reportsError', () => {
  it('goes by words, unless they are taken back', () => {
    const reports = [
      'Error 404',
      'The login failed.',
      'A CAPTCHA is shown',
      'No cars, but an error message',
      'It reads "access denied".',
    ];
    const none = [
      'A red car.',
      'There are no errors.',
      'No visible error messages',
      'The page loads without any error',
      'It has not crashed',
      'an error-free page',
      "I don't see an error",
    ];
    expect(reports.filter((text) => !reportsError(text))).toEqual([]);
    expect(none.filter(reportsError)).toEqual([]);
  });
});

describe('unavailableTools', () => {
  const answer = { text: '```json\n{"steps": [{"tool": "open"}, {"tool": "fly"}]}\n```', toolCalls: [] };

  it('reads plans only when the call says what they may use', () => {
    expect(unavailableTools(answer, {}, ['open'])).toEqual(['fly']);
    expect(unavailableTools(answer, {}, undefined)).toEqual([]);
  });

  it('holds calls against the request’s tools', () => {
    const calls = { text: '', toolCalls: [{ id: '1', type: 'function' as const, function: { name: 'fly', arguments: '' } }] };
    expect(unavailableTools(calls, { tools: [{ type: 'function', function: { name: 'open' } }] }, undefined)).toEqual(['fly']);
    expect(unavailableTools(calls, {}, undefined)).toEqual([]);
  });
});

describe('advice on a failure in a phase', () => {
  const advised = (action: string, phase: string | null = null): MemberAnswer => ({
    error: new TuttiError('upstream_error', 'ill', { details: { advice: { action, phase, cause: 'no date is known' } } }),
  });
  const steps = ({ calls }: StrategyOutcome): unknown[] => calls.map(({ options }) => options.step.split('/').at(-1));
  const asked = ({ calls }: StrategyOutcome, step: string): unknown =>
    calls.find(({ options }) => options.step.endsWith(`/${step}`))?.input.messages.at(-1)?.content;
  const notes = { context: ['notes'] };

  it('sends the run back from the reasoning to the context, which is told what is missing', async () => {
    for (const advice of [advised('rollback'), advised('rollback', 'the context phase'), advised('change_phase', 'context')]) {
      const outcome = await ask(notes, { notes: ['It is late.', 'It is Friday.'], thinker: [advice, '42'] });
      expect([outcome.text, steps(outcome)]).toEqual([
        '42',
        ['context.notes', 'reasoning', 'context.notes.anew1', 'reasoning.anew1', 'verification'],
      ]);
      expect(asked(outcome, 'context.notes.anew1')).toBe('40 + 2?\n\nThe reasoning failed with it: no date is known');
      expect(asked(outcome, 'reasoning.anew1')).toBe('Context:\nIt is Friday.\n\nQuestion: 40 + 2?');
      expect(outcome.decisions).toMatchObject([
        {
          message: 'goes back from reasoning to context: no date is known',
          data: { action: 'rollback', from: 'reasoning', to: 'context' },
        },
      ]);
    }
  });

  it('sends the run back from the verification to the reasoning', async () => {
    const outcome = await ask(notes, { thinker: ['41', '42'], checker: [advised('rollback'), 'Yes.'] });
    expect([outcome.text, steps(outcome)]).toEqual([
      '42',
      ['context.notes', 'reasoning', 'verification', 'reasoning.anew1', 'verification.anew1'],
    ]);
    expect(asked(outcome, 'reasoning.anew1')).toContain(
      'Draft answer: 41\nReview: The verification failed with it: no date is known',
    );
    expect(outcome.results.verification?.content).toMatchObject({ verdict: 'approved' });
  });

  it('names the member of the reasoning that comes next', async () => {
    const outcome = await ask(
      { ...notes, reasoning: ['thinker', 'spare', 'checker'] },
      { thinker: advised('change_phase', 'checker'), checker: 'Yes.' },
    );
    expect(steps(outcome)).toEqual(['context.notes', 'reasoning', 'reasoning#3', 'verification']);
  });

  it('is followed once', async () => {
    const outcome = await ask({ ...notes, reasoning: 'thinker' }, { thinker: advised('rollback') });
    expect([outcome.error?.code, steps(outcome)]).toEqual([
      'all_members_failed',
      ['context.notes', 'reasoning', 'context.notes.anew1', 'reasoning.anew1'],
    ]);
  });

  it('has no meaning where nothing comes before, or the answer is out already', async () => {
    const first = await ask({ context: [], reasoning: 'thinker' }, { thinker: advised('rollback') });
    expect(steps(first)).toEqual(['reasoning']);
    const kept = await ask({ ...notes, on_reject: 'keep' }, { checker: advised('rollback') });
    expect([kept.text, steps(kept)]).toEqual(['42', ['context.notes', 'reasoning', 'verification']]);
    expect(kept.decisions.at(-1)?.message).toBe('the answer is given without the verification');
  });
});

describe('phased with an arbiter', () => {
  const own = { next: 'arbiter', arbiter: 'boss', context: ['notes'] };
  const steps = ({ calls }: StrategyOutcome): unknown[] => calls.map(({ options }) => options.step.split('/').at(-1));
  const asked = ({ calls }: StrategyOutcome, step: string): unknown =>
    calls.find(({ options }) => options.step.endsWith(`/${step}`))?.input.messages.at(-1)?.content;
  const messages = ({ decisions }: StrategyOutcome): string[] => decisions.map(({ message }) => message);

  strategyContract(
    {
      definition: phasedStrategy,
      config: { ...config, ...own },
      members: { notes: 'It is late.', thinker: '42', spare: '41', checker: 'I get 42. Yes.', boss: 'verification' },
      bad: [],
    },
    { describe, it },
  );

  it('begins with the context, and has the phases done that the arbiter names, until it is done', async () => {
    const outcome = await ask(own, { boss: ['2', 'Number 3.'] });
    expect([outcome.text, steps(outcome)]).toEqual(['42', ['context.notes', 'next2', 'reasoning', 'next3', 'verification']]);
    expect(outcome.confidence?.score).toBeCloseTo(0.9);
    expect(messages(outcome)).toEqual(['next: reasoning (the arbiter’s choice)', 'next: verification (the arbiter’s choice)']);
    const short = await ask(own, { boss: ['reasoning', 'done'] });
    expect([short.text, short.confidence?.score, messages(short).at(-1)]).toEqual([
      '42',
      0.8,
      'the answer is given without the verification',
    ]);
  });

  it('tells the arbiter what there is, and what may come', async () => {
    const outcome = await ask(own, {
      boss: ['reasoning', 'verification', 'done'],
      checker: 'No, that is not what was asked for.',
    });
    expect(asked(outcome, 'next2')).toBe(
      'Context:\nIt is late.\n\nQuestion: 40 + 2?\n\nDone so far: context\nPhases:\n1. context: the sources are asked what is missing\n2. reasoning: the answer is written, with what is known\nWhich phase is next? Reply with its number.',
    );
    expect(asked(outcome, 'next3')).toMatch(/\[answer\]\n42\n.*\n3\. verification: .*\n4\. done: /s);
    expect(asked(outcome, 'next4')).toMatch(
      /\[verification\]\nrejected\. No, that is not what was asked for\.\n.*\n2\. reasoning: .*\n3\. done: /s,
    );
    const bare = await ask({ ...own, context: [], verification: undefined }, { boss: 'done' });
    expect([bare.text, steps(bare)]).toEqual(['42', ['reasoning', 'next2']]);
    expect(asked(bare, 'next2')).toMatch(/Phases:\n1\. reasoning: .*\n2\. done: /);
  });

  it('takes the synthesis, which asks nobody, for the end', async () => {
    expect(steps(await ask(own, { boss: ['reasoning', 'Go on with the synthesis.'] }))).toEqual([
      'context.notes',
      'next2',
      'reasoning',
      'next3',
    ]);
  });

  it('asks the sources again, knowing what they gave; what they add comes to it', async () => {
    const outcome = await ask(own, {
      boss: ['context', 'reasoning', 'done'],
      notes: ['It is late.', 'It is Friday.'],
    });
    expect(steps(outcome)).toEqual(['context.notes', 'next2', 'context.notes.turn2', 'next3', 'reasoning', 'next4']);
    expect(asked(outcome, 'context.notes.turn2')).toBe('40 + 2?\n\nKnown so far:\nIt is late.\nSay what is missing.');
    expect(asked(outcome, 'reasoning')).toBe('Context:\n[notes]\nIt is late.\n\n[notes]\nIt is Friday.\n\nQuestion: 40 + 2?');
  });

  it('has the answer written again, with the objection, and checked again', async () => {
    const outcome = await ask(
      { ...own, on_reject: 'keep' },
      {
        boss: ['reasoning', 'verification', 'reasoning', 'verification'],
        thinker: ['41', { text: '42', confidence: 0.8 }],
        checker: ['No. You forgot one of the two.', 'Yes.'],
      },
    );
    expect([outcome.text, outcome.confidence?.score, steps(outcome).filter((step) => !String(step).startsWith('next'))]).toEqual([
      '42',
      0.9,
      ['context.notes', 'reasoning', 'verification', 'reasoning.turn2', 'verification.turn2'],
    ]);
    expect(asked(outcome, 'reasoning.turn2')).toContain('Draft answer: 41\nReview: No. You forgot one of the two.');
    expect(outcome.results['verification.turn2']?.content).toMatchObject({ verdict: 'approved' });
  });

  it('lets a rejection stand when the answer stays the same', async () => {
    const boss = ['reasoning', 'verification', 'reasoning', 'done'];
    const outcome = await ask({ ...own, on_reject: 'keep' }, { boss, checker: 'No.' });
    expect([outcome.text, outcome.confidence?.score]).toEqual(['42', 0.3]);
    expect(messages(outcome)).toContain('the reasoning comes to the same answer: its check stands');
  });

  it('keeps the answer that there is when another cannot be had', async () => {
    const outcome = await ask(own, { boss: ['reasoning', 'reasoning', 'done'], thinker: ['42', ill], spare: ill });
    expect([outcome.text, outcome.error]).toEqual(['42', null]);
    expect(messages(outcome)).toContain('the reasoning gives no answer now: the one before stays');
  });

  it('passes over an arbiter that fails, is late or names no phase: their order decides', async () => {
    for (const boss of [ill, 'Hm.', 'verification']) {
      const outcome = await ask(own, { boss });
      expect(steps(outcome).filter((step) => !String(step).startsWith('next'))).toEqual([
        'context.notes',
        'reasoning',
        'verification',
      ]);
    }
    expect(messages(await ask(own, { boss: ill }))[0]).toBe(
      'next: reasoning (the arbiter failed (upstream_error): by the order of the phases)',
    );
    expect(messages(await ask(own, { boss: 'Hm.' }))[0]).toBe(
      'next: reasoning (the arbiter names no phase that may come: by their order)',
    );
    const clock = new FakeClock();
    const called = deferred();
    const boss = ({ index }: { index: number }): MemberAnswer =>
      index > 0 ? { text: 'done' } : (called.resolve(), { hangs: true });
    const late = ask(own, { boss }, { clock });
    await called.promise;
    clock.advance(20_000);
    expect(messages(await late)[0]).toContain('member_timeout');
  });

  it('has so many turns to give, of which the last is the reasoning’s when there is no answer', async () => {
    const outcome = await ask({ ...own, max_turns: 3 }, { boss: 'context' });
    expect([outcome.text, steps(outcome)]).toEqual([
      '42',
      ['context.notes', 'next2', 'context.notes.turn2', 'next3', 'reasoning'],
    ]);
    expect(messages(outcome).slice(-3)).toEqual([
      'reasoning in place of context: it is the last turn, and there is no answer',
      '3 turns are over',
      'the answer is given without the verification',
    ]);
    expect(steps(await ask({ ...own, max_turns: 1 }, {}))).toEqual(['reasoning']);
    expect(steps(await ask(own, { boss: 'reasoning' })).filter((step) => String(step).startsWith('next'))).toHaveLength(5);
  });

  it('streams nothing, as any answer may be written anew', async () => {
    const half: MemberAnswer = { text: 'half', ...ill };
    expect((await ask({ ...own, on_reject: 'keep' }, { boss: ['2', 'done'], thinker: half })).text).toBe('41');
  });

  it('follows advice on a failure before it asks the arbiter, once', async () => {
    const back: MemberAnswer = {
      error: new TuttiError('upstream_error', 'ill', {
        details: { advice: { action: 'rollback', phase: null, cause: 'no date is known' } },
      }),
    };
    const outcome = await ask(
      { ...own, reasoning: 'thinker' },
      { boss: ['reasoning', 'reasoning', 'verification'], thinker: [back, '42'] },
    );
    expect(steps(outcome)).toEqual([
      'context.notes',
      'next2',
      'reasoning',
      'context.notes.turn2',
      'next4',
      'reasoning.turn2',
      'next5',
      'verification',
    ]);
    expect(asked(outcome, 'context.notes.turn2')).toContain('The reasoning failed with it: no date is known');
    const stuck = await ask({ ...own, reasoning: 'thinker' }, { boss: 'reasoning', thinker: back });
    expect([stuck.error?.code, steps(stuck).filter((step) => String(step).startsWith('reasoning'))]).toEqual([
      'all_members_failed',
      ['reasoning', 'reasoning.turn2'],
    ]);
    const unchecked = await ask(own, { boss: ['reasoning', 'verification', 'done'], checker: back, thinker: ['41', '42'] });
    expect([unchecked.text, steps(unchecked).at(-2)]).toEqual(['42', 'reasoning.turn2']);
  });

  it('leaves out what the call leaves out', async () => {
    const outcome = await ask(own, { boss: ['reasoning', 'done'] }, { overrides: { verification: false } });
    expect(asked(outcome, 'next3')).not.toContain('verification:');
  });

  it('gives an answer within its turns, whatever it is told, and the same one when it is run again', async () => {
    const word = fc.constantFrom('context', 'reasoning', 'verification', 'done', 'synthesis', 'Hm.', '');
    const verdict = fc.constantFrom('Yes.', 'No.', 'No, it is 46.', 'Hm.');
    const several = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { minLength: 1, maxLength: 6 });
    const onReject = fc.constantFrom('keep', 'correct', 'revise');
    const turns = fc.integer({ min: 1, max: 7 });
    await fc.assert(
      fc.asyncProperty(several(word), several(verdict), onReject, turns, async (boss, checker, on_reject, max_turns) => {
        const members = { boss, checker, notes: ['a', 'b', 'c'], thinker: ['41', '42', '', '41'] };
        const first = await ask({ ...own, on_reject, max_turns }, members);
        expect([first.error, first.text === '']).toEqual([null, false]);
        const phases = steps(first).filter((step) =>
          /^(?:context\.notes|reasoning|verification)(?:\.turn\d+)?$/.test(String(step)),
        );
        expect(phases.length).toBeLessThanOrEqual(max_turns);
        const again = await ask({ ...own, on_reject, max_turns }, members, { journal: first.journal });
        expect([again.text, again.calls.length]).toEqual([first.text, 0]);
      }),
      { numRuns: 60 },
    );
  });
});
