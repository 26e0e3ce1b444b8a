import { describe, expect, it } from 'vitest';
import type { ChatInput, ChatMessage, ToolCall, ToolDefinition } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';
import { strategyContract } from '../testing/strategy-contract.ts';
import {
  runScripted,
  type MemberAnswer,
  type MemberScript,
  type StrategyOutcome,
  type StrategyRun,
} from '../testing/strategy-runner.ts';
import { arbiterStrategy, withConsult } from './arbiter.ts';
import { textOf } from './context-fit.ts';
import { depthOf } from './team.ts';

const ill = new TuttiError('upstream_error', 'ill');
const specialists = {
  coding: { model: 'coder', description: 'Writes and fixes programs' },
  reasoning: { model: 'thinker', description: 'Solves puzzles and logic problems' },
};
const config = { strategy: 'arbiter', arbiter: 'boss', specialists };

let callCount = 0;
const calling = (name: string, args: object = {}): ToolCall => ({
  id: `call_${++callCount}`,
  type: 'function',
  function: { name, arguments: JSON.stringify(args) },
});
const calls = (...toolCalls: ToolCall[]): MemberAnswer => ({ toolCalls });
const consult = (who: string, query: string, context?: string): MemberAnswer =>
  calls(calling(`consult_${who}`, { query, ...(context !== undefined && { context }) }));
const tool = (name: string): ToolDefinition => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties: {} } },
});

const ask = (members: StrategyRun['members'], run: Partial<StrategyRun> = {}, more: object = {}): Promise<StrategyOutcome> =>
  runScripted(arbiterStrategy, { ...config, ...more }, { members: { coder: 'print()', thinker: 'because', ...members }, ...run });

const keysOf = (outcome: StrategyOutcome): string[] => outcome.calls.map(({ key }) => key);
const inputsOf = (outcome: StrategyOutcome, target: string): ChatInput[] =>
  outcome.calls.filter((call) => call.target === target).map(({ input }) => input);
const namesOf = (input: ChatInput | undefined): string[] => (input?.tools ?? []).map((one) => one.function.name);
/** The first message of a model's first call, and the last of its last. */
const firstText = (outcome: StrategyOutcome, target: string): string =>
  (inputsOf(outcome, target)[0]?.messages ?? []).slice(0, 1).map(textOf).join('');
const lastText = (outcome: StrategyOutcome, target: string): string =>
  (inputsOf(outcome, target).at(-1)?.messages ?? []).slice(-1).map(textOf).join('');
/** The results of its tools, as the arbiter was told them in its last turn. */
const resultsOf = (outcome: StrategyOutcome): unknown[] =>
  (inputsOf(outcome, 'boss').at(-1)?.messages ?? []).flatMap((message) =>
    message.role === 'tool' ? [JSON.parse(textOf(message))] : [],
  );

strategyContract(
  {
    definition: arbiterStrategy,
    config,
    members: { boss: [consult('coding', 'Write a loop'), 'Here is a loop.'], coder: 'for (;;) {}', thinker: 'hm' },
    bad: [
      { config: { ...config, specialists: {} }, reason: /at least one specialist/ },
      { config: { strategy: 'arbiter', specialists }, reason: /arbiter/ },
      { config: { ...config, specialists: { coding: { instructions: 'x' } } }, reason: /`model` or a `capability`/ },
      { config: { ...config, specialists: { 'a b': 'x' } }, reason: /a specialist is named/ },
      { config: { ...config, tools: ['consult_everybody'] }, reason: /tools/ },
      { config: { ...config, max_rounds: 0 }, reason: /max_rounds/ },
      { config: { ...config, conversation: { max_modles: 2 } }, reason: /max_modles/ },
    ],
  },
  { describe, it },
);

