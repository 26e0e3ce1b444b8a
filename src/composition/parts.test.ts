import { describe, expect, it } from 'vitest';
import { LOCAL_MEDIA } from './media.ts';
import { splitParameters, toChatInput } from './chat-request.ts';
import { cpuMeter, parseNvidia } from './devices.ts';
import { defaultAliases } from './default-aliases.ts';
import { discoverBackends } from './discovery.ts';
import { findCycles, unknownTargets } from './orchestration-graph.ts';
import { withEnvironment } from './providers.ts';

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
    [{ input: 'x', parameters: { temperature: 3 } }, 'parameters.temperature'],
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
      router: { type: 'openai-compatible', base_url: 'https://openrouter.ai/api/v1', api_key: 'k' },
      other: { type: 'ollama' },
    };
    const environment = { MOONSHOT_API_KEY: 'k', GROQ_API_KEY: '' };
    const complete = Object.entries(backends).map(([id, entry]) => [id, withEnvironment(entry, environment)]);
    expect(defaultAliases(Object.fromEntries(complete))).toEqual({
      'kimi-k2': ['kimi:kimi-k2.6', 'router:moonshotai/kimi-k2', 'together:moonshotai/Kimi-K2-Instruct-0905'],
    });
    expect(defaultAliases({})).toEqual({});
  });
});

describe('withEnvironment', () => {
  const environment = { OPENAI_API_KEY: 'from .env', OLLAMA_HOST: 'box:1234', LLAMA_API_KEY: 'x' };

  it.each([
    ['a preset gets its key', { preset: 'openai' }, { preset: 'openai', api_key: 'from .env' }],
    ['so does its address', { base_url: 'https://api.openai.com/v1' }, { api_key: 'from .env' }],
    ['a key of its own stays', { preset: 'openai', api_key: 'own' }, { api_key: 'own' }],
    ['an unknown address gets none', { base_url: 'https://example.com/v1' }, { api_key: undefined }],
    [
      'a server on this machine gets none unless it has the preset',
      { base_url: 'http://localhost:8080/v1' },
      { api_key: undefined },
    ],
    ['a provider without its key stays as it is', { preset: 'groq' }, { api_key: undefined }],
  ])('%s', (_what, entry, expected) => {
    const completed = withEnvironment({ type: 'openai-compatible', ...entry }, environment);
    expect({ api_key: undefined, ...completed }).toMatchObject(expected);
  });

  it('tells where Ollama is', () => {
    expect(withEnvironment({ type: 'ollama' }, environment).base_url).toBe('http://box:1234');
    expect(withEnvironment({ type: 'ollama', base_url: 'http://own:1' }, environment).base_url).toBe('http://own:1');
    expect(withEnvironment({ type: 'ollama' }, {}).base_url).toBeUndefined();
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
    expect(findCycles(members, { short: 'c' })).toEqual({ cycles: [['a', 'b', 'short', 'c', 'a']], more: 0 });
    expect(findCycles(members, { short: 'x:2' })).toEqual({ cycles: [], more: 0 });
  });

  it('finds each cycle, also those of aliases alone, and gives the shortest first', () => {
    const two = new Map([...members, ['self', ['self', 'x:1']]]);
    const aliases = { short: 'c', here: ['x:1', 'there'], there: 'here' };
    const { cycles } = findCycles(two, aliases);
    expect(cycles.map((cycle) => cycle.join(' '))).toEqual(['self self', 'here there here', 'a b short c a']);
  });

  it('gives twenty cycles of very many, and says how many more there are', () => {
    const names = Array.from({ length: 100 }, (_unused, i) => `o${i}`);
    const { cycles, more } = findCycles(new Map(names.map((name) => [name, names])), {});
    // Each calls itself and all before it.
    expect([cycles.length, more]).toEqual([20, 5050 - 20]);
    expect(cycles.every(([from, to, ...rest]) => from === to && rest.length === 0)).toBe(true);
  });

  it('knows which targets cannot exist', () => {
    const names = {
      aliases: { short: 'a' },
      models: { own: {} },
      orchestrations: { panel: {} },
      capabilities: new Set(['riddles']),
    };
    const good = ['panel', 'short', 'own', 'vision', 'riddles', 'auto', 'openai:gpt', 'embedded:nano'];
    const unknown = (targets: readonly string[], backends: [string, readonly string[] | null][]) =>
      unknownTargets(
        targets.map((target) => ({ path: ['x'], target })),
        { ...names, backends: new Map(backends) },
      ).map(({ target, hint }) => target + hint);
    const embedded: [string, readonly string[]] = ['embedded', ['nano', 'base']];
    expect(unknown(good, [['openai', null], embedded])).toEqual([]);
    expect(unknown(['opnai:gpt', 'embedded:nan', 'panle', 'some_capability', 'qwen3'], [['openai', null], embedded])).toEqual([
      'opnai:gpt; did you mean `openai:`?',
      'embedded:nan; did you mean `embedded:nano`?',
      'panle; did you mean `panel`?',
      'some_capability; a backend’s model is written `<backend>:some_capability`',
      'qwen3; a backend’s model is written `<backend>:qwen3`',
    ]);
    expect(unknown(['openai:gpt'], [embedded])).toEqual(['openai:gpt']);
  });
});
