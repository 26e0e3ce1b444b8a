/** What happens once an answer is there: rules that see it, a person who reviews it. */
import { describe, expect, it } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { start } from './start.ts';

const unsure = { tokens: [{ text: 'perhaps', logprob: Math.log(0.3) }] };
const sure = { tokens: [{ text: 'surely', logprob: Math.log(0.95) }] };

describe('rules with `after`', () => {
  const rules = [
    { when: 'response.confidence < 0.5', use: 'fake:big', after: true },
    { when: "response.error == 'invalid_model_file'", use: 'fake:spare', after: true },
  ];
  const routing = { rules };
  const orchestrator = { default_chat_model: 'fake:small', enable_auto_fallback: false };

  it('have another model answer when the first is unsure', async () => {
    await using started = await start(
      { small: { answer: unsure }, big: { answer: sure }, spare: { answer: 'spare' } },
      { routing, orchestrator },
    );
    const { tutti, backend } = started;
    const answer = await tutti.run({ model: 'auto', input: 'Hello, how are you?' });
    expect(answer).toMatchObject({ text: 'surely', model: 'fake:big' });
    expect(backend.calls.map(({ model }) => model)).toEqual(['small', 'big']);
  });

  it('leave a good answer as it is', async () => {
    await using started = await start(
      { small: { answer: sure }, big: { answer: 'big' }, spare: { answer: 'spare' } },
      { routing, orchestrator },
    );
    expect((await started.tutti.run({ model: 'auto', input: 'Hello, how are you?' })).text).toBe('surely');
  });

  it('see an error, too', async () => {
    const ill = { failBefore: new TuttiError('invalid_model_file', 'ill') };
    await using started = await start(
      { small: { answer: ill }, big: { answer: 'big' }, spare: { answer: 'spare' } },
      { routing, orchestrator },
    );
    expect((await started.tutti.run({ model: 'auto', input: 'Hello, how are you?' })).text).toBe('spare');
  });

  it('do not concern models that were named', async () => {
    await using started = await start(
      { small: { answer: unsure }, big: { answer: 'big' }, spare: { answer: 'spare' } },
      { routing, orchestrator },
    );
    expect((await started.tutti.run({ model: 'fake:small', input: 'Hello' })).text).toBe('perhaps');
  });
});

describe('a review', () => {
  const options = { review: { ask: true }, orchestrations: { one: { strategy: 'fallback', members: ['fake:a'] } } };

  it('is asked for before an unsure answer is given', async () => {
    await using started = await start({ a: { answer: unsure } }, options);
    const { tutti, backend } = started;
    const waiting = await tutti.run({ model: 'one', input: 'x' });
    expect(waiting).toMatchObject({ status: 'waiting', text: /0\.30 only[^]*perhaps/, review: 'needed' });
    expect(waiting.confidence?.score).toBeCloseTo(0.3);
    expect(await tutti.reply(waiting.runId, 'OK')).toMatchObject({ status: 'completed', text: 'perhaps', review: 'needed' });
    expect(backend.calls).toHaveLength(1);
  });

  it('takes the right answer from the person', async () => {
    await using started = await start({ a: { answer: unsure } }, options);
    const waiting = await started.tutti.run({ model: 'one', input: 'x' });
    expect(await started.tutti.reply(waiting.runId, 'It is 42.')).toMatchObject({
      text: 'It is 42.',
      confidence: { method: 'declared', score: 1 },
      review: 'none',
    });
  });

  it('is not asked for when the answer is sure, or its confidence unknown', async () => {
    await using started = await start({ a: { answer: [sure, { text: 'who knows' }] } }, options);
    expect((await started.tutti.run({ model: 'one', input: 'x' })).status).toBe('completed');
    expect((await started.tutti.run({ model: 'one', input: 'x' })).status).toBe('completed');
  });
});

describe('probabilities', () => {
  it('of the member that is the author are given when they are asked for', async () => {
    await using started = await start({ a: { answer: sure } });
    const answer = await started.tutti.orchestrate({
      strategy: 'fallback',
      members: ['fake:a'],
      input: 'x',
      parameters: { logprobs: true },
    });
    expect(answer.choices[0]?.logprobs).toMatchObject([{ token: 'surely' }]);
    expect(
      (await started.tutti.orchestrate({ strategy: 'fallback', members: ['fake:a'], input: 'x' })).choices[0]?.logprobs,
    ).toBeNull();
  });

  it('give every orchestrated answer a confidence', async () => {
    await using started = await start({ a: { answer: sure } });
    expect((await started.tutti.orchestrate({ strategy: 'fallback', members: ['fake:a'], input: 'x' })).confidence).toMatchObject(
      {
        method: 'logprobs',
        score: expect.closeTo(0.95),
      },
    );
    expect((await started.tutti.run({ model: 'fake:a', input: 'x' })).confidence).toBeNull();
    expect((await started.tutti.run({ model: 'fake:a', input: 'x', confidence: true })).confidence?.score).toBeCloseTo(0.95);
  });
});
