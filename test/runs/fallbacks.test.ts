/** What counts as a fallback in the figures: one that was of no use is followed by another, wherever that happens. */
import { expect, it } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { start } from '../orchestrations/start.ts';

const ill = { answer: { failBefore: new TuttiError('upstream_error', 'ill') } };
const well = { answer: '42' };

const orchestrations = {
  safe: { strategy: 'fallback', members: ['fake:a', 'fake:b', 'fake:well'] },
  careful: { strategy: 'phased', reasoning: ['fake:a', 'fake:well'] },
  panel: { strategy: 'consensus', members: ['fake:a', 'fake:well', 'fake:well'] },
  nested: { strategy: 'pipeline', stages: [{ model: 'safe' }, { model: 'careful' }] },
};

it.each([
  [
    'safe',
    [
      { from: 'fake:a', to: 'fake:b' },
      { from: 'fake:b', to: 'fake:well' },
    ],
  ],
  ['careful', [{ from: 'fake:a', to: 'fake:well' }]],
  ['panel', []],
  ['nested', [{ from: 'fake:a' }, { from: 'fake:b' }, { from: 'fake:a' }]],
])('of %s', async (model, expected) => {
  await using started = await start({ a: ill, b: ill, well }, { orchestrations, routing: { retries: 0 } });
  const { tutti, events } = started;
  const { runId } = await tutti.run({ model, input: 'What is 40 + 2?' });
  expect(events.all('run.fallback').map(({ data }) => data)).toMatchObject(expected);
  expect(tutti.runs.get(runId)?.fallbacks).toBe(expected.length);
  expect(tutti.stats().fallbacksTriggered).toBe(expected.length);
});
