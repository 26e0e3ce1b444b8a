import { memberKeys, takingPart, type Member } from '../../contracts/member.ts';
import type { StrategyContext } from '../../contracts/strategy.ts';
import { TuttiError } from '../../errors/error.ts';
import type { HandoffConfig } from './config.ts';

/** Models that take part where only a capability says who comes next. */
const NUM_MODELS = 3;

/** A member, and how sure it must be. */
export interface Rung {
  readonly key: string;
  readonly member: Member;
  readonly threshold: number;
}

/**
 * Who is asked, in order: the members, or those of them that the call names in its order, and then the best models for the
 * capability. Errors: `unknown_member` when nobody is left.
 */
export function ladderOf({
  config,
  overrides,
  find,
}: Pick<StrategyContext<HandoffConfig>, 'config' | 'overrides' | 'find'>): Rung[] {
  const { members, capability, num_models: count = Math.max(NUM_MODELS, members.length + 1) } = config;
  const rungs = members.map((member, i) => ({ member, threshold: thresholdAt(config, i) }));
  const taking = takingPart(members, overrides.members);
  if (taking.length === 0) {
    throw new TuttiError('unknown_member', '`members` leaves nobody who answers.', { param: 'members' });
  }
  const named = taking.map((member) => rungs.find((rung) => rung.member === member)).filter((rung) => rung !== undefined);
  const others = capability === undefined || overrides.members !== undefined ? [] : find(capability, count + members.length);
  const found = others
    .filter((id) => !members.some(({ model }) => model === id))
    .slice(0, count - members.length)
    .map((model, i) => ({ member: { model }, threshold: thresholdAt(config, members.length + i) }));
  const all = [...named, ...found];
  const keys = memberKeys(all.map(({ member }) => member));
  return all.map((rung, i) => ({ ...rung, key: keys[i]! })); // one key a rung
}

/** Of a list that is too short the last one goes on. */
function thresholdAt({ confidence_threshold: given }: HandoffConfig, at: number): number {
  return typeof given === 'number' ? given : (given[at] ?? given.at(-1) ?? 1);
}
