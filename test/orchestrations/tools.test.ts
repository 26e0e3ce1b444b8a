/** Tool calls on their way through Tutti: read as models write them, and answered by the member that made them. */
import { describe, expect, it } from 'vitest';
import type { ToolDefinition } from '../../src/index.ts';
import { collect } from '../../src/testing/index.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { start } from './start.ts';

const weather: ToolDefinition = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } }, required: ['city'] },
  },
};
const able = { descriptor: { capabilities: ['text_generation', 'tool_calling'] } };

describe('tool calls', () => {
  it('that a model wrote as text become calls', async () => {
    const text = 'Let me look.\n<tool_call>{"name": "get_weather", "arguments": {"city": "Paris", "days": "2"}}</tool_call>';
    await using started = await start({ a: { ...able, answer: { text } } });
    const answer = await started.tutti.run({ model: 'fake:a', input: 'Weather?', tools: [weather] });
    expect(answer.finishReason).toBe('tool_calls');
    expect(answer.text.trim()).toBe('Let me look.');
    expect(answer.toolCalls.map(({ function: call }) => [call.name, JSON.parse(call.arguments)])).toEqual([
      ['get_weather', { city: 'Paris', days: 2 }],
    ]);
  });

  it('are not made up from prose', async () => {
    const text = 'You could use get_weather for that, but it is sunny anyway.';
    await using started = await start({ a: { ...able, answer: text } });
    const answer = await started.tutti.run({ model: 'fake:a', input: 'Hi', tools: [weather] });
    expect([answer.text, answer.toolCalls, answer.finishReason]).toEqual([text, [], 'stop']);
  });

  it('that do not fit their schema are mended where that is safe', async () => {
    await using started = await start({
      a: { ...able, answer: { toolCalls: [{ name: 'get_weather', arguments: { city: 'Rome', days: '3' } }] } },
    });
    const { toolCalls } = await started.tutti.run({ model: 'fake:a', input: 'Weather?', tools: [weather] });
    expect(JSON.parse(toolCalls[0]?.function.arguments ?? '')).toEqual({ city: 'Rome', days: 3 });
  });

  it('that a model wrote beside others go out as they were written when they do not fit, and the run says so', async () => {
    const text = '[get_weather(city="Paris"), get_weather(city="Rome", days=2.5)]';
    await using started = await start({ a: { ...able, answer: text } });
    const { parts } = await collect(
      started.tutti.stream({ model: 'fake:a', input: 'Weather in Paris and Rome?', tools: [weather] }),
    );
    const calls = parts.flatMap((part) => (part.type === 'tool-call-delta' ? [JSON.parse(part.arguments ?? '')] : []));
    expect(calls).toEqual([{ city: 'Paris' }, { city: 'Rome', days: 2.5 }]);
    const notes = parts.flatMap((part) => (part.type === 'progress' && part.phase === 'interpret' ? [part.message] : []));
    expect(notes).toEqual(['2 tool calls parsed; get_weather: days must be of type integer']);
  });

  it('that are shown as an example of just what was asked are made', async () => {
    const text =
      'You could call it like this:\n```python\nprint(get_weather(city="Paris", days=2))\n```\nThat tells the weather.';
    await using started = await start({ a: { ...able, answer: text } });
    const ask = async (input: string) => (await started.tutti.run({ model: 'fake:a', input, tools: [weather] })).toolCalls.length;
    expect(await ask('Weather in Paris for 2 days?')).toBe(1);
    expect(await ask('Weather in Rome for 2 days?')).toBe(0);
  });

  it('go out as they are when the config says so', async () => {
    const text = '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>';
    await using started = await start({ a: { ...able, answer: { text: [text] } } }, { interpreter: { read: false } });
    expect((await started.tutti.run({ model: 'fake:a', input: 'Weather?', tools: [weather] })).text).toBe(text);
  });

  describe('that a model wrote though the question does not ask for them', () => {
    const text = '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>';
    const question = 'Who wrote the Odyssey?';
    const request = { model: 'fake:a', input: question, tools: [weather] };

    it('are shown as they were written', async () => {
      await using started = await start({ a: { ...able, answer: text } });
      const notes: (string | null)[] = [];
      for await (const part of started.tutti.stream(request))
        if (part.type === 'progress' && part.phase === 'interpret') notes.push(part.message ?? null);
      expect(notes).toEqual(['1 tool call not taken: the question does not say city']);
      expect(await started.tutti.run(request)).toMatchObject({ text, toolCalls: [], finishReason: 'stop' });
    });

    it('are made when the config says so, a call is insisted on, or more was said than the question', async () => {
      await using trusting = await start({ a: { ...able, answer: text } }, { interpreter: { doubt: false } });
      expect((await trusting.tutti.run(request)).toolCalls).toHaveLength(1);
      await using started = await start({ a: { ...able, answer: text } });
      const { tutti } = started;
      expect((await tutti.run({ ...request, toolChoice: 'required' })).toolCalls).toHaveLength(1);
      const before = [
        { role: 'user', content: 'I live in Paris.' },
        { role: 'assistant', content: 'Nice!' },
      ] as const;
      const messages = [...before, { role: 'user', content: question }] as const;
      expect((await tutti.run({ ...request, input: messages })).toolCalls).toHaveLength(1);
      const weatherNow = { role: 'user', content: 'What is the weather like?' } as const;
      expect((await tutti.run({ ...request, input: [weatherNow] })).toolCalls).toEqual([]);
      const told = [{ role: 'system', content: 'The user lives in Paris.' }, weatherNow] as const;
      expect((await tutti.run({ ...request, input: told })).toolCalls).toHaveLength(1);
    });
  });

  it('that nothing can make out are shown to the interpreter’s model', async () => {
    const models = {
      a: { ...able, answer: '<tool_call>{"name": "get_weather", "arguments": {"where": "Paris"}}</tool_call>' },
      fixer: { ...able, answer: { toolCalls: [{ name: 'get_weather', arguments: { city: 'Paris' } }] } },
    };
    await using started = await start(models, { interpreter: { model: 'fake:fixer' } });
    const { toolCalls, runId } = await started.tutti.run({ model: 'fake:a', input: 'Weather?', tools: [weather] });
    expect(JSON.parse(toolCalls[0]?.function.arguments ?? '')).toEqual({ city: 'Paris' });
    expect(started.tutti.runs.get(runId)?.steps.map(({ model }) => model)).toContain('fake:fixer');
  });

  it('come back to the member that made them', async () => {
    const ill = new TuttiError('invalid_model_file', 'ill');
    const models = {
      a: { ...able, answer: [{ failBefore: ill }, { text: 'a again' }] },
      b: { ...able, answer: [{ toolCalls: [{ name: 'get_weather', arguments: { city: 'Oslo' } }] }, { text: 'It rains.' }] },
    };
    const orchestrations = {
      safe: { strategy: 'fallback', members: ['fake:a', { model: 'fake:b', instructions: 'Be b.', temperature: 0.3 }] },
    };
    await using started = await start(models, { orchestrations });
    const { tutti, backend } = started;
    const first = await tutti.run({ model: 'safe', input: 'Weather in Oslo?', tools: [weather] });
    expect(first.toolCalls[0]?.id).toContain(first.runId.replace('run_', ''));
    const second = await tutti.run({
      model: 'safe',
      input: [
        { role: 'user', content: 'Weather in Oslo?' },
        { role: 'assistant', content: null, tool_calls: [...first.toolCalls] },
        { role: 'tool', tool_call_id: first.toolCalls[0]?.id ?? '', content: 'rain' },
      ],
      tools: [weather],
    });
    expect(second.text).toBe('It rains.');
    expect(backend.calls.map(({ model }) => model)).toEqual(['a', 'b', 'b']);
    expect(backend.calls[2]?.input).toMatchObject({
      temperature: 0.3,
      messages: [{ role: 'system', content: 'Be b.' }, {}, {}, { role: 'tool' }],
    });
  });
});