describe('an arbiter that leads', () => {
  it('answers itself when it asks nobody', async () => {
    const outcome = await ask({ boss: { text: 'Four.', confidence: 0.9 } });
    expect([outcome.text, outcome.confidence?.score, keysOf(outcome)]).toEqual(['Four.', 0.9, ['arbiter']]);
  });

  it('has a tool for each specialist, and the others that can work', async () => {
    const outcome = await ask(
      { boss: 'x' },
      { describe: { chain: { metadata: { description: 'Translates and shortens' } } } },
      { orchestrations: ['chain'] },
    );
    expect(namesOf(inputsOf(outcome, 'boss')[0])).toEqual([
      'consult_coding',
      'consult_reasoning',
      'consult_specialist',
      'start_conversation',
      'synthesize_responses',
      'escalate_to_user',
      'reinterpret',
      'system_information',
      'use_orchestration',
    ]);
    expect(inputsOf(outcome, 'boss')[0]?.tools?.at(-1)?.function.description).toBe(
      'Runs an orchestration: chain (Translates and shortens)',
    );
    expect(inputsOf(outcome, 'boss')[0]?.messages[0]?.content).toMatch(/^You coordinate a team/);
  });

  it('is told what a specialist said, and writes the answer from it', async () => {
    const outcome = await ask({
      boss: [consult('coding', 'Write a loop', 'Use JavaScript.'), 'A loop that never ends.'],
      coder: 'for (;;) {}',
    });
    expect(outcome.text).toBe('A loop that never ends.');
    expect(keysOf(outcome)).toEqual(['arbiter', 'coding', 'arbiter']);
    expect(inputsOf(outcome, 'coder')[0]?.messages).toEqual([
      { role: 'user', content: 'Context:\nUse JavaScript.\n\nWrite a loop' },
    ]);
    expect(inputsOf(outcome, 'coder')[0]?.tools).toBeUndefined();
    expect(resultsOf(outcome)).toEqual([{ tool: 'consult_coding', success: true, response: 'for (;;) {}', reasoning: null }]);
  });

  it.each<[string, MemberAnswer]>([
    ['by consult_specialist', calls(calling('consult_specialist', { specialist: 'Coding', query: 'A part of it' }))],
    ['by a name that is almost right', calls(calling('consultCoding', { query: 'A part of it' }))],
    ['by a name with a slip', calls(calling('consult_codnig', { query: 'A part of it' }))],
    ['by the bare name', calls(calling('coding', { query: 'A part of it' }))],
    [
      'in its text',
      { text: 'Let me ask.\n<tool_call>{"name": "consult_coding", "arguments": {"query": "A part of it"}}</tool_call>' },
    ],
  ])('may consult %s', async (_, turn) => {
    const outcome = await ask({ boss: [turn, 'Thanks.'] });
    expect(inputsOf(outcome, 'coder').map(({ messages }) => messages)).toEqual([[{ role: 'user', content: 'A part of it' }]]);
    expect(outcome.text).toBe('Thanks.');
  });

  it('asks several at once', async () => {
    const both = calls(calling('consult_coding', { query: 'How?' }), calling('consult_reasoning', { query: 'Why?' }));
    const outcome = await ask({ boss: [both, 'Like this, because of that.'] });
    expect(resultsOf(outcome)).toMatchObject([
      { tool: 'consult_coding', response: 'print()' },
      { tool: 'consult_reasoning', response: 'because' },
    ]);
  });

  it('is told of a specialist that fails, and goes on', async () => {
    const outcome = await ask({
      boss: [consult('coding', 'How?'), consult('reasoning', 'How then?'), 'So.'],
      coder: { error: ill },
    });
    expect(outcome.text).toBe('So.');
    expect(resultsOf(outcome)).toMatchObject([
      { success: false, response: 'ill' },
      { success: true, response: 'because' },
    ]);
    expect(outcome.results['consult_coding']).toMatchObject({ success: false, role: 'coding' });
  });

  it('is told of tools and specialists that there are not', async () => {
    const nonsense = calls(
      calling('consult_gardening', { query: 'x' }),
      calling('consult_specialist', { specialist: 'zzzzzzzzzz', query: 'x' }),
    );
    const outcome = await ask({ boss: [nonsense, 'Sorry.'] });
    expect(resultsOf(outcome)).toMatchObject([
      { success: false, response: expect.stringContaining('no tool called consult_gardening') },
      { success: false, response: 'specialist must be one of: coding, reasoning.' },
    ]);
  });

  it('may ask only so many models', async () => {
    const outcome = await ask(
      { boss: [consult('coding', 'a'), consult('reasoning', 'b'), consult('coding', 'c'), 'Done.'] },
      {},
      { conversation: { max_models: 1 } },
    );
    expect(keysOf(outcome)).toEqual(['arbiter', 'coding', 'arbiter', 'arbiter', 'coding', 'arbiter']);
    expect(resultsOf(outcome)[1]).toMatchObject({ success: false, response: expect.stringContaining('At most 1') });
  });

  it('has no tools in its last round', async () => {
    const outcome = await ask(
      { boss: ({ index }) => consult('coding', `question ${index}`) },
      {},
      { max_rounds: 3, direct: false },
    );
    const choices = inputsOf(outcome, 'boss').map((input) => input.tool_choice);
    expect(choices).toEqual([undefined, undefined, 'none']);
    // It has nothing to say even then: the last word of a specialist is the answer.
    expect(outcome.text).toBe('print()');
  });

  it('is stopped when it asks the same again and again', async () => {
    const outcome = await ask({ boss: consult('coding', 'Again?'), coder: 'No.' }, {}, { direct: false });
    expect(keysOf(outcome)).toEqual(['arbiter', 'coding', 'arbiter', 'arbiter', 'arbiter']);
    expect(resultsOf(outcome).at(-1)).toMatchObject({ success: false, response: 'You have asked this before. It gave: No.' });
    expect(outcome.text).toBe('No.');
  });

  it('sees what was said before only with include_full_history', async () => {
    const messages: ChatMessage[] = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: 'I like Rust.' },
      { role: 'assistant', content: 'Noted.' },
      { role: 'user', content: 'A loop?' },
    ];
    const boss: MemberScript = [consult('coding', 'Show one loop'), 'Ok.'];
    const shown = async (include_full_history: boolean): Promise<unknown> => {
      const outcome = await ask({ boss }, { input: { messages } }, { conversation: { include_full_history } });
      return inputsOf(outcome, 'coder')[0]?.messages.map(({ content }) => content);
    };
    expect(await shown(false)).toEqual(['Show one loop']);
    expect(await shown(true)).toEqual(['I like Rust.', 'Noted.', 'Show one loop']);
  });

  it('cuts what it asks to the specialist’s context window', async () => {
    const long = 'A sentence of the context. '.repeat(500);
    const outcome = await ask(
      { boss: [consult('coding', 'What now?', long), 'Ok.'] },
      {},
      { specialists: { coding: { model: 'coder', context_window: 512 } } },
    );
    const content = firstText(outcome, 'coder');
    expect(content.length).toBeLessThan(2500);
    expect(content).toMatch(/^Context:\nA sentence[^]*context\.\n\nWhat now\?$/);
  });

  it('is told the start of an answer that its own window cannot hold', async () => {
    const outcome = await ask(
      { boss: [consult('coding', 'Tell all'), 'Ok.'], coder: 'One more sentence. '.repeat(3000) },
      { describe: { boss: { contextWindow: 4096 } } },
    );
    const [result] = resultsOf(outcome) as { response: string }[];
    expect(result?.response.length).toBeGreaterThan(3000);
    expect(result?.response.length).toBeLessThan(10_000);
  });

  it('gives images to specialists that can see', async () => {
    const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AA==' } };
    const input = { messages: [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'What is this?' }, image] }] };
    const both = calls(calling('consult_coding', { query: 'Code?' }), calling('consult_reasoning', { query: 'Sense?' }));
    const outcome = await ask({ boss: [both, 'A dot.'] }, { input, describe: { thinker: { capabilities: ['vision'] } } });
    expect(inputsOf(outcome, 'coder')[0]?.messages[0]?.content).toBe('Code?');
    expect(inputsOf(outcome, 'thinker')[0]?.messages[0]?.content).toEqual([{ type: 'text', text: 'Sense?' }, image]);
  });

  it('asks nobody where models may not consult each other', async () => {
    const outcome = await ask({ boss: 'x' }, { settings: { collaboration: false } });
    expect(outcome.error?.code).toBe('feature_disabled');
  });
});

