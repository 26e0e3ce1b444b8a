import { describe, expect, it } from 'vitest';
import { LOCAL_MEDIA } from './media.ts';
import { splitParameters, toChatInput } from './chat-request.ts';
import { cpuMeter, parseNvidia } from './devices.ts';
import { defaultAliases } from './default-aliases.ts';
import { discoverBackends } from './discovery.ts';
import { findCycle, unknownTargets } from './orchestration-graph.ts';

describe('toChatInput', () => {
  it('takes a text, parts, or messages, and settings in either spelling', async () => {
    const parameters = { maxTokens: 5, top_p: 0.5, topLogprobs: 2, repetition_penalty: 1.1 };
    expect(await toChatInput({ input: 'Hi', parameters }, LOCAL_MEDIA)).toEqual({
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: 5,
      top_p: 0.5,
      top_logprobs: 2,
      extra: { repetition_penalty: 1.1 },
    });
    expect((await toChatInput({ input: [{ type: 'text', text: 'Hi' }] }, LOCAL_MEDIA)).messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
    ]);
    const messages = [
      { role: 'system', content: 'S' },
      { role: 'user', content: 'U' },
    ] as const;
    expect((await toChatInput({ input: messages }, LOCAL_MEDIA)).messages).toEqual(messages);
  });

  it.each([
    [{ input: ' ' }, 'input'],
    [{ input: [] }, 'input'],
    [{ input: 'x', parameters: { temperature: 3 } }, 'temperature'],
    [{ input: [{ role: 'robot', content: 'x' }] }, 'messages[0].role'],
    [{ input: 'x', tools: [{ type: 'function', function: { name: 'a b' } }] }, 'tools[0].function.name'],
  ])('names the field that is wrong: %j', async (request, param) => {
    await expect(toChatInput(request as never, LOCAL_MEDIA)).rejects.toMatchObject({ code: 'invalid_request', param });
  });

  it('leaves out settings that are undefined', () => {
    expect(splitParameters({ temperature: undefined, seed: 1 })).toEqual({ known: { seed: 1 }, extra: {} });
  });
});

describe('discoverBackends', () => {
  it('uses the presets whose key is set, but never servers at a loopback address', () => {
    const found = discoverBackends({ OPENAI_API_KEY: 'k', GROQ_API_KEY: '', VLLM_API_KEY: 'k' }, '/models');
    expect(found).toEqual({
      gguf: { type: 'llama-cpp', models_dir: '/models' },
      openai: { type: 'openai-compatible', preset: 'openai', api_key: 'k' },
    });
  });
});

describe('defaultAliases', () => {
  it('list the configured providers that have a key, in the order of trial', () => {
    const backends = {
      together: { type: 'openai-compatible', preset: 'together', api_key: 'k' },
      kimi: { type: 'openai-compatible', preset: 'moonshot' },
      groq: { type: 'openai-compatible', preset: 'groq' },
      other: { type: 'ollama' },
    };
    expect(defaultAliases(backends, { MOONSHOT_API_KEY: 'k' })).toEqual({
      'kimi-k2': ['kimi:kimi-k2.6', 'together:moonshotai/Kimi-K2-Instruct-0905'],
    });
    expect(defaultAliases({}, {})).toEqual({});
  });
});

describe('devices', () => {
  it('reads what nvidia-smi prints', () => {
    const text = '0, NVIDIA H200, 143771, 143000, 3\n1, NVIDIA A100, 40960, 100, [N/A]\nNo devices were found\n';
    expect(parseNvidia(text)).toEqual([
      {
        id: 'gpu:0',
        api: 'cuda',
        name: 'NVIDIA H200',
        totalBytes: 143771 * 2 ** 20,
        freeBytes: 143000 * 2 ** 20,
        busyPercent: 3,
      },
      { id: 'gpu:1', api: 'cuda', name: 'NVIDIA A100', totalBytes: 40960 * 2 ** 20, freeBytes: 100 * 2 ** 20, busyPercent: null },
    ]);
  });

  it('measures the processors between two looks', () => {
    const times = [
      { busy: 0, total: 0 },
      { busy: 30, total: 120 },
      { busy: 30, total: 120 },
    ];
    const meter = cpuMeter(() => times.shift() ?? { busy: 0, total: 0 });
    expect([meter(), meter(), meter()]).toEqual([null, 25, null]);
  });
});

describe('the graph of orchestrations', () => {
  const members = new Map([
    ['a', ['b', 'x:1']],
    ['b', ['short']],
    ['c', ['a']],
  ]);
  it('finds a cycle, also through an alias', () => {
    expect(findCycle(members, { short: 'c' })).toEqual(['a', 'b', 'short', 'c', 'a']);
    expect(findCycle(members, { short: 'x:2' })).toBeNull();
  });

  it('knows which targets cannot exist', () => {
    const names = { aliases: {}, models: {}, orchestrations: { panel: {} } };
    const references = ['openai:gpt', 'opnai:gpt', 'panel', 'vision', 'some-model', 'auto'].map((target) => ({
      path: ['x'],
      target,
    }));
    const unknown = (backends: ReadonlySet<string> | null) =>
      unknownTargets(references, { ...names, backends }).map(({ target, hint }) => target + hint);
    expect(unknown(new Set(['openai', 'embedded']))).toEqual(['opnai:gpt; did you mean `openai:`?']);
    expect(unknown(new Set(['embedded']))).toEqual(['openai:gpt', 'opnai:gpt', 'some-model']);
    expect(unknown(null)).toEqual([]);
  });
});