describe('images', () => {
  const image = { type: 'image', url: 'data:image/png;base64,iVBORw0KGgo=' } as const;
  const models = { eyes: { answer: 'a red bus', descriptor: { capabilities: ['vision'] } }, talk: { answer: 'It is a bus.' } };

  it('are described by a vision model for one that cannot see', async () => {
    await using started = await start(models);
    const { tutti, backend } = started;
    const answer = await tutti.run({ model: 'fake:talk', input: [{ type: 'text', text: 'What is it?' }, image] });
    expect(answer.text).toBe('It is a bus.');
    expect(backend.calls.map(({ model }) => model)).toEqual(['eyes', 'talk']);
    expect(backend.calls[1]?.input).toMatchObject({ messages: [{ content: '[The image shows: a red bus]\n\nWhat is it?' }] });
  });

  it('go to members that see as they are, and are described for those that do not', async () => {
    const ill = new TuttiError('invalid_model_file', 'ill');
    const both = { ...models, seer: { answer: { failBefore: ill }, descriptor: { capabilities: ['vision'] } } };
    await using started = await start(both, {
      orchestrations: { safe: { strategy: 'fallback', members: ['fake:seer', 'fake:talk'] } },
    });
    const answer = await started.tutti.run({ model: 'safe', input: [{ type: 'text', text: 'What is it?' }, image] });
    expect(answer.text).toBe('It is a bus.');
    expect(started.backend.calls[0]).toMatchObject({
      model: 'seer',
      input: { messages: [{ content: [{ type: 'text' }, { type: 'image_url' }] }] },
    });
  });

  it('stay an error when no model can see', async () => {
    await using started = await start({ talk: { answer: 'x' } });
    await expect(started.tutti.run({ model: 'fake:talk', input: [image] })).rejects.toMatchObject({ code: 'unsupported_input' });
  });
});
