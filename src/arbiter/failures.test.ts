import { describe, expect, test } from 'vitest';
import type { ChatInput, ToolCall } from '../contracts/chat.ts';
import { ERROR_CODES, type Code } from '../errors/codes.ts';
import { TuttiError } from '../errors/error.ts';
import type { Ask, AskedAnswer } from './ask.ts';
import { createFailures, type Failures } from './failures.ts';
import { failureArguments, FIRST_AID } from './first-aid.ts';
import { createInterpreter } from './interpreter/interpreter.ts';

function withModel(answer: string | Partial<AskedAnswer> | Error): { failures: Failures; asked: ChatInput[] } {
  const asked: ChatInput[] = [];
  const ask: Ask = async (_target, input) => {
    asked.push(input);
    if (answer instanceof Error) throw answer;
    return { text: '', toolCalls: [], confidence: null, ...(typeof answer === 'string' ? { text: answer } : answer) };
  };
  return { failures: createFailures({ model: 'thinker', ask, interpreter: createInterpreter({ model: null, ask }) }), asked };
}

const noModel: Ask = () => expect.unreachable('there is no model to ask');
const alone = createFailures({ model: null, ask: noModel, interpreter: createInterpreter({ model: null, ask: noModel }) });
const call = (name: string, given: unknown): ToolCall => ({
  id: 'c',
  type: 'function',
  function: { name, arguments: JSON.stringify(given) },
});

describe('a model’s diagnosis is read', () => {
  const wanted = {
    cause: 'The file is locked.',
    action: 'change_phase',
    arguments: { phase: 'review' },
    changePhase: 'review',
    needsUser: false,
    source: 'model',
  };
  test.each<[string, string | Partial<AskedAnswer>]>([
    ['as JSON', '{"cause": "The file is locked.", "action": "change_phase", "detail": "review"}'],
    [
      'in a fence and prose',
      'Here is my view:\n```json\n{"cause": "The file is locked.", "action": "change_phase", "detail": "review"}\n```\nGood luck.',
    ],
    [
      'with arguments of its own',
      "{'cause': 'The file is locked.', 'action': 'suggest_phase_change', 'arguments': {'phase': 'review'}}",
    ],
    ['as a tool call', { toolCalls: [call('suggest_phase_change', { reason: 'The file is locked.', phase: 'review' })] }],
  ])('%s', async (_, answer) => {
    expect(await withModel(answer).failures.diagnose({ phase: 'code', error: 'EBUSY' })).toEqual(wanted);
  });

  test.each<[string, object, object]>([
    [
      'retry_with_changes',
      { detail: 'Use fewer words.', delay_seconds: 9000 },
      { arguments: { changes: 'Use fewer words.', delay_seconds: 3600 } },
    ],
    ['request_user_input', { detail: 'Which file?' }, { arguments: { question: 'Which file?' }, needsUser: true }],
    ['rollback', { detail: 'research' }, { arguments: { to: 'research' } }],
    ['alternative_approach', { detail: 'Ask another.' }, { arguments: { approach: 'Ask another.' } }],
  ])('for %s', async (action, given, wanted) => {
    const { failures } = withModel(JSON.stringify({ cause: 'c', action, ...given }));
    expect(await failures.diagnose({ phase: 'p', error: 'e' })).toMatchObject({ action, source: 'model', ...wanted });
  });

  test('when it only names an action in prose', async () => {
    const { failures } = withModel('I think a rollback is best here.');
    expect(await failures.diagnose({ phase: 'p', error: 'e' })).toMatchObject({ action: 'rollback', source: 'model' });
  });

  test('and what the code says plainly is added', async () => {
    const { failures } = withModel('{"cause": "too long", "action": "retry_with_changes", "detail": "be brief"}');
    const error = new TuttiError('context_length_exceeded', 'too long');
    expect(await failures.diagnose({ phase: 'p', error })).toMatchObject({ arguments: { changes: 'be brief', shorten: true } });
  });
});

test('the model sees phase, error, recent actions and state, and is held to a schema', async () => {
  const { failures, asked } = withModel('{}');
  await failures.diagnose({
    phase: 'code',
    error: new TuttiError('upstream_error', 'boom'),
    recentActions: ['research: ok'],
    state: { files: 2 },
  });
  const [input] = asked;
  const prompt = JSON.stringify(input?.messages);
  for (const piece of ['Phase: code', 'Error: boom (upstream_error)', '- research: ok', 'State: {'])
    expect(prompt).toContain(piece);
  expect(input?.response_format).toMatchObject({
    type: 'json_schema',
    json_schema: { schema: { required: ['cause', 'action', 'detail'] } },
  });
});

