/** What came of the arms of an `ab`, by what was asked for and who answered. */
import { expect, it } from 'vitest';
import { startServer } from './harness.ts';

const models = { a: { answer: 'A' }, b: { answer: 'B' }, c: { answer: 'C' } };
const orchestrations = {
  panel: { strategy: 'consensus', members: ['fake:b', 'fake:c'], tie: 'first' },
  trial: { strategy: 'ab', arms: [{ use: 'fake:a' }, { use: 'panel', weight: 2 }], sticky: 'user' },
};

it('keeps the outcomes of an arm apart from direct calls of the same model', async () => {
  await using harness = await startServer({ fake: { models }, tutti: { orchestrations } });
  const { tutti } = harness;
  const arms: string[] = [];
  for (let i = 0; i < 8; i++) {
    const body = { model: 'trial', messages: [{ role: 'user', content: 'x' }], user: `user ${i}` };
    const said = await (await harness.fetch('/v1/chat/completions', { body })).text();
    arms.push(said.includes('"A"') ? 'fake:a' : 'panel');
  }
  await tutti.run({ model: 'fake:a', input: 'x' });
  await tutti.run({ model: 'panel', input: 'x' });
  for (const arm of ['fake:a', 'panel']) {
    const count = arms.filter((one) => one === arm).length;
    expect(count, 'both arms were met').toBeGreaterThan(0);
    const query = { target: 'trial', model: arm };
    expect(tutti.stats(query)).toMatchObject({ totalExecutions: count, successRate: 1 });
    expect(tutti.stats({ model: arm }).totalExecutions).toBe(count + 1);
    const search = new URLSearchParams(query).toString();
    expect(await (await harness.fetch(`/api/stats?${search}`)).json()).toMatchObject({ total_executions: count });
    const { runs } = (await (await harness.fetch(`/api/runs?${search}`)).json()) as { runs: { target: string; model: string }[] };
    expect(runs.map(({ target, model }) => [target, model])).toEqual(Array.from({ length: count }, () => ['trial', arm]));
  }
  expect(tutti.stats({ target: 'trial' }).totalExecutions).toBe(8);
});
