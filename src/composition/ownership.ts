import type { Owner } from '../contracts/orchestrated.ts';
import type { ModelId, StepPath } from '../contracts/vocabulary.ts';

/**
 * Whose step it is: the innermost orchestration around it, and the way to it from the outermost one, by the members on it. Steps of
 * attempts, which have numbers for names, are not on that way. `started`: the steps at which orchestrations began.
 */
export function ownerOf(step: StepPath, started: ReadonlyMap<StepPath, ModelId>): Owner {
  const around = Array.from(started.keys())
    .filter((other) => other === step || step.startsWith(`${other}/`))
    .toSorted((a, b) => a.length - b.length);
  const [outermost = step] = around;
  const by = started.get(around.at(-1) ?? '');
  const members = step
    .slice(outermost.length)
    .split('/')
    .filter((name) => name !== '' && !/^\d+$/.test(name));
  return { ...(by !== undefined && { by }), ...(members.length > 0 && { path: members.join('/') }) };
}
