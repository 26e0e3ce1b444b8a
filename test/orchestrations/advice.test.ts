/** About whose failure a person may be asked, strategy by strategy: where a strategy goes on without a member, nobody is. */
import { expect, it } from 'vitest';
import { arbiterStrategy } from '../../src/arbiter/arbiter.ts';
import { conversationStrategy } from '../../src/arbiter/conversation-strategy.ts';
import type { StrategyDefinition } from '../../src/contracts/strategy.ts';
import { runScripted, type MemberScript } from '../../src/testing/strategy-runner.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { abStrategy } from '../../src/strategies/ab.ts';
import { consensusStrategy } from '../../src/strategies/consensus.ts';
import { ensembleStrategy } from '../../src/strategies/ensemble.ts';
import { fallbackStrategy } from '../../src/strategies/fallback.ts';
import { handoffStrategy } from '../../src/strategies/handoff.ts';
import { phasedStrategy } from '../../src/strategies/phased.ts';
import { pipelineStrategy } from '../../src/strategies/pipeline.ts';
import { raceStrategy } from '../../src/strategies/race.ts';
import { workflowStrategy } from '../../src/strategies/workflow.ts';

const ill = { error: new TuttiError('upstream_error', 'ill') };
const unsure = { text: '41', confidence: 0.1 };
const consults = {
  toolCalls: [{ id: 'c1', type: 'function' as const, function: { name: 'consult_one', arguments: '{"query": "Which?"}' } }],
};
const specialists = { one: 'b', two: 'c' };
const roles = { code: 'a', review: 'b', docs: 'c' };

/** The config, what members a, b and c do, and those about whom a person may be asked. */
const CASES: readonly (readonly [StrategyDefinition<never>, object, Record<string, MemberScript>, readonly string[]])[] = [
  [fallbackStrategy, { members: ['a', 'b'] }, { a: ill, b: ill }, ['b']],
  [handoffStrategy, { members: ['a', 'b', 'c'] }, { a: ill, b: ill, c: ill }, ['c']],
  [handoffStrategy, { members: ['a', 'b'] }, { a: unsure, b: ill }, []],
  [pipelineStrategy, { stages: ['a', 'b'] }, { a: '1', b: '2' }, ['a', 'b']],
  [consensusStrategy, { members: ['a', 'b', 'c'] }, { a: '1', b: '1', c: '2' }, []],
  [consensusStrategy, { members: ['a'] }, { a: '1' }, ['a']],
  [ensembleStrategy, { members: ['a', 'b'], aggregator: 'c' }, { a: '1', b: '2', c: '3' }, []],
  [phasedStrategy, { context: ['a'], reasoning: ['b', 'c'], verification: 'a' }, { a: 'Yes.', b: ill, c: '2' }, ['reasoning']],
  [workflowStrategy, { steps: Object.keys(roles), roles }, { a: '1', b: 'Yes.', c: '2' }, ['code', 'docs']],
  [raceStrategy, { members: ['a', 'b'] }, { a: ill, b: ill }, []],
  [abStrategy, { arms: [{ use: 'a' }, { use: 'b' }], sticky: 'none' }, { a: ill, b: ill }, ['a']],
  // The arbiter is told of a specialist that fails; where it fails itself, the specialists answer, one after the other.
  [arbiterStrategy, { arbiter: 'a', specialists }, { a: [consults, 'So.'], b: ill, c: ill }, []],
  [arbiterStrategy, { arbiter: 'a', specialists }, { a: [consults, ill], b: 'Yes.', c: ill }, []],
  [arbiterStrategy, { arbiter: 'a', specialists }, { a: ill, b: ill, c: ill }, ['two']],
  [arbiterStrategy, { arbiter: 'a', specialists, style: 'route' }, { a: consults, b: ill, c: ill }, ['two']],
  [arbiterStrategy, { arbiter: 'a', specialists: { one: 'b' }, style: 'route' }, { a: consults, b: ill }, ['one']],
  [conversationStrategy, { participants: ['a', 'b'], arbiter: 'c' }, { a: ill, b: ill, c: ill }, ['b']],
  [conversationStrategy, { participants: ['a', 'b'], arbiter: 'c' }, { a: 'Yes.', b: ill, c: ill }, []],
] as unknown as never; // each with a config of its own

for (const [definition, own, members, who] of CASES) {
  const { strategy } = definition;
  it(`${strategy} ${JSON.stringify(own)} may ask a person about ${who.join(', ') || 'nobody'}`, async () => {
    const { calls } = await runScripted(definition, { strategy, ...own }, { members, seed: 'x' });
    expect(calls.filter(({ optional }) => !optional).map(({ key }) => key)).toEqual(who);
  });
}
