/** Who answers when nobody is named: rules, features, default models, policies, switches. */
import { describe, expect } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import type { RunRequest } from '../../src/contracts/library.ts';
import type { FakeModelScript } from '../../src/testing/fake-backend.ts';
import { chat, startServer, type HarnessOptions } from '../server/harness.ts';
import { row } from './row.ts';
import { call, codeOf } from './wire.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const capabilities = ['text_generation', 'code_generation', 'reasoning', 'vision', 'tool_calling'];
const able: FakeModelScript = { descriptor: { capabilities } };
const failing: FakeModelScript = {
  descriptor: { capabilities },
  answer: { failBefore: new TuttiError('upstream_error', 'down') },
};
const two = { fake: { models: { yes: able, no: able } } };

/** Whether a rule matches a request. */
async function matches(when: string, request: Partial<RunRequest> = {}): Promise<boolean> {
  await using harness = await startServer({
    ...two,
    tutti: { routing: { rules: [{ when, use: 'fake:yes' }] }, orchestrator: { default_chat_model: 'fake:no' } },
  });
  const { model, route } = await harness.tutti.run({ input: 'hello', ...request });
  return model === 'fake:yes' && route?.resolvedBy === 'rule';
}

describe('routing', () => {
  row('routing.rules[].{condition, specialist}', async () => {
    const rules = [
      { when: "task.type == 'code_generation'", use: 'fake:yes' },
      { when: "task.type == 'reasoning'", use: 'nick' },
      { when: 'task.complexity > 7', use: 'safe' },
      { when: 'true', use: 'fake:no' },
    ];
    await using harness = await startServer({
      ...two,
      tutti: {
        routing: { rules },
        aliases: { nick: ['fake:yes', 'fake:no'] },
        orchestrations: { safe: { strategy: 'fallback', members: ['fake:no'] } },
      },
    });
    const { tutti } = harness;
    const code = await tutti.run({ input: 'Write a function in Python.' });
    expect(code).toMatchObject({ model: 'fake:yes', route: { resolvedBy: 'rule' } });
    expect(code.route?.candidates[0]?.reason).toBe(`rule 0: ${rules[0]?.when}`);
    expect((await tutti.run({ input: 'Prove that there is no largest prime.' })).route?.candidates[0]?.model).toBe('fake:yes');
    expect((await tutti.run({ input: 'hi', complexity: 8 })).route?.candidates[0]?.model).toBe('safe');
    expect((await tutti.run({ input: 'hi' })).model).toBe('fake:no');
    const bad = startServer({ ...two, tutti: { routing: { rules: [{ when: 'task.colour > 7', use: 'fake:yes' }] } } });
    expect(await codeOf(bad)).toBe('config_invalid');
  });

  row('task.complexity, task.type, task.requires_speed', async () => {
    const image = [{ type: 'image' as const, data: PNG }];
    const tools = [{ type: 'function' as const, function: { name: 'add' } }];
    const key = { id: 'ann', role: 'user' as const };
    const cases: [when: string, yes: Partial<RunRequest>, no: Partial<RunRequest>][] = [
      ["task.type == 'vision'", { input: image }, {}],
      ["task.intent == 'debug'", { input: 'TypeError: x is not a function. Fix this bug.' }, {}],
      ['task.complexity >= 4', { input: 'Prove step by step, and compare: why must x^2 = 2 have no rational solution?' }, {}],
      ['task.complexity > 7', { complexity: 8 }, { complexity: 7 }],
      ['task.requires_speed', { input: 'Quickly: what is 2 + 2?' }, {}],
      ['task.requires_speed', { requiresSpeed: true }, { input: 'Quickly!', requiresSpeed: false }],
      ['task.tokens > 100', { input: 'word '.repeat(100) }, {}],
      ['task.has_images', { input: image }, {}],
      ['task.has_tools', { tools }, {}],
      ["request.key == 'ann'", { principal: key }, { principal: { ...key, id: 'bob' } }],
      [
        "'team' in request.metadata && request.metadata.team == 'red'",
        { metadata: { team: 'red' } },
        { metadata: { team: 'blue' } },
      ],
    ];
    for (const [when, yes, no] of cases) {
      expect(await matches(when, yes), `${when} for ${JSON.stringify(yes).slice(0, 80)}`).toBe(true);
      expect(await matches(when, no), `${when} for ${JSON.stringify(no).slice(0, 80)}`).toBe(false);
    }
    const rules = [{ when: 'task.complexity > 7 && task.requires_speed', use: 'fake:yes' }];
    const orchestrator = { default_chat_model: 'fake:no' };
    await using harness = await startServer({ ...two, tutti: { routing: { rules }, orchestrator } });
    const over = { complexity: 9, requires_speed: true };
    const bodies: [string, object][] = [
      ['/v1/chat/completions', chat({ model: 'auto', tutti: over })],
      ['/api/inference', { input: 'x', ...over }],
    ];
    for (const [path, body] of bodies)
      expect((await call(harness, 'POST', path, body)).body).toMatchObject({ model: 'fake:yes' });
  });

  row('complexity on a scale of 0..10', async () => {
    await using harness = await startServer();
    const { router } = harness.tutti;
    expect(router.classify('Hi').complexity).toBe(0);
    const hard = `Design a system step by step. It must not fail, must scale, and should never lose data. Why? How? What else?
      1. Prove that it is correct. 2. Then compare the trade-offs. 3. Finally write the code: function f(x) { return x^2 = 4 }
      ${'Explain every detail of the architecture. '.repeat(250)}`;
    expect(router.classify(hard).complexity).toBeGreaterThan(7);
    const send = (complexity: number) => call(harness, 'POST', '/api/inference', { model: 'fake:echo', input: 'x', complexity });
    expect([(await send(0)).status, (await send(10)).status, (await send(11)).status, (await send(-1)).status]).toEqual([
      200, 200, 400, 400,
    ]);
  });

  row('config default_chat_model, default_code_model, default_vision_model', async () => {
    const models = { chatty: able, coder: able, eyes: able };
    const kinds: Partial<RunRequest>[] = [
      { input: 'hello' },
      { input: 'Write a function in Python.' },
      { input: [{ type: 'image', data: PNG }] },
    ];
    const answers = async (options: HarnessOptions['tutti']) => {
      await using harness = await startServer({ fake: { models }, tutti: { ...options } });
      const asked = kinds.map((kind) => harness.tutti.run({ input: '', ...kind }));
      return (await Promise.all(asked)).map(({ model }) => model);
    };
    const orchestrator = {
      default_chat_model: 'fake:chatty',
      default_code_model: 'fake:coder',
      default_vision_model: 'fake:eyes',
    };
    expect(await answers({ orchestrator })).toEqual(['fake:chatty', 'fake:coder', 'fake:eyes']);
    const environment = {
      TUTTI_ORCHESTRATOR_DEFAULT_CHAT_MODEL: 'fake:eyes',
      TUTTI_ORCHESTRATOR_DEFAULT_CODE_MODEL: 'fake:chatty',
      TUTTI_ORCHESTRATOR_DEFAULT_VISION_MODEL: 'fake:coder',
    };
    expect(await answers({ environment })).toEqual(['fake:eyes', 'fake:chatty', 'fake:coder']);
    // `auto`, the default: the best that there is for the kind.
    const rated = { 'fake:coder': { quality: { default: 1 } } };
    expect(await answers({ models: rated, routing: { policy: 'accuracy' } })).toEqual(['fake:coder', 'fake:coder', 'fake:coder']);
  });

  row('config enable_auto_fallback, enable_hot_swap, enable_collaboration, enable_task_offloading', async () => {
    const fake = { models: { broken: failing, spare: able, other: able } };
    const quality = { 'fake:broken': { quality: { default: 1 } }, 'fake:spare': { quality: { default: 0.9 } } };
    const routing = { retries: 0, policy: 'accuracy' };
    const request = { capability: 'code_generation', input: 'x' };
    await using on = await startServer({ fake, tutti: { models: quality, routing } });
    expect((await on.tutti.run(request)).fallbackChain).toEqual(['fake:broken', 'fake:spare']);

    const environment = {
      TUTTI_ORCHESTRATOR_ENABLE_AUTO_FALLBACK: 'false',
      TUTTI_ORCHESTRATOR_ENABLE_HOT_SWAP: 'false',
      TUTTI_ORCHESTRATOR_ENABLE_COLLABORATION: 'false',
      TUTTI_ORCHESTRATOR_ENABLE_TASK_OFFLOADING: 'false',
    };
    await using off = await startServer({ fake, tutti: { models: quality, routing, environment } });
    expect(off.tutti.config.orchestrator).toMatchObject({
      enable_auto_fallback: false,
      enable_hot_swap: false,
      enable_collaboration: false,
      enable_task_offloading: false,
    });
    expect(await codeOf(off.tutti.run(request))).toBe('upstream_error');
    off.tutti.setFallbacks('fake:broken', ['fake:other']); // explicit ones stay
    expect((await off.tutti.run(request)).fallbackChain).toEqual(['fake:broken', 'fake:other']);
    expect(await codeOf(off.tutti.swap('fake:spare', 'fake:other'))).toBe('feature_disabled');
    const swapped = await call(off, 'POST', '/api/models/fake:spare/swap', { to: 'fake:other' });
    expect(swapped).toMatchObject({ status: 409, body: { error: { code: 'feature_disabled' } } });
  });

  row('cost-aware routing', async () => {
    const models = {
      'fake:yes': { price: { input_per_mtok: 0.1, output_per_mtok: 0.2 } },
      'fake:no': { price: { input_per_mtok: 5, output_per_mtok: 9 }, quality: { default: 0.9 } },
    };
    const chosen = async (policy: string) => {
      await using harness = await startServer({ ...two, tutti: { models, routing: { policy } } });
      const { body } = await call(harness, 'POST', '/api/inference', { backend: 'fake', capability: 'reasoning', input: 'a b' });
      return body as { model: string; tutti: { cost_usd: number } };
    };
    expect(await chosen('cost')).toMatchObject({ model: 'fake:yes', tutti: { cost_usd: expect.closeTo(6e-7, 9) } });
    expect(await chosen('accuracy')).toMatchObject({ model: 'fake:no', tutti: { cost_usd: expect.closeTo(28e-6, 9) } });
  });
});
