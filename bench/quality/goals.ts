/** The figures that are held against targets, from those of the contest. */
import type { Row } from '../../src/eval/summary.ts';
import { single, type Figure, type Target } from '../harness/report.ts';
import { PANEL, type Contest } from './contest.ts';

/** A figure is left out when a row that it needs was not asked for. */
export function goalsOf({ rows }: Pick<Contest, 'rows'>): Figure[] {
  const row = (name: string): Row | undefined => rows.find(({ target }) => target.name === name);
  const bestOf = (names: readonly string[]): Row | undefined =>
    names
      .map(row)
      .reduce((best, each) => (each !== undefined && each.accuracy > (best?.accuracy ?? -1) ? each : best), undefined);
  const minis = ['embedded:mini-a', 'embedded:mini-b', 'embedded:mini-c'];
  const base = row('embedded:base');
  const handoff = row('handoff');
  return [
    points('consensus (majority) over the best mini', row('consensus, majority'), bestOf(minis), { atLeast: 4 }),
    points('consensus (weighted) over the best mini', row('consensus, weighted'), bestOf(minis), { atLeast: 4 }),
    points('weighted over its best member', row('consensus, weighted'), bestOf(minis), { atLeast: -0.5 }),
    points(
      'weighted, all five, over its best member',
      row('consensus, all five'),
      bestOf([...minis, 'embedded:nano', 'embedded:base']),
      {
        atLeast: -0.5,
      },
    ),
    points('weighted over its best member, two lie', row('two of three lie, weighted'), row('embedded:mini-a'), {
      atLeast: -0.5,
    }),
    points('majority over its best member, two lie', row('two of three lie, majority'), row('embedded:mini-a')),
    points('handoff over base', handoff, base, { atLeast: -1 }),
    ratio('handoff to base, compute', handoff?.compute, base?.compute, { atMost: 0.5 }),
    points('phased, verified over not verified', row('phased, verified'), row('phased, not verified'), { atLeast: 0.01 }),
    ...rows.flatMap((each) => calibrationOf(each)),
  ].filter((figure) => figure !== null);
}

function points(name: string, ours: Row | undefined, theirs: Row | undefined, target?: Target): Figure | null {
  if (ours === undefined || theirs === undefined) return null;
  const figure = single(name, 'points', (ours.accuracy - theirs.accuracy) * 100);
  return target === undefined ? figure : { ...figure, target };
}

function ratio(name: string, ours: number | null | undefined, theirs: number | null | undefined, target: Target): Figure | null {
  return ours == null || theirs == null ? null : { ...single(name, 'ratio', ours / theirs), target };
}

/** Of those whose confidence was calibrated: the single models and the panels. */
function calibrationOf({ target, confidence }: Row): Figure[] {
  if (confidence === null || (target.kind !== 'model' && !PANEL.test(target.name))) return [];
  return [{ ...single(`ECE of ${target.name}`, 'error', confidence.ece), target: { atMost: 0.08 } }];
}