describe('what a specialist says is the answer', () => {
  it('as it writes it, when the question is handed on as it stands', async () => {
    const outcome = await ask(
      { boss: consult('coding', 'write a loop'), coder: { text: 'for (;;) {}', confidence: 0.8 } },
      {
        input: {
          messages: [
            { role: 'system', content: 'Be brief.' },
            { role: 'user', content: 'Write a loop!' },
          ],
          temperature: 0.2,
        },
      },
    );
    expect([outcome.text, outcome.confidence?.score]).toEqual(['for (;;) {}', 0.8]);
    expect(keysOf(outcome)).toEqual(['arbiter', 'coding']);
    // It answers in the run's name: the request reaches it as it is.
    expect(inputsOf(outcome, 'coder')[0]).toMatchObject({
      temperature: 0.2,
      messages: [{ content: 'Be brief.' }, { content: 'Write a loop!' }],
    });
    expect(outcome.decisions[0]?.data).toEqual({ specialist: 'coding', by: 'arbiter' });
  });

  it.each(['', 'No tool fits.', 'for (;;) {}', '`for (;;) {}`', '{"response": "for (;;) {}"}'])(
    'when the arbiter only says %j',
    async (said) => {
      const outcome = await ask({
        boss: [consult('coding', 'Some loop, please'), said],
        coder: { text: 'for (;;) {}', confidence: 0.7 },
      });
      expect([outcome.text, outcome.confidence?.score]).toEqual(['for (;;) {}', 0.7]);
    },
  );

  it('when the arbiter asks the same again', async () => {
    const outcome = await ask({ boss: consult('coding', 'Some loop, please'), coder: 'for (;;) {}' });
    expect([outcome.text, keysOf(outcome)]).toEqual(['for (;;) {}', ['arbiter', 'coding', 'arbiter']]);
  });

  it('when the arbiter fails after it has asked', async () => {
    const outcome = await ask({ boss: [consult('coding', 'Some loop, please'), { error: ill }], coder: 'for (;;) {}' });
    expect(outcome.text).toBe('for (;;) {}');
  });

  it.each([
    ['fails', { error: ill }],
    ['says nothing', ''],
    ['finds no tool', 'No tool fits.'],
  ])('whose description fits best, when the arbiter %s', async (_, boss) => {
    const outcome = await ask({ boss }, { input: 'Solve this puzzle for me.' });
    expect([outcome.text, keysOf(outcome)]).toEqual(['because', ['arbiter', 'reasoning']]);
    expect(outcome.decisions.at(-1)?.data).toEqual({ by: 'words' });
  });

  it.each<[string, MemberScript]>([
    ['can answer', { error: ill }],
    ['say something', ' \n'],
  ])('of those that %s', async (_, thinker) => {
    const outcome = await ask({ boss: { error: ill }, thinker }, { input: 'Solve this puzzle for me.' });
    expect([outcome.text, keysOf(outcome)]).toEqual(['print()', ['arbiter', 'reasoning', 'coding']]);
  });

  it('or an error with every reason; who said nothing is asked again when the run is resumed', async () => {
    const { error, journal } = await ask({ boss: { error: ill }, thinker: '', coder: ' ' });
    expect(error?.details.members).toMatchObject([
      { member: 'arbiter', code: 'upstream_error' },
      { member: 'coding', code: 'upstream_invalid', message: 'the answer was empty' },
      { member: 'reasoning', code: 'upstream_invalid' },
    ]);
    const resumed = await ask({ boss: { error: ill }, coder: 'print()' }, { journal });
    expect([resumed.text, keysOf(resumed)]).toEqual(['print()', ['arbiter', 'coding']]);
  });

  it('not when it failed: the arbiter is told, and goes on', async () => {
    const outcome = await ask({ boss: [consult('coding', 'question?'), 'Sorry, nobody knows.'], coder: { error: ill } });
    expect(outcome.text).toBe('Sorry, nobody knows.');
    expect(keysOf(outcome)).toEqual(['arbiter', 'coding', 'arbiter']);
    expect(resultsOf(outcome)).toEqual([{ tool: 'consult_coding', success: false, response: 'ill', reasoning: null }]);
  });

  it('not with `direct: false`: the arbiter writes the answer', async () => {
    const outcome = await ask(
      { boss: [consult('coding', 'question?'), 'for (;;) {}'], coder: 'for (;;) {}' },
      {},
      { direct: false },
    );
    expect(keysOf(outcome)).toEqual(['arbiter', 'coding', 'arbiter']);
    expect(outcome.decisions).toEqual([]);
  });
});

