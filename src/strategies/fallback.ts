/**
 * `fallback`: the members in order; the first that can answer does. A member that fails before it has said anything is
 * followed by the next; once content has been passed on, its failure is the run's, because deltas are never taken back.
 */
import { z } from 'zod';
import { memberConfig, memberKeys, namesOf, requestFor, takingPart, targetsOf } from '../contracts/member.ts';
import { isContent, type Part } from '../contracts/part.ts';
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
    operations: ['chat', 'embed'],
    singleAuthor: true,
  }),
  run,
};

async function* run(context: StrategyContext<FallbackConfig>): AsyncGenerator<Part> {
  const members = takingPart(context.config.members, context.overrides.members);
  const keys = memberKeys(members);
  const failures: FailedMember[] = [];
  for (const [i, member] of members.entries()) {
    const key = keys[i]!; // one key a member
    let said = false;
    try {
      for await (const part of context.call(key, member.model, requestFor(context.request, member))) {
        said ||= isContent(part);
        yield part;
      }
      return;
    } catch (thrown) {
      if (said) throw thrown;
      failures.push({ member: key, ...context.rethrow(thrown) });
    }
  }
  throw allMembersFailed(failures);
}
