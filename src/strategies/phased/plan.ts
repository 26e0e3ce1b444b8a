import { memberKeys, takingPart, type Member } from '../../contracts/member.ts';
import type { StrategyContext } from '../../contracts/strategy.ts';
import { TuttiError } from '../../errors/error.ts';
import type { Phase, PhasedConfig, Source } from './config.ts';

/** A source with the name of its step. */
export interface Branch {
  readonly key: string;
  /** What it is called where its words are shown. */
  readonly name: string;
  readonly source: Source;
}

/** Who takes part in one call, and for how long. */
export interface Plan {
  readonly branches: readonly Branch[];
  readonly reasoning: readonly Member[];
  readonly verifier: Member | null;
  /** Milliseconds. */
  readonly limits: Readonly<Record<Phase, number>>;
  /** What the keys of calls end with: '' in the first turn of a phase. */
  readonly suffix: string;
}

/** The plan for another turn of a phase: its calls are steps of their own, `reasoning.turn2`. */
export function inTurn(plan: Plan, turn: number): Plan {
  if (turn === 1) return plan;
  const suffix = `.turn${turn}`;
  return { ...plan, suffix, branches: plan.branches.map((branch) => ({ ...branch, key: `${branch.key}${suffix}` })) };
}

/**
 * The config with what the call changes of it. Errors: `unknown_member` when nobody is left for the reasoning; `invalid_request`
 * when a verification is asked for and there is no verifier, and for time limits of phases that there are not.
 */
export function planOf({ config, overrides }: Pick<StrategyContext<PhasedConfig>, 'config' | 'overrides'>): Plan {
  const { members, timeouts = {} } = overrides;
  const keys = memberKeys(config.context);
  const branches = config.context.map((source, i): Branch => {
    const name = keys[i]!; // one key a source
    return { key: `context.${name}`, name, source };
  });
  const reasoning = takingPart(config.reasoning, members);
  if (reasoning.length === 0) {
    throw new TuttiError('unknown_member', '`members` leaves nobody for the reasoning.', { param: 'members' });
  }
  const limit = (phase: Phase): number => timeouts[phase] ?? config.timeouts[phase] * 1000;
  const limits = { context: limit('context'), reasoning: limit('reasoning'), verification: limit('verification') };
  checkPhases(timeouts, Object.keys(limits));
  return {
    branches: branches.filter(({ source }) => takesPart(source, members) || members?.includes(source.capability ?? '') === true),
    reasoning,
    verifier: verifierOf(config, overrides),
    limits,
    suffix: '',
  };
}

function checkPhases(timeouts: Readonly<Record<string, number>>, phases: readonly string[]): void {
  const unknown = Object.keys(timeouts).find((phase) => !phases.includes(phase));
  if (unknown === undefined) return;
  const message = `\`timeouts\` has ${JSON.stringify(unknown)}, which is no phase; there are: ${phases.join(', ')}.`;
  throw new TuttiError('invalid_request', message, { param: `timeouts.${unknown}` });
}

function takesPart(member: Member, members: readonly string[] | undefined): boolean {
  return takingPart([member], members).length > 0;
}

/** The call's `verification` decides; else whether the verifier is among those who take part. */
function verifierOf(
  { verification: verifier }: PhasedConfig,
  { members, verification: wanted }: StrategyContext<PhasedConfig>['overrides'],
): Member | null {
  if (wanted === true && verifier === undefined) {
    throw new TuttiError('invalid_request', 'No model is configured for the verification.', { param: 'verification' });
  }
  if (verifier === undefined || wanted === false) return null;
  return wanted === true || takesPart(verifier, members) ? verifier : null;
}