describe('an arbiter that routes', () => {
  const small = { describe: { boss: { contextWindow: 2048 } } };

  it('only chooses who answers', async () => {
    const outcome = await ask(
      { boss: consult('reasoning', 'garbled copy') },
      { ...small, input: { messages: [{ role: 'user', content: 'Why?' }], max_tokens: 3 } },
    );
    expect([outcome.text, keysOf(outcome)]).toEqual(['because', ['arbiter', 'reasoning']]);
    const [shown] = inputsOf(outcome, 'boss');
    expect(namesOf(shown)).toEqual(['consult_coding', 'consult_reasoning']);
    expect(shown).toMatchObject({ tool_choice: 'required', temperature: 0, messages: [{ role: 'user', content: 'Why?' }] });
    expect(shown?.max_tokens).toBeUndefined();
    expect(inputsOf(outcome, 'thinker')[0]).toMatchObject({ max_tokens: 3, messages: [{ content: 'Why?' }] });
  });

  it('tells how sure the choice is', async () => {
    const outcome = await ask({ boss: { ...consult('reasoning', 'x'), confidence: 0.97 } }, small);
    expect(outcome.decisions[0]?.data).toEqual({ specialist: 'reasoning', by: 'arbiter', confidence: 0.97 });
  });

  it.each<[string, MemberScript]>([
    ['fails', { error: ill }],
    ['chooses nobody', 'No tool fits.'],
    ['talks', 'I think that reasoning would be good.'],
  ])('leaves it to the words of the descriptions when it %s', async (_, boss) => {
    const outcome = await ask({ boss }, { ...small, input: 'Fix my program' });
    expect([outcome.text, keysOf(outcome)]).toEqual(['print()', ['arbiter', 'coding']]);
  });

  it.each<[string, MemberScript]>([
    ['fails', { error: ill }],
    ['says nothing', '\n'],
  ])('goes on to the others when the chosen one %s', async (_, thinker) => {
    const outcome = await ask({ boss: consult('reasoning', 'x'), thinker }, small);
    expect([outcome.text, keysOf(outcome)]).toEqual(['print()', ['arbiter', 'reasoning', 'coding']]);
  });

  it('is not asked when there is nothing to choose', async () => {
    const outcome = await ask({ boss: 'x' }, { ...small, overrides: { members: ['reasoning'] } });
    expect([outcome.text, keysOf(outcome)]).toEqual(['because', ['reasoning']]);
  });

  it('sees a quarter of its window of a long question', async () => {
    const outcome = await ask({ boss: consult('reasoning', 'x') }, { ...small, input: 'Why is that so? '.repeat(1000) });
    expect(firstText(outcome, 'boss').length).toBeLessThanOrEqual(1024);
    expect(firstText(outcome, 'thinker').length).toBe(16_000);
  });

  it('may call the client’s tools, and repeat what they give', async () => {
    const input = { tools: [tool('now')], messages: [{ role: 'user' as const, content: 'Time?' }] };
    const first = await ask({ boss: calls(calling('now')) }, { ...small, input });
    expect(first).toMatchObject({ finishReason: 'tool_calls', toolCalls: [{ function: { name: 'now' } }] });
    expect(inputsOf(first, 'boss')[0]?.tool_choice).toBeUndefined();
    const told: ChatMessage[] = [
      ...input.messages,
      { role: 'assistant', tool_calls: [...first.toolCalls] },
      { role: 'tool', tool_call_id: first.toolCalls[0]?.id ?? '', content: '12:00' },
    ];
    const second = await ask({ boss: '12:00' }, { ...small, input: { ...input, messages: told } });
    expect(second.text).toBe('12:00');
  });
});

