/** A provider that sends no usage: what Tutti counts in its place is marked as an estimate, wherever it is told. */
import { expect, it } from 'vitest';
import { createFakeUpstream } from '../../src/testing/fake-upstream.ts';
import { startServer } from './harness.ts';

const chunk = (delta: object, finish_reason: string | null = null): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const WITHOUT_USAGE = `${chunk({ content: 'four' })}${chunk({}, 'stop')}data: [DONE]\n\n`;

it.each([false, true])('in the answer (stream: %s) and in the run', async (stream) => {
  await using upstream = await createFakeUpstream({ models: { m: { answer: 'four' } } });
  const backends = { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } };
  await using harness = await startServer({ tutti: { backends } });
  const ask = async (): Promise<{ tutti: unknown; run: string }> => {
    const body = { model: 'up:m', stream, messages: [{ role: 'user', content: 'What is 2 + 2?' }] };
    const response = await harness.fetch('/v1/chat/completions', { body });
    const text = await response.text();
    const events = stream ? text.split('\n\n').flatMap((line) => (line.startsWith('data: {') ? [line.slice(6)] : [])) : [text];
    const run = response.headers.get('x-tutti-run-id') ?? '';
    return { run, tutti: events.map((event) => JSON.parse(event).tutti).find((one) => one !== undefined) };
  };
  const counted = await ask();
  expect(counted.tutti).toBeUndefined();
  expect(harness.tutti.runs.get(counted.run)?.usage.estimated).toBeUndefined();

  upstream.next({ replay: WITHOUT_USAGE, contentType: 'text/event-stream' }, { path: '/v1/chat' });
  const estimated = await ask();
  const usage = { input_tokens: expect.any(Number), output_tokens: 1, estimated: true };
  expect(estimated.tutti).toMatchObject({ usage_by_model: { 'up:m': usage } });
  expect(await (await harness.fetch(`/api/runs/${estimated.run}`)).json()).toMatchObject({
    usage,
    usage_by_model: { 'up:m': usage },
    steps: [{ usage }],
  });
});
