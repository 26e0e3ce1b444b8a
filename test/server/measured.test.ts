/** What evaluations measured, over HTTP: kept, shown, and used. */
import { describe, expect, it } from 'vitest';
import { startServer } from './harness.ts';

const PLATT = { kind: 'platt', points: 40, slope: 1, intercept: -2 };
const fake = { models: { sure: { answer: { tokens: [{ text: '42', logprob: Math.log(0.9) }] } } } };

describe('POST /api/models/{model}/measured', () => {
  it('shows the reliabilities, ranks by them where nothing is set by hand, and merges what comes later', async () => {
    await using harness = await startServer({ fake: { models: { ...fake.models, other: {} } } });
    const path = '/api/models/fake:sure/measured';
    const first = await harness.fetch(path, { body: { quality: { default: 0.4, text_generation: 0.9 }, items: 50 } });
    expect(await first.json()).toMatchObject({ id: 'fake:sure', measured_quality: { default: 0.4, text_generation: 0.9 } });
    expect(harness.tutti.registry.best('text_generation')).toMatchObject({ model: { id: 'fake:sure' }, source: 'measured' });
    const second = await harness.fetch(path, { body: { quality: { default: 0.5 }, items: 10 } });
    expect(await second.json()).toMatchObject({ measured_quality: { default: 0.5, text_generation: 0.9 } });
  });

  it('maps confidences to shares of right answers from then on', async () => {
    await using harness = await startServer({ fake });
    const ask = async () => {
      const response = await harness.fetch('/api/inference', { body: { model: 'fake:sure', input: '6 x 7?', confidence: true } });
      return ((await response.json()) as { tutti: { confidence: object } }).tutti.confidence;
    };
    expect(await ask()).toMatchObject({ method: 'logprobs', calibrated: false, score: expect.closeTo(0.9, 5) });
    const body = { quality: { default: 0.5 }, items: 40, calibration: { method: 'logprobs', map: PLATT } };
    expect((await harness.fetch('/api/models/fake:sure/measured', { body })).status).toBe(200);
    // ln(0.9 / 0.1) − 2 = 0.197
    const score = expect.closeTo(1 / (1 + Math.exp(-0.19722)), 4);
    expect(await ask()).toMatchObject({ calibrated: true, score, parts: { raw: expect.closeTo(0.9, 5) } });
  });

  it('takes it of orchestrations, and refuses unknown models, shares that are none, and keys that are not admins’', async () => {
    await using harness = await startServer({
      fake,
      tutti: { orchestrations: { panel: { strategy: 'fallback', members: ['fake:sure'] } } },
      server: { api_keys: [{ name: 'app', key: 'user-key-1234567890' }] },
    });
    const post = (model: string, body: object, key = 'user-key-1234567890') =>
      harness.fetch(`/api/models/${model}/measured`, { body, key });
    expect((await post('panel', { quality: { default: 0.5 }, items: 1 })).status).toBe(403);
    harness.tutti.measured.record('panel', { quality: { default: 0.5 }, items: 1 });
    expect(harness.tutti.registry.get('panel')).toMatchObject({ measuredQuality: { default: 0.5 } });
    await using open = await startServer({ fake });
    const bad = (path: string, body: object) => open.fetch(`/api/models/${path}/measured`, { body });
    expect((await bad('fake:nope', { quality: { default: 0.5 }, items: 1 })).status).toBe(404);
    for (const body of [
      { quality: { default: 1.5 }, items: 1 },
      { quality: {}, items: 1 },
      { quality: { default: 0.5 } },
      { quality: { 'Not a word': 0.5 }, items: 1 },
      { quality: { default: 0.5 }, items: 1, calibration: { method: 'logprobs', map: { kind: 'platt' } } },
    ])
      expect((await bad('fake:sure', body)).status).toBe(400);
  });
});
