import { describe, expect, it } from 'vitest';
import type { ChatInput } from '../contracts/chat.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';
import { backendContract } from './backend-contract.ts';
import { collect, collectParts } from './collect.ts';
import { FakeBackend } from './fake-backend.ts';
import { FakeClock } from './fake-clock.ts';

const ask = (content: string, rest: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content }], ...rest });
const image: ChatInput = {
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } }] }],
};
const options = (signal = new AbortController().signal) => ({ signal, step: 'root', principal: LOCAL_PRINCIPAL, priority: 0 });
const signal = new AbortController().signal;

backendContract(
  'FakeBackend',
  {
    create: async () => {
      const backend = new FakeBackend({
        residency: 'local',
        models: {
          echo: { descriptor: { capabilities: ['text_generation', 'tool_calling', 'reasoning'] } },
          thinker: { answer: { reasoning: 'hm hm', text: 'so it is' } },
          odds: {
            answer: {
              tokens: [
                { text: 'ye', logprob: -0.1, top: { no: -2 } },
                { text: 's', logprob: 0 },
              ],
            },
          },
          caller: { answer: { toolCalls: [{ name: 'add', arguments: { a: 1, b: 2 } }] } },
          json: { answer: '{"sum": 3}' },
          seer: { answer: 'a cat', descriptor: { capabilities: ['vision'] } },
          cut: { answer: { text: 'one two three', cutAfter: 2 } },
          endless: { answer: { text: 'one two', gates: { 1: deferred().promise } } },
          vectors: { embed: (text) => [text.length, 1] },
          down: { answer: { failBefore: new TuttiError('upstream_rate_limited', 'slow down, please', { retryAfter: 7 }) } },
        },
      });
      return { backend };
    },
    chat: { model: 'echo', input: ask('hello there'), text: 'hello there' },
    usage: 'reported',
    cancel: {
      model: 'endless',
      input: ask('go'),
      stopped: ({ backend }) => Promise.all(backend.calls.filter((call) => call.model === 'endless').map((call) => call.ended)),
    },
    choices: { model: 'echo', input: ask('hi', { n: 2 }) },
    reasoning: { model: 'thinker', input: ask('why?'), reasoning: 'hm hm', text: 'so it is' },
    logprobs: { model: 'odds', input: ask('?', { logprobs: true, top_logprobs: 1 }), text: 'yes' },
    tools: { model: 'caller', input: ask('1 + 2'), calls: [{ name: 'add', arguments: { a: 1, b: 2 } }] },
    jsonSchema: {
      model: 'json',
      input: ask('1 + 2', {
        response_format: { type: 'json_schema', json_schema: { name: 'sum', schema: { required: ['sum'] } } },
      }),
    },
    images: { model: 'seer', input: image, text: 'a cat' },
    refusedImages: { model: 'echo', input: image },
    embeddings: { model: 'vectors', input: { input: ['a', 'bc'] }, count: 2 },
    unknownModel: { model: 'nobody', input: ask('hi') },
    truncation: { model: 'cut', input: ask('hi') },
    crash: { model: 'echo', kill: ({ backend }) => backend.crash('echo') },
    faults: [
      {
        name: 'a scripted error',
        model: 'down',
        input: ask('hi'),
        code: 'upstream_rate_limited',
        retryable: true,
        retryAfter: 7,
      },
    ],
  },
  { describe, it },
);

