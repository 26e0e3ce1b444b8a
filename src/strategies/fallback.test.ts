import { describe, expect, it } from 'vitest';
import { TuttiError } from '../errors/error.ts';
import { strategyContract } from '../testing/strategy-contract.ts';
import { runScripted, type MemberAnswer } from '../testing/strategy-runner.ts';
import { fallbackStrategy } from './fallback.ts';

const config = { strategy: 'fallback', members: ['a', 'b', 'c'] };
const ill = new TuttiError('upstream_error', 'ill');

strategyContract(
  {
    definition: fallbackStrategy,
    config,
    members: { a: 'from a', b: 'from b', c: 'from c' },
    bad: [
      { config: { strategy: 'fallback', members: [] }, reason: /at least one member/ },
      { config: { strategy: 'fallback', members: ['a'], quorum: 2 }, reason: /quorum/ },
    ],
  },
  { describe, it },
);

describe('fallback', () => {
  it('asks the next member when one fails before it has said anything', async () => {
    const { text, calls, results, fallbacks } = await runScripted(fallbackStrategy, config, {
      members: { a: { error: ill }, b: 'from b', c: 'from c' },
    });
    expect(text).toBe('from b');
    expect(fallbacks).toEqual([{ from: 'a', to: 'b', error: { code: 'upstream_error', message: 'ill', retryable: true } }]);
    expect(calls.map(({ target }) => target)).toEqual(['a', 'b']);
    expect(results).toMatchObject({
      a: { success: false, error: { code: 'upstream_error' } },
      b: { success: true, content: 'from b' },
    });
  });

  it('fails when a member fails after it has said something', async () => {
    const { text, error } = await runScripted(fallbackStrategy, config, {
      members: { a: { text: 'half', error: ill }, b: 'b', c: 'c' },
    });
    expect([text, error?.code]).toEqual(['half', 'upstream_error']);
  });

  it.each(['', ' ', '\n\n'])('asks the next member when one says nothing but %j', async (nothing) => {
    const { text, calls, decisions, fallbacks } = await runScripted(fallbackStrategy, config, {
      members: { a: nothing, b: { text: nothing, finishReason: 'content_filter' }, c: ' from c' },
    });
    expect([text, calls.length]).toEqual([' from c', 3]);
    expect(fallbacks).toMatchObject([
      { from: 'a', to: 'b', error: { code: 'upstream_invalid' } },
      { from: 'b', to: 'c' },
    ]);
    expect(decisions.map(({ message }) => message)).toEqual([
      'a is passed over: the answer was empty',
      'b is passed over: the answer was empty',
    ]);
  });

  it('takes a call of a tool for an answer', async () => {
    const call = { id: 'c1', type: 'function', function: { name: 'add', arguments: '{}' } } as const;
    const { toolCalls } = await runScripted(fallbackStrategy, config, { members: { a: { toolCalls: [call] }, b: 'b' } });
    expect(toolCalls).toEqual([call]);
  });

  it('fails with every reason when nobody says anything, and asks all again when it is resumed', async () => {
    const { error, journal } = await runScripted(fallbackStrategy, config, { members: { a: '', b: { error: ill }, c: ' ' } });
    expect(error?.code).toBe('all_members_failed');
    expect(error?.details.members).toEqual([
      { member: 'a', code: 'upstream_invalid', message: 'the answer was empty' },
      expect.objectContaining({ member: 'b', code: 'upstream_error' }),
      { member: 'c', code: 'upstream_invalid', message: 'the answer was empty' },
    ]);
    const { text, calls } = await runScripted(fallbackStrategy, config, { members: { a: '', b: 'b', c: 'c' }, journal });
    expect([text, calls.length]).toEqual(['b', 2]);
  });

  it('asks only the members that the call names, in its order', async () => {
    const { calls } = await runScripted(fallbackStrategy, config, {
      members: { a: { error: ill }, b: 'b', c: { error: ill } },
      overrides: { members: ['c', 'b'] },
    });
    expect(calls.map(({ target }) => target)).toEqual(['c', 'b']);
  });

  it('goes on with the member that failure assistance names', async () => {
    const advised = (action: string, phase: string | null): MemberAnswer => ({
      error: new TuttiError('upstream_error', 'ill', { details: { advice: { action, phase, cause: 'it is overloaded' } } }),
    });
    const asked = async (a: MemberAnswer): Promise<string[]> => {
      const { calls } = await runScripted(fallbackStrategy, config, { members: { a, b: 'b', c: { error: ill } } });
      return calls.map(({ target }) => target);
    };
    expect(await asked(advised('change_phase', 'Ask c.'))).toEqual(['a', 'c', 'b']);
    expect(await asked(advised('change_phase', 'nobody'))).toEqual(['a', 'b']);
    expect(await asked(advised('rollback', 'c'))).toEqual(['a', 'b']);
  });

  it('refuses names of nobody', async () => {
    const { error } = await runScripted(fallbackStrategy, config, { members: {}, overrides: { members: ['z'] } });
    expect(error).toMatchObject({ code: 'unknown_member', message: expect.stringContaining('a, b, c') });
  });
});