describe('the client’s tools', () => {
  const input = { tools: [tool('search'), tool('consult_coding')], messages: [{ role: 'user' as const, content: 'question?' }] };

  it('end the turn when the arbiter calls one', async () => {
    const outcome = await ask({ boss: calls(calling('search', { q: 'x' })) }, { input });
    expect(outcome).toMatchObject({
      finishReason: 'tool_calls',
      text: '',
      toolCalls: [{ function: { name: 'search', arguments: '{"q":"x"}' } }],
    });
  });

  it('keep their names: the arbiter’s own are renamed', async () => {
    const outcome = await ask({ boss: calls(calling('consult_coding')) }, { input });
    expect(namesOf(inputsOf(outcome, 'boss')[0]).slice(0, 4)).toEqual([
      'search',
      'consult_coding',
      'tutti_consult_coding',
      'consult_reasoning',
    ]);
    expect(outcome.toolCalls).toMatchObject([{ function: { name: 'consult_coding' } }]);
  });

  it('wait until the arbiter’s own calls are served', async () => {
    const both = calls(calling('search'), calling('consult_reasoning', { query: 'Which?' }));
    const outcome = await ask({ boss: [both, calls(calling('search', { q: 'that' }))] }, { input });
    expect(outcome.toolCalls.map((call) => call.function.arguments)).toEqual(['{"q":"that"}']);
    expect(resultsOf(outcome)).toHaveLength(1);
  });

  it('are not offered when the client forbids them', async () => {
    const outcome = await ask({ boss: 'x' }, { input: { ...input, tool_choice: 'none' } });
    expect(namesOf(inputsOf(outcome, 'boss')[0])).not.toContain('search');
    expect(inputsOf(outcome, 'boss')[0]?.tool_choice).toBeUndefined();
  });

  it('bring their results back to the specialist that called them', async () => {
    const made = await ask({ boss: consult('reasoning', 'question?'), thinker: calls(calling('search')) }, { input });
    const [call] = made.toolCalls;
    expect(call?.id).toMatch(/^call_\d+--reasoning$/);
    const messages: ChatMessage[] = [
      ...input.messages,
      { role: 'assistant', tool_calls: call === undefined ? [] : [call] },
      { role: 'tool', tool_call_id: call?.id ?? '', content: 'found' },
    ];
    const outcome = await ask({ boss: 'not asked', thinker: 'So it is.' }, { input: { ...input, messages } });
    expect([outcome.text, keysOf(outcome)]).toEqual(['So it is.', ['reasoning']]);
    const shown = inputsOf(outcome, 'thinker')[0]?.messages;
    expect(shown?.[2]).toMatchObject({ tool_call_id: call?.id.replace('--reasoning', '') });
    expect(shown?.[1]).toMatchObject({ tool_calls: [{ id: call?.id.replace('--reasoning', '') }] });
  });
});

