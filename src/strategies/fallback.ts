/**
 * `fallback`: the members in order; the first that can answer does. A member that fails before it has said anything is
 * followed by the next; once content has been passed on, its failure is the run's, because deltas are never taken back.
 */
import { z } from 'zod';
import { memberConfig, memberKeys, inputForMember } from '../contracts/member.ts';
import { isContent, type Part } from '../contracts/part.ts';
import type { ChatInput } from '../contracts/chat.ts';
import { asOwn, type StrategyContext, type StrategyDefinition, type StrategyRequest } from '../contracts/strategy.ts';
import { TuttiError } from '../errors/error.ts';

const config = z.strictObject({
  strategy: z.literal('fallback'),
  members: z.array(memberConfig).min(1, 'a fallback needs at least one member'),
});
type FallbackConfig = z.infer<typeof config>;

export const fallbackStrategy: StrategyDefinition<FallbackConfig> = {
  strategy: 'fallback',
  config,
  describe: ({ members }) => ({ members: members.map((member) => member.model), operations: ['chat', 'embed'] }),
  run,
};

async function* run(context: StrategyContext<FallbackConfig>): AsyncGenerator<Part> {
  const { members } = context.config;
  const keys = memberKeys(members);
  const failures: { member: string; code: string; message: string }[] = [];
  for (const [i, member] of members.entries()) {
    const key = keys[i]!; // one key a member
    let said = false;
    try {
      const child = context.call(key, member.model, requestFor(context.request, member));
      for await (const part of child) {
        const own = asOwn(part, child, context.options.step);
        said ||= own !== part && isContent(part);
        yield own;
      }
      return;
    } catch (thrown) {
      const error = TuttiError.from(thrown, 'backend_error');
      if (said || stops(error)) throw error;
      failures.push({ member: key, code: error.code, message: error.message });
    }
  }
  throw new TuttiError(
    'all_members_failed',
    `No member could answer: ${failures.map((failure) => `${failure.member}: ${failure.message} (${failure.code})`).join('; ')}`,
    { details: { members: failures } },
  );
}

function requestFor(request: StrategyRequest, member: FallbackConfig['members'][number]): StrategyRequest {
  if (request.operation !== 'chat') return request;
  return { operation: 'chat', input: inputForMember(request.input as ChatInput, member) };
}

/** The caller's own end of the run: no other member is to be asked. */
function stops(error: TuttiError): boolean {
  return error.code === 'cancelled' || error.code === 'deadline_exceeded' || error.code === 'budget_exceeded';
}