describe('without a model, or with one that is of no help, the table decides', () => {
  test.each<[string, string | Error]>([
    ['fails', new TuttiError('upstream_error', 'no')],
    ['says nothing', ''],
    ['rambles', 'It may be retry_with_changes, or a rollback.'],
    ['invents an action', '{"action": "panic"}'],
  ])('because the model %s', async (_, answer) => {
    const error = new TuttiError('rate_limited', 'slow down', { retryAfter: 12 });
    expect(await withModel(answer).failures.diagnose({ phase: 'p', error })).toEqual({
      cause: 'slow down (rate_limited)',
      action: 'retry_with_changes',
      arguments: { changes: 'Wait, then try the same again.', delay_seconds: 12 },
      changePhase: null,
      needsUser: false,
      source: 'rule',
    });
  });

  test.each<[unknown, object]>([
    [new TuttiError('forbidden', 'x'), { action: 'request_user_input', needsUser: true }],
    [new TuttiError('context_length_exceeded', 'x'), { action: 'retry_with_changes', arguments: { shorten: true } }],
    [new TuttiError('orchestration_loop', 'x'), { action: 'rollback' }],
    [new TuttiError('all_members_failed', 'x'), { action: 'alternative_approach' }],
    [
      { code: 'upstream_timeout', message: 'x' },
      { action: 'retry_with_changes', arguments: { other_model: true } },
    ],
    [
      { message: 'HTTP 429: too many requests', retry_after: 3 },
      { action: 'retry_with_changes', arguments: { delay_seconds: 3 } },
    ],
    [new Error('This model’s maximum context length is 4096'), { arguments: { shorten: true } }],
    ['request timed out', { action: 'retry_with_changes' }],
    ['something odd', { action: 'retry_with_changes', cause: 'something odd' }],
    [new TuttiError('internal_error', 'x'), { action: 'alternative_approach' }],
  ])('%s', async (error, wanted) => {
    expect(await alone.diagnose({ phase: 'p', error })).toMatchObject({ source: 'rule', ...wanted });
  });

  test('a retry that was tried twice becomes another approach', async () => {
    const recentActions = ['retry_with_changes: waited', 'retry_with_changes: waited longer'];
    expect(await alone.diagnose({ phase: 'p', error: 'request timed out', recentActions })).toMatchObject({
      action: 'alternative_approach',
    });
  });

  test('every entry names a code that there is and arguments that the wire allows', () => {
    for (const [code, aid] of Object.entries(FIRST_AID)) {
      expect(ERROR_CODES[code as Code]).toBeDefined();
      expect(failureArguments.parse(aid.arguments)).toEqual(aid.arguments);
    }
  });
});

describe('a response that could not be used', () => {
  const tools = [
    { type: 'function' as const, function: { name: 'add', parameters: { properties: { a: { type: 'integer' } } } } },
  ];

  test('is asked of the reasoning model, with the tools', async () => {
    const { failures, asked } = withModel({ text: 'add(a="1")' });
    const result = await failures.reinterpret({ response: 'adding one', failureReason: 'no call in it', tools });
    expect(result).toMatchObject({
      source: 'model',
      confidence: 0.81,
      text: '',
      toolCalls: [{ function: { name: 'add', arguments: '{"a":1}' } }],
    });
    expect(asked[0]).toMatchObject({ tools });
    expect(JSON.stringify(asked[0]?.messages)).toContain('no call in it');
  });

  test('may have meant text', async () => {
    const { failures } = withModel('The total is 42.');
    expect(await failures.reinterpret({ response: 'tot 42', failureReason: 'garbled' })).toEqual({
      text: 'The total is 42.',
      toolCalls: [],
      source: 'model',
      confidence: 0.5,
    });
  });

  test('is left as it is when the model fails, and goes to the interpreter when there is none', async () => {
    const { failures } = withModel(new TuttiError('upstream_error', 'no'));
    const input = { response: "{'name': 'add', 'a': '1'}", failureReason: 'invalid JSON', tools };
    expect(await failures.reinterpret(input)).toMatchObject({ source: 'none', text: input.response, confidence: 0 });
    expect(await alone.reinterpret(input)).toMatchObject({
      source: 'interpreter',
      toolCalls: [{ function: { arguments: '{"a":1}' } }],
    });
    expect(await alone.reinterpret({ ...input, tools: [] })).toMatchObject({ source: 'none' });
  });
});

test('cancelling ends both', async () => {
  const signal = AbortSignal.abort();
  const { failures } = withModel(new Error('gone'));
  await expect(failures.diagnose({ phase: 'p', error: 'e', signal })).rejects.toThrow(TuttiError);
  await expect(failures.reinterpret({ response: 'r', failureReason: 'f', signal })).rejects.toThrow(TuttiError);
});