describe('the arbiter’s other tools', () => {
  it('escalate_to_user pauses the run, and goes on with the reply', async () => {
    const boss: MemberScript = [
      calls(calling('consult_coding', { query: 'Any?' }), calling('escalate_to_user', { question: 'Which one?' })),
      'The red one.',
    ];
    const paused = await ask({ boss });
    expect(paused.error).toMatchObject({ code: 'awaiting_input', message: 'Which one?' });
    paused.journal.setReply('root/0/escalate_to_user', 'red');
    const again = await ask({ boss: 'The red one.' }, { journal: paused.journal });
    expect(again.text).toBe('The red one.');
    expect(keysOf(again)).toEqual(['arbiter']);
    expect(resultsOf(again)[1]).toEqual({ tool: 'escalate_to_user', success: true, response: 'red', reasoning: null });
  });

  it('synthesize_responses writes the answer from all that was said', async () => {
    const both = calls(calling('consult_coding', { query: 'How?' }), calling('consult_reasoning', { query: 'Why?' }));
    const outcome = await ask({ boss: [both, calls(calling('synthesize_responses')), 'How and why.'] });
    expect([outcome.text, keysOf(outcome)]).toEqual([
      'How and why.',
      ['arbiter', 'coding', 'reasoning', 'arbiter', 'synthesize_responses'],
    ]);
    expect(lastText(outcome, 'boss')).toContain('[coding]\nprint()\n\n[reasoning]\nbecause');
  });

  it('synthesize_responses that comes to nothing is told to the arbiter', async () => {
    const both = calls(calling('consult_coding', { query: 'How?' }), calling('consult_reasoning', { query: 'Why?' }));
    const outcome = await ask({ boss: [both, calls(calling('synthesize_responses')), ' ', '', 'By myself.'] });
    expect(outcome.text).toBe('By myself.');
    expect(resultsOf(outcome).at(-1)).toMatchObject({ success: false, response: 'Nothing was written.' });
  });

  it('synthesize_responses without responses is refused', async () => {
    const outcome = await ask({ boss: [calls(calling('synthesize_responses')), 'Ok.'] });
    expect(resultsOf(outcome)).toMatchObject([{ success: false }]);
  });

  it('escalate_to_larger asks the larger model: of the config, or the best for reasoning', async () => {
    const boss: MemberScript = [calls(calling('escalate_to_larger', { query: 'Too hard' })), 'Ok.'];
    const given = await ask({ boss, giant: 'easy' }, {}, { larger: 'giant' });
    const found = await ask({ boss, huge: 'simple' }, { find: { reasoning: ['boss', 'huge'] } });
    expect([resultsOf(given), resultsOf(found)]).toMatchObject([[{ response: 'easy' }], [{ response: 'simple' }]]);
  });

  it('use_orchestration runs those of the config', async () => {
    const boss: MemberScript = [calls(calling('use_orchestration', { orchestration: 'chain', query: 'Go' })), 'Ok.'];
    const outcome = await ask({ boss, chain: 'went' }, {}, { orchestrations: ['chain'] });
    expect(resultsOf(outcome)).toMatchObject([{ tool: 'use_orchestration', success: true, response: 'went' }]);
  });

  it('start_conversation lets specialists talk', async () => {
    const outcome = await ask(
      {
        boss: ({ key, index }) =>
          key.includes('review')
            ? '{"action": "pass"}'
            : index === 0
              ? calls(calling('start_conversation', { question: 'Tabs or spaces?' }))
              : 'Tabs.',
        coder: ['Tabs are best.', 'Fine, mix both.'],
        thinker: ['Spaces look equal everywhere.', 'Agreed.'],
      },
      {},
      { conversation: { max_turns: 3 } },
    );
    expect(outcome.text).toBe('Tabs.');
    expect(resultsOf(outcome)).toEqual([
      {
        tool: 'start_conversation',
        success: true,
        response: '[coding]\nTabs are best.\n\n[reasoning]\nSpaces look equal everywhere.\n\n[coding]\nFine, mix both.',
        reasoning: 'The limit of 3 turns is reached.',
      },
    ]);
    expect(keysOf(outcome)).toContain('conversation.review_message');
  });

  it('reinterpret finds the calls in a text', async () => {
    const outcome = await ask(
      { boss: [calls(calling('reinterpret', { text: 'search(q="cats")' })), 'Ok.'] },
      {
        input: {
          tools: [
            {
              type: 'function',
              function: { name: 'search', parameters: { type: 'object', properties: { q: { type: 'string' } } } },
            },
          ],
        },
      },
    );
    expect(resultsOf(outcome)).toEqual([
      { tool: 'reinterpret', success: true, response: '[{"name":"search","arguments":"{\\"q\\":\\"cats\\"}"}]', reasoning: null },
    ]);
  });

  it('system_information tells who is there and what was done', async () => {
    const outcome = await ask({ boss: [consult('coding', 'How?'), calls(calling('system_information')), 'Ok.'] });
    expect(JSON.parse(String((resultsOf(outcome)[1] as { response: string }).response))).toMatchObject({
      specialists: [
        { name: 'coding', model: 'coder' },
        { name: 'reasoning', model: 'thinker' },
      ],
      consulted: ['coding'],
    });
  });
});

