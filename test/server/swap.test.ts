/** Swapping to a model of a real server, which may be down or not know it. */
import { expect, it } from 'vitest';
import { createFakeUpstream } from '../../src/testing/fake-upstream.ts';
import { start } from '../orchestrations/start.ts';

it('to a model that its server does not know, or whose server is down, leaves the old one', async () => {
  await using upstream = await createFakeUpstream({ models: { old: { answer: 'old' }, new: { answer: 'new' } } });
  const backends = { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } };
  await using started = await start({}, { backends, routing: { retries: 0 } });
  const { tutti } = started;
  const unknown = { status: 404, code: 'model_not_found', param: 'to' };
  await expect(tutti.swap('up:old', 'up:nobody')).rejects.toMatchObject(unknown);
  expect((await tutti.run({ model: 'up:old', input: 'hi' })).text).toBe('old');
  await tutti.swap('up:old', 'up:new');
  expect((await tutti.run({ model: 'up:old', input: 'hi' })).text).toBe('new');
  await upstream.stop();
  await expect(tutti.swap('up:old', 'up:old')).rejects.toMatchObject({ code: 'upstream_unreachable' });
  expect(tutti.registry.describe('up:old').id).toBe('up:new');
});
