import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embedMany, generateText, jsonSchema, stepCountIs, streamText, tool, type ModelMessage } from 'ai';
import { expect, it } from 'vitest';
import asking from '../../test/fixtures/asking.ts';
import type { ChatInput } from '../contracts/chat.ts';
import { deferred } from '../lib/deferred.ts';
import { TuttiError } from '../errors/error.ts';
import { FakeBackend, type FakeBackendOptions } from '../testing/fake-backend.ts';
import { createTutti, type Tutti } from '../tutti.ts';
import { aiSdkProvider, type AiSdkProvider } from './provider.ts';

interface Rig extends AsyncDisposable {
  readonly tutti: Tutti;
  readonly provider: AiSdkProvider;
  readonly backend: FakeBackend;
  /** What the last call was asked. */
  asked(): ChatInput;
}

async function start(models: FakeBackendOptions['models']): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'tutti-ai-sdk-'));
  stack.defer(() => rm(directory, { recursive: true }));
  const backend = new FakeBackend({ ...(models && { models }) });
  const orchestrations = {
    safe: { strategy: 'fallback', members: ['fake:down', 'fake:echo'] },
    ask: { strategy: 'asking', members: ['fake:echo', 'fake:echo'] },
  };
  const tutti = await createTutti({
    directory,
    environment: {},
    log: 'silent',
    discover: false,
    backends: [backend],
    plugins: [asking],
    orchestrations,
  });
  stack.use(tutti);
  await tutti.backends.settled();
  const owned = stack.move();
  return {
    tutti,
    provider: aiSdkProvider(tutti),
    backend,
    asked: () => backend.calls.at(-1)?.input as ChatInput,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const down = { answer: { failBefore: new TuttiError('upstream_error', 'down for a while') } };
const once = { maxRetries: 0 } as const;
const weather = tool({
  description: 'Tells the weather',
  inputSchema: jsonSchema<{ city: string }>({ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }),
  execute: ({ city }) => `18 degrees in ${city}`,
});

it('lets generateText ask a model, with its settings', async () => {
  await using rig = await start({ echo: { answer: { text: 'Hello there', reasoning: 'a greeting' } } });
  const result = await generateText({
    ...once,
    model: rig.provider('fake:echo'),
    instructions: 'Be kind.',
    prompt: 'Hi',
    maxOutputTokens: 50,
    temperature: 0.5,
    stopSequences: ['END'],
    seed: 4,
  });
  expect(result.text).toBe('Hello there');
  expect(result.reasoningText).toBe('a greeting');
  expect(result.finishReason).toBe('stop');
  expect(result.usage.inputTokens).toBeGreaterThan(0);
  expect(result.response.modelId).toBe('fake:echo');
  expect(result.providerMetadata?.['tutti']).toMatchObject({
    runId: expect.stringMatching(/^run_/),
    modelsUsed: ['fake:echo'],
    review: 'none',
  });
  expect(rig.asked()).toMatchObject({
    messages: [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    ],
    max_tokens: 50,
    temperature: 0.5,
    stop: ['END'],
    seed: 4,
  });
});

it('streams an orchestration', async () => {
  await using rig = await start({ down, echo: { answer: 'one two three' } });
  const { textStream, finishReason, providerMetadata } = streamText({ ...once, model: rig.provider('safe'), prompt: 'count' });
  expect((await Array.fromAsync(textStream)).join('')).toBe('one two three');
  expect(await finishReason).toBe('stop');
  expect((await providerMetadata)?.['tutti']).toMatchObject({ modelsUsed: ['fake:echo'] });
});

it.each(['generated', 'streamed'])('has tools called and their results read, %s', async (way) => {
  const answers = [{ toolCalls: [{ name: 'weather', arguments: { city: 'Paris' } }] }, { text: 'It is 18 degrees.' }];
  await using rig = await start({ echo: { answer: () => answers.shift() ?? {} } });
  const settings = {
    ...once,
    model: rig.provider('fake:echo'),
    prompt: 'Weather in Paris?',
    tools: { weather },
    stopWhen: stepCountIs(3),
  };
  const text = way === 'generated' ? (await generateText(settings)).text : await streamText(settings).text;
  expect(text).toBe('It is 18 degrees.');
  expect(rig.asked()).toMatchObject({
    messages: [
      { role: 'user' },
      { role: 'assistant', content: null, tool_calls: [{ function: { name: 'weather', arguments: '{"city":"Paris"}' } }] },
      { role: 'tool', content: '18 degrees in Paris' },
    ],
    tools: [{ type: 'function', function: { name: 'weather', description: 'Tells the weather' } }],
    tool_choice: 'auto',
  });
});

it('passes images and files on', async () => {
  await using rig = await start({ echo: { descriptor: { capabilities: ['text_generation', 'vision'] } } });
  const content: ModelMessage = {
    role: 'user',
    content: [
      { type: 'file', data: new Uint8Array([1, 2, 3]), mediaType: 'image/png' },
      { type: 'file', data: new URL('https://example.com/a.png'), mediaType: 'image/png' },
      { type: 'file', data: 'AQID', mediaType: 'audio/wav' },
      { type: 'file', data: 'AQID', mediaType: 'application/pdf', filename: 'a.pdf' },
    ],
  };
  await generateText({ ...once, model: rig.provider('fake:echo'), messages: [content] });
  expect(rig.asked().messages[0]?.content).toEqual([
    { type: 'image_url', image_url: { url: 'data:image/png;base64,AQID' } },
    { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
    { type: 'input_audio', input_audio: { data: 'AQID', format: 'wav' } },
    { type: 'file', file: { file_data: 'data:application/pdf;base64,AQID', filename: 'a.pdf' } },
  ]);
});

it.each([
  ['fake:down', 'upstream_error'],
  ['nobody', 'model_not_found'],
])('fails with Tutti’s error, whole or in a stream: %s', async (name, code) => {
  await using rig = await start({ down });
  const model = rig.provider(name);
  await expect(generateText({ ...once, model, prompt: 'Hi' })).rejects.toMatchObject({ code });
  const errors: unknown[] = [];
  await streamText({ ...once, model, prompt: 'Hi', onError: ({ error }) => void errors.push(error) }).consumeStream();
  expect(errors).toEqual([expect.objectContaining({ code })]);
});

it('tells a question for a person as one, which can be replied to', async () => {
  await using rig = await start({ echo: { answer: 'so' } });
  const { text, providerMetadata } = await generateText({ ...once, model: rig.provider('ask'), prompt: 'Hi' });
  expect([text, providerMetadata?.['tutti']]).toMatchObject(['so: go on?', { status: 'waiting' }]);
  const run = providerMetadata?.['tutti']?.['runId'] as string;
  expect((await rig.tutti.reply(run, 'yes')).text).toBe('so yes so');
});

it('begins no run for a stream that nobody reads', async () => {
  await using rig = await start({ echo: {} });
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi' }] }];
  const { stream } = await rig.provider('fake:echo').doStream({ prompt });
  await stream.cancel();
  expect(rig.tutti.runs.list().runs).toEqual([]);
});

it('stops the run when the caller leaves', async () => {
  const never = deferred();
  await using rig = await start({ echo: { answer: { text: 'never said', gate: never.promise } } });
  const controller = new AbortController();
  const called = rig.backend.nextCall();
  const answer = generateText({ ...once, model: rig.provider('fake:echo'), prompt: 'Hi', abortSignal: controller.signal });
  const call = await called;
  controller.abort();
  await expect(answer).rejects.toThrow();
  await call.ended;
  expect(call.state).toBe('cancelled');
});

it('makes vectors', async () => {
  await using rig = await start({ vec: { embed: (text) => [text.length, 1] } });
  const { embeddings, usage } = await embedMany({
    ...once,
    model: rig.provider.embeddingModel('fake:vec'),
    values: ['a', 'bcd'],
  });
  expect(embeddings).toEqual([
    [1, 1],
    [3, 1],
  ]);
  expect(usage.tokens).toBeGreaterThan(0);
});