it.each([
  ['root/0', 0],
  ['root/0/consult_coding', 1],
  ['root/0/consult_coding/panel/consult_larger', 2],
])('the step %s lies within %i consultations', (step, depth) => {
  expect(depthOf(step)).toBe(depth);
});

describe('one call', () => {
  it('may choose among the specialists, by name or model', async () => {
    const outcome = await ask({ boss: 'x' }, { overrides: { members: ['coder'] } });
    expect(namesOf(inputsOf(outcome, 'boss')[0]).filter((name) => name.startsWith('consult_'))).toEqual([
      'consult_coding',
      'consult_specialist',
    ]);
  });

  it('may let all know something', async () => {
    const outcome = await ask({ boss: [consult('coding', 'How?', 'Now.'), 'Ok.'] }, { overrides: { context: 'It is Monday.' } });
    expect(inputsOf(outcome, 'boss')[0]?.messages[0]?.content).toMatch(/Context:\nIt is Monday\.$/);
    expect(inputsOf(outcome, 'coder')[0]?.messages[0]?.content).toBe('Context:\nIt is Monday.\n\nNow.\n\nHow?');
  });
});

describe('a member that may consult others', () => {
  const member = withConsult('writer', ['expert', { model: 'other', name: 'critic', temperature: 0 }]);
  const run = (members: StrategyRun['members'], more: Partial<StrategyRun> = {}): Promise<StrategyOutcome> =>
    runScripted(member.definition, member.config, { members, ...more });

  it('has a tool for each of them, and answers itself', async () => {
    const outcome = await run({ writer: [consult('critic', 'question?'), 'The answer.'], other: 'Too long.', expert: 'x' });
    expect([outcome.text, keysOf(outcome)]).toEqual(['The answer.', ['answer', 'critic', 'answer.2']]);
    expect(namesOf(inputsOf(outcome, 'writer')[0])).toEqual(['consult_expert', 'consult_critic']);
    expect(inputsOf(outcome, 'other')[0]).toMatchObject({ temperature: 0 });
    expect(inputsOf(outcome, 'writer')[0]?.messages).toEqual([{ role: 'user', content: 'question?' }]);
  });

  it('reaches the only one by any name', async () => {
    const { definition, config: only } = withConsult('writer', ['expert']);
    const outcome = await runScripted(definition, only, {
      members: { writer: [consult('math', 'What?'), 'So.'], expert: 'That.' },
    });
    expect(keysOf(outcome)).toEqual(['answer', 'expert', 'answer.2']);
  });

  it('fails as itself: nobody stands in for it', async () => {
    const outcome = await run({ writer: [consult('expert', 'x'), { error: ill }], expert: 'knows' });
    expect([outcome.error?.code, outcome.text]).toEqual(['upstream_error', '']);
  });

  it('is stopped when it asks without end', async () => {
    const outcome = await run({ writer: ({ index }) => ({ ...consult('expert', `x${index}`), text: 'hm' }), expert: 'knows' });
    expect(inputsOf(outcome, 'writer').map(({ tool_choice }) => tool_choice)).toEqual([undefined, undefined, undefined, 'none']);
    expect(outcome.text).toBe('hm');
  });
});