describe('FakeBackend', () => {
  const open = (backend: FakeBackend, name: string) =>
    backend.open(backend.descriptor(name), { placement: { device: 'cpu' }, signal });

  it('waits for its clock before each delta', async () => {
    const clock = new FakeClock();
    const backend = new FakeBackend({
      clock,
      models: { slow: { answer: { text: ['a', 'b'], delayMs: 100, deltaDelayMs: 10 } } },
    });
    await using model = await open(backend, 'slow');
    const parts = model.call('chat', ask('hi'), options())[Symbol.asyncIterator]();
    const first = parts.next();
    await clock.timerSet();
    clock.advance(100);
    expect(await first).toMatchObject({ value: { text: 'a' } });
    const second = parts.next();
    await clock.timerSet();
    clock.advance(10);
    expect(await second).toMatchObject({ value: { text: 'b' } });
    await parts.return?.();
    expect(clock.pendingTimers).toBe(0);
  });

  it('loads when its gate opens, with progress, and remembers the load', async () => {
    const gate = deferred();
    const backend = new FakeBackend({
      residency: 'local',
      models: { big: { load: { gate: gate.promise, progress: [0, 0.5, 1] } } },
    });
    const seen: number[] = [];
    const opening = backend.open(backend.descriptor('big'), {
      placement: { device: 'gpu:0' },
      signal,
      onProgress: (fraction) => seen.push(fraction),
    });
    expect(backend.loads).toMatchObject([{ model: 'big', state: 'loading', placement: { device: 'gpu:0' } }]);
    gate.resolve();
    const model = await opening;
    expect(seen).toEqual([0, 0.5, 1]);
    expect(backend.loaded).toEqual(['big']);
    expect(await model.measure?.()).toEqual({ 'gpu:0': 100 * 2 ** 20 });
    await model[Symbol.asyncDispose]();
    expect(backend.loads[0]?.state).toBe('unloaded');
    expect(backend.loaded).toEqual([]);
  });

  it('fails the first load and lets the second pass', async () => {
    const oom = new TuttiError('out_of_memory', 'no room for the model');
    const backend = new FakeBackend({ models: { big: { load: { error: (attempt) => (attempt === 1 ? oom : null) } } } });
    await expect(open(backend, 'big')).rejects.toBe(oom);
    await using model = await open(backend, 'big');
    expect(model.descriptor.id).toBe('fake:big');
  });

  it('fails a running call when it crashes', async () => {
    const backend = new FakeBackend({ models: { m: { answer: { text: 'one two', gates: { 1: deferred().promise } } } } });
    await using model = await open(backend, 'm');
    const started = backend.nextCall();
    const call = collectParts(model.call('chat', ask('hi'), options()));
    await started;
    backend.crash('m');
    await expect(call).rejects.toMatchObject({ code: 'runner_crashed' });
    expect(backend.calls[0]?.state).toBe('failed');
  });

  it('gives a list of answers one a call', async () => {
    const backend = new FakeBackend({ models: { m: { answer: [{ text: 'first' }, { text: 'second' }] } } });
    await using model = await open(backend, 'm');
    const texts = [];
    for (let i = 0; i < 3; i++) texts.push((await collect(model.call('chat', ask('hi'), options()))).text);
    expect(texts).toEqual(['first', 'second', 'second']);
  });

  it('keeps to max_tokens and stop', async () => {
    const backend = new FakeBackend();
    await using model = await open(backend, 'echo');
    expect(await collect(model.call('chat', ask('a b c', { max_tokens: 2 }), options()))).toMatchObject({
      text: 'a b',
      finish: 'length',
    });
    expect(await collect(model.call('chat', ask('a b c', { stop: ' c' }), options()))).toMatchObject({
      text: 'a b',
      finish: 'stop',
    });
  });
});

describe('FakeClock', () => {
  it('runs timers in the order of their times, also those that timers set', () => {
    const clock = new FakeClock(0);
    const ran: string[] = [];
    clock.after(20, () => ran.push('b'));
    clock.after(10, () => {
      ran.push('a');
      clock.after(5, () => ran.push(`at ${clock.monotonic()}`));
    });
    clock.after(20, () => ran.push('c'));
    clock.after(15, () => ran.push('never'))[Symbol.dispose]();
    clock.advance(25);
    expect(ran).toEqual(['a', 'at 15', 'b', 'c']);
    expect(clock.now()).toBe(25);
  });
});
