/** Whose decision it was, and whose conflict, where orchestrations nest. */
import { expect, it } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { start } from './start.ts';

const orchestrations = {
  thrifty: { strategy: 'handoff', members: ['fake:a', 'fake:b'] },
  panel: { strategy: 'consensus', members: ['fake:a', 'fake:b', 'fake:c'] },
  both: { strategy: 'consensus', members: ['thrifty', { model: 'panel', name: 'three' }, 'fake:b'] },
};
const models = { a: { answer: '41' }, b: { answer: '42' }, c: { answer: '42' } };

it('of nested orchestrations each decision and conflict names its own, and the way to it', async () => {
  await using started = await start(models, { orchestrations });
  const { decisions, conflicts } = await started.tutti.run({ model: 'both', input: 'What is 40 + 2?' });
  const owners = decisions.map(({ by, path }) => ({ by, path }));
  expect(owners).toContainEqual({ by: 'thrifty', path: 'thrifty' });
  expect(owners).toContainEqual({ by: 'panel', path: 'three' });
  expect(decisions.at(-1)).toMatchObject({ by: 'both', message: expect.stringContaining('agree') });
  expect(decisions.at(-1)).not.toHaveProperty('path');
  expect(conflicts).toMatchObject([{ kind: 'disagreement', by: 'panel', path: 'three' }]);
});

it('a member that is helped is named, too', async () => {
  const ill = { failBefore: new TuttiError('forbidden', 'ill') };
  const thinker = { answer: JSON.stringify({ cause: 'too vague', action: 'retry_with_changes', detail: 'Answer.' }) };
  const nested = { inner: { strategy: 'fallback', members: ['fake:a'] }, outer: { strategy: 'fallback', members: ['inner'] } };
  await using started = await start(
    { a: { answer: [ill, { text: '42' }] }, thinker },
    { orchestrations: nested, failures: { model: 'fake:thinker', max_interventions: 1 } },
  );
  const { decisions } = await started.tutti.run({ model: 'outer', input: 'x' });
  expect(decisions).toMatchObject([{ by: 'inner', path: 'inner/fake:a' }]);
});
