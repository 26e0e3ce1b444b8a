/**
 * Thresholds for a handoff, chosen on questions that are in no test: the cheapest that lose next to nothing against the last
 * member alone. Pure: what each member said to each question is known.
 */

/** What one member makes of one question. */
export interface Try {
  readonly right: boolean;
  /** 0..1 */
  readonly score: number;
  readonly compute: number;
}

export interface Plan {
  /** A threshold for each member but the last: below it the next one is asked. */
  readonly thresholds: readonly number[];
  readonly accuracy: number;
  /** For all questions. */
  readonly compute: number;
}

/** How many thresholds are tried for each member: those that split its scores evenly. */
const STEPS = 40;

/**
 * @param tries by member, cheapest first; each in the order of the same questions
 * @param loss how far below the last member's share of right answers the plan may be, 0..1
 * @param share how much of the last member's compute it may take, 0..1
 *
 * Of the plans within both bounds the one with the most right answers, the cheapest of equals; when none is within both, the
 * one with the most right answers among those within `share`.
 */
export function choosePlan(
  tries: readonly (readonly Try[])[],
  { loss, share }: { readonly loss: number; readonly share: number },
): Plan {
  const last = tries.at(-1) ?? [];
  const alone = simulate([last], []);
  const plans = combinations(tries.slice(0, -1).map(candidates)).map((thresholds) => simulate(tries, thresholds));
  const cheap = plans.filter(({ compute }) => compute <= share * alone.compute);
  const good = cheap.filter(({ accuracy }) => accuracy >= alone.accuracy - loss);
  const [first = { thresholds: tries.slice(1).map(() => 1), accuracy: alone.accuracy, compute: alone.compute }, ...rest] =
    good.length > 0 ? good : cheap;
  return rest.reduce(better, first);
}

function better(a: Plan, b: Plan): Plan {
  return b.accuracy > a.accuracy || (b.accuracy === a.accuracy && b.compute < a.compute) ? b : a;
}

/** What a handoff by these thresholds would have made of the questions. */
export function simulate(tries: readonly (readonly Try[])[], thresholds: readonly number[]): Plan {
  let right = 0;
  let compute = 0;
  const questions = tries[0]?.length ?? 0;
  for (let question = 0; question < questions; question++) {
    for (const [member, all] of tries.entries()) {
      const tried = all[question];
      if (tried === undefined) continue;
      compute += tried.compute;
      const threshold = thresholds[member];
      if (threshold !== undefined && tried.score < threshold) continue;
      right += Number(tried.right);
      break;
    }
  }
  return { thresholds, accuracy: right / Math.max(1, questions), compute };
}

function candidates(tries: readonly Try[]): number[] {
  const scores = tries.map(({ score }) => score).sort((a, b) => a - b);
  const steps = Array.from({ length: STEPS }, (_, i) => scores[Math.floor((i / STEPS) * scores.length)] ?? 0);
  return [...new Set([0, ...steps.map((score) => Math.round(score * 1000) / 1000), 1])];
}

function combinations(choices: readonly (readonly number[])[]): number[][] {
  return choices.reduce<number[][]>((all, own) => all.flatMap((before) => own.map((choice) => [...before, choice])), [[]]);
}
