/** Failure assistance in a run: what the diagnosis advises is carried out, within limits, and recorded. */
import { describe, expect, it } from 'vitest';
import { TuttiError } from '../../src/errors/error.ts';
import { start } from './start.ts';

const ill = { failBefore: new TuttiError('forbidden', 'ill') };
const advising = (advice: object): { answer: string } => ({ answer: JSON.stringify(advice) });
const one = { one: { strategy: 'fallback', members: ['fake:a'] } };
const failures = { model: 'fake:thinker', max_interventions: 2 };

describe('a member that failed', () => {
  it('is asked again with the changes that are advised', async () => {
    const thinker = advising({
      cause: 'too vague',
      action: 'retry_with_changes',
      arguments: { changes: 'Answer with a number.' },
    });
    await using started = await start({ a: { answer: [ill, { text: '42' }] }, thinker }, { orchestrations: one, failures });
    const { tutti, backend } = started;
    const answer = await tutti.run({ model: 'one', input: 'How many?' });
    expect(answer.text).toBe('42');
    expect(answer.decisions).toMatchObject([
      { message: 'fake:a failed (forbidden): retry_with_changes', data: { cause: 'too vague', source: 'model' } },
    ]);
    expect(backend.calls.at(-1)?.input).toMatchObject({ messages: [{ content: 'How many?\n\nAnswer with a number.' }] });
  });

  it('is made up for by another model', async () => {
    const thinker = {
      ...advising({ cause: 'broken', action: 'alternative_approach', arguments: { approach: 'Guess.' } }),
      descriptor: { capabilities: ['reasoning'] },
    };
    const b = {
      answer: 'from b',
      descriptor: { quality: { default: 1 }, speed: 1, price: { inputPerMtok: 0, outputPerMtok: 0 } },
    };
    await using started = await start(
      { a: { answer: ill }, b, thinker },
      { orchestrations: one, failures, routing: { policy: 'accuracy' } },
    );
    expect((await started.tutti.run({ model: 'one', input: 'x' })).text).toBe('from b');
    const fallback = { from: 'fake:a', to: 'fake:b', error: { code: 'forbidden' } };
    expect(started.events.all('run.fallback').map(({ data }) => data)).toMatchObject([fallback]);
    expect(started.tutti.stats().fallbacksTriggered).toBe(1);
  });

  it('is helped whatever it is called', async () => {
    const thinker = advising({ cause: 'too vague', action: 'retry_with_changes', detail: 'Answer.' });
    const named = { desk: { strategy: 'fallback', members: [{ model: 'fake:a', name: 'helpdesk' }] } };
    await using started = await start({ a: { answer: [ill, { text: '42' }] }, thinker }, { orchestrations: named, failures });
    expect((await started.tutti.run({ model: 'desk', input: 'x' })).text).toBe('42');
  });

  it('waits for a person where only a person can help', async () => {
    const thinker = advising({ cause: 'no key', action: 'request_user_input', arguments: { question: 'Which key?' } });
    await using started = await start(
      { a: { answer: [ill, ill, { text: 'opened' }] }, thinker },
      { orchestrations: one, failures },
    );
    const { tutti, backend } = started;
    const waiting = await tutti.run({ model: 'one', input: 'Open it.' });
    expect(waiting).toMatchObject({ status: 'waiting', text: 'Which key?' });
    expect((await tutti.reply(waiting.runId, 'the red one')).text).toBe('opened');
    expect(backend.calls.at(-1)?.input).toMatchObject({ messages: [{ content: 'Open it.\n\nThe user says: the red one' }] });
  });

  it('is passed over where only a person can help and another member can answer', async () => {
    const thinker = advising({ cause: 'no key', action: 'request_user_input', arguments: { question: 'Which key?' } });
    const two = { two: { strategy: 'fallback', members: ['fake:a', 'fake:b'] } };
    await using started = await start(
      { a: { answer: ill }, b: { answer: 'from b' }, thinker },
      { orchestrations: two, failures },
    );
    const answer = await started.tutti.run({ model: 'two', input: 'Open it.' });
    expect([answer.text, answer.status]).toEqual(['from b', 'completed']);
    expect(answer.decisions[0]?.message).toBe('fake:a failed (forbidden): request_user_input, but it goes on without');
  });

  it('is passed over also inside of an orchestration that can be done without', async () => {
    const thinker = advising({ cause: 'no key', action: 'request_user_input', arguments: { question: 'Which key?' } });
    const nested = {
      inner: { strategy: 'fallback', members: ['fake:a'] },
      outer: { strategy: 'fallback', members: ['inner', 'fake:b'] },
    };
    await using started = await start(
      { a: { answer: ill }, b: { answer: 'from b' }, thinker },
      { orchestrations: nested, failures },
    );
    const answer = await started.tutti.run({ model: 'outer', input: 'Open it.' });
    expect([answer.text, answer.status]).toEqual(['from b', 'completed']);
    expect((await started.tutti.run({ model: 'inner', input: 'Open it.' })).status).toBe('waiting');
  });

  it('is a result that failed where an arbiter consults it, and the arbiter goes on', async () => {
    const thinker = advising({ cause: 'no key', action: 'request_user_input', arguments: { question: 'Which key?' } });
    const team = { team: { strategy: 'arbiter', arbiter: 'fake:boss', specialists: { locks: 'fake:a', doors: 'fake:b' } } };
    const toolCalls = [{ id: 'c1', name: 'consult_locks', arguments: { query: 'Which one is it?' } }];
    await using started = await start(
      { boss: { answer: [{ toolCalls }, { text: 'It stays shut.' }] }, a: { answer: ill }, b: {}, thinker },
      { orchestrations: team, failures },
    );
    const answer = await started.tutti.run({ model: 'team', input: 'Open it.' });
    expect([answer.text, answer.status]).toEqual(['It stays shut.', 'completed']);
    expect(answer.decisions[0]?.message).toBe('fake:a failed (forbidden): request_user_input, but it goes on without');
  });

  it('sends a pipeline back to the stage that is advised, which the adviser knows', async () => {
    const thinker = advising({ cause: 'there is no city in it', action: 'rollback', detail: 'the stage facts' });
    const stages = [
      { model: 'fake:a', name: 'facts' },
      { model: 'fake:b', name: 'text' },
    ];
    const models = { a: { answer: [{ text: 'a land' }, { text: 'a city' }] }, b: { answer: [ill, { text: 'about the city' }] } };
    await using started = await start(
      { ...models, thinker },
      { orchestrations: { chain: { strategy: 'pipeline', stages } }, failures },
    );
    const { tutti, backend } = started;
    const answer = await tutti.run({ model: 'chain', input: 'Write.' });
    expect(answer.text).toBe('about the city');
    expect(answer.decisions.map(({ message }) => message)).toEqual([
      'fake:b failed (forbidden): rollback',
      'goes back from text to facts: the stage text failed with it: there is no city in it',
    ]);
    expect(answer.modelResults).toMatchObject({ facts: { content: 'a city' }, text: { success: true } });
    const asked = (model: string): string[] =>
      backend.calls.filter((call) => call.model === model).map(({ input }) => JSON.stringify(input));
    expect(asked('thinker')[0]).toContain('State: {\\"phases\\":[\\"facts\\",\\"text\\"]}');
    expect(asked('a')[1]).toContain('the stage text failed with it: there is no city in it');
    expect(asked('b')[1]).toContain('a city');
  });

  it('is helped so often and no more', async () => {
    const thinker = advising({ cause: 'it is not known', action: 'retry_with_changes', arguments: { changes: 'Try.' } });
    await using started = await start({ a: { answer: ill }, thinker }, { orchestrations: one, failures });
    await expect(started.tutti.run({ model: 'one', input: 'x' })).rejects.toMatchObject({ code: 'all_members_failed' });
    expect(started.backend.calls.filter(({ model }) => model === 'a')).toHaveLength(3);
  });

  it('is left to its strategy when the config asks for no help', async () => {
    await using started = await start({ a: { answer: ill } }, { orchestrations: one });
    await expect(started.tutti.run({ model: 'one', input: 'x' })).rejects.toMatchObject({ code: 'all_members_failed' });
    expect(started.backend.calls).toHaveLength(1);
  });
});
