import { expect, it } from 'vitest';
import type { Model } from '../contracts/model.ts';
import type { Part } from '../contracts/part.ts';
import { TuttiError } from '../errors/error.ts';
import { FakeBackend } from '../testing/fake-backend.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { checkTakeover } from './takeover.ts';

const step = 'root';
const start: Part = { type: 'step-start', step, parent: null, kind: 'call', name: 'cloud:new', model: 'cloud:new', at: 0 };
const usage: Part = { type: 'usage', step, usage: { inputTokens: 1, outputTokens: 0 } };
const word: Part = { type: 'text-delta', step, choice: 0, text: 'Hello' };
const finish: Part = { type: 'finish', step, choice: 0, reason: 'stop' };
const refusal = new TuttiError('model_not_found', 'who?');

/** Of a backend that lists nothing; the parts that were asked for. */
async function check(...parts: readonly (Part | TuttiError)[]): Promise<number> {
  let asked = 0;
  const call: Model['call'] = async function* () {
    for (const part of parts) {
      asked++;
      if (TuttiError.isInstance(part)) throw part;
      yield part;
    }
  };
  const descriptor: Model['descriptor'] = {
    id: 'cloud:new',
    backend: 'cloud',
    name: 'new',
    capabilities: [],
    operations: ['chat'],
  };
  const backend = new FakeBackend({ id: 'cloud', residency: 'remote', clock: new FakeClock(), models: {} });
  await checkTakeover({ descriptor, call }, backend, 'gguf:old');
  return asked;
}

it('a model that says a word takes over, and need not say more', async () => {
  expect(await check(start, usage, word, finish)).toBe(3);
});

it('an answer may be empty, if it ends well', async () => {
  expect(await check(start, finish)).toBe(2);
});

it('what comes before the first word is none', async () => {
  await expect(check(start, usage, refusal)).rejects.toMatchObject({ code: 'model_not_found', param: 'to' });
  await expect(check(start, usage)).rejects.toMatchObject({
    code: 'stream_truncated',
    message: expect.stringContaining('gguf:old, which stays'),
  });
});
