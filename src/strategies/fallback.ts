/**
 * `fallback`: the members in order; the first that can answer does. A member that fails before it has said anything, or says
 * nothing at all, is followed by the next, or by the one that failure assistance names (`change_phase`); once content has been
 * passed on, its failure is the run's, because deltas are never taken back.
 */
import { z } from 'zod';
import { readPick } from '../answers/choice.ts';
import { EMPTY_ANSWER, fromFirstWord } from '../answers/first-word.ts';
import { memberConfig, memberKeys, namesOf, requestFor, takingPart, targetsOf } from '../contracts/member.ts';
import type { Part } from '../contracts/part.ts';
import type { StrategyContext, StrategyDefinition } from '../contracts/strategy.ts';
import { allMembersFailed, type FailedMember } from '../errors/members.ts';

const config = z.strictObject({
  strategy: z.literal('fallback'),
  members: z.array(memberConfig).min(1, 'a fallback needs at least one member'),
});
type FallbackConfig = z.infer<typeof config>;

export const fallbackStrategy: StrategyDefinition<FallbackConfig> = {
  strategy: 'fallback',
  config,
  describe: ({ members }) => ({
    members: targetsOf(members),
    names: namesOf(members),
    phases: memberKeys(members),
    operations: ['chat', 'embed'],
    singleAuthor: true,
  }),
  run,
};

async function* run(context: StrategyContext<FallbackConfig>): AsyncGenerator<Part> {
  const members = takingPart(context.config.members, context.overrides.members);
  const keys = memberKeys(members);
  const open = members.map((member, i) => ({ member, key: keys[i]! })); // one key a member
  const failures: FailedMember[] = [];
  const silent: string[] = [];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { member, key } = next;
    let said = false;
    try {
      const optional = open.length > 0;
      const insteadOf = failures.at(-1)?.member;
      const child = context.call(key, member.model, requestFor(context.request, member), { optional, insteadOf });
      for await (const part of fromFirstWord(child)) {
        said = true;
        yield part;
      }
      if (said) return;
      failures.push({ member: key, ...EMPTY_ANSWER });
      silent.push(key);
      context.report({ type: 'decision', message: `${key} is passed over: ${EMPTY_ANSWER.message}` });
    } catch (thrown) {
      if (said) throw thrown;
      const { advice, ...error } = context.rethrow(thrown);
      failures.push({ member: key, ...error });
      if (advice?.action !== 'change_phase' || advice.phase === null) continue;
      const names = open.map((other) => other.key);
      const [advised] = open.splice(readPick(advice.phase, names) ?? open.length, 1);
      if (advised === undefined) continue;
      open.unshift(advised);
      context.report({ type: 'decision', message: `goes on with ${advised.key}: ${advice.cause}` });
    }
  }
  for (const key of silent) context.forget(key);
  throw allMembersFailed(failures);
}
