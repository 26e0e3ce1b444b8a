/**
 * `ab`: one of several arms answers, chosen by weight. Who is `sticky` meets the same arm again, also after weights were
 * changed as far as they allow it, and at another instance of the server. The arm is recorded, so that outcomes can be
 * compared by arm.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { EMPTY_ANSWER, fromFirstWord } from '../answers/first-word.ts';
import type { ChatInput } from '../contracts/chat.ts';
import { KEYLESS_PRINCIPALS } from '../contracts/principal.ts';
import type { Part } from '../contracts/part.ts';
import type { StrategyContext, StrategyDefinition } from '../contracts/strategy.ts';
import { allMembersFailed, type FailedMember } from '../errors/members.ts';

const config = z
  .strictObject({
    strategy: z.literal('ab'),
    arms: z
      .array(
        z.strictObject({
          /** An id, alias, orchestration or capability. */
          use: z.string().min(1),
          /** Its share is this over the sum of all. 0: it takes part only when a call names it. Default 1. */
          weight: z.number().min(0).default(1),
          /** What the arm is called in results. Default: `use`. */
          name: z.string().min(1).optional(),
        }),
      )
      .min(2, 'an ab needs at least two arms'),
    /**
     * Who meets the same arm again: the API key, the `user` of the request (without one the key), the same request, or
     * nobody. Without keys, `key` is nobody. Default `key`.
     */
    sticky: z.enum(['key', 'user', 'request', 'none']).default('key'),
    /** Whether another arm answers when the chosen one fails or says nothing. Default false: a failing arm should show. */
    fallback: z.boolean().default(false),
  })
  .superRefine(({ arms }, issues) => {
    if (arms.every(({ weight }) => weight === 0))
      issues.addIssue({ code: 'custom', path: ['arms'], message: 'some arm needs a weight over 0' });
    const names = arms.map(armName);
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice !== undefined)
      issues.addIssue({
        code: 'custom',
        path: ['arms'],
        message: `two arms are called ${twice}: give each a \`name\` of its own`,
      });
  });
type AbConfig = z.infer<typeof config>;
type Arm = AbConfig['arms'][number];

export const abStrategy: StrategyDefinition<AbConfig> = {
  strategy: 'ab',
  config,
  describe: ({ arms }) => ({
    members: arms.map(({ use }) => use),
    names: arms.flatMap(({ name }) => name ?? []),
    operations: ['chat', 'embed'],
  }),
  run,
};

async function* run(context: StrategyContext<AbConfig>): AsyncGenerator<Part> {
  const { config: settings, overrides } = context;
  const named = overrides.members;
  const arms =
    named === undefined ? settings.arms : settings.arms.filter((arm) => named.includes(arm.use) || named.includes(armName(arm)));
  const who = stickyKey(context);
  const order =
    named !== undefined && arms.every(({ weight }) => weight === 0) ? arms : rankArms(who ?? String(context.random()), arms);
  const failures: FailedMember[] = [];
  const silent: string[] = [];
  for (const [i, arm] of order.entries()) {
    const name = armName(arm);
    context.report({
      type: 'decision',
      message: `arm ${name} (${who === null ? 'by chance' : `by ${settings.sticky}`})`,
      data: { arm: name, use: arm.use, sticky: who !== null, afterFailure: failures.length > 0 },
    });
    const optional = settings.fallback && i < order.length - 1;
    const child = context.call(name, arm.use, context.request, { optional, insteadOf: failures.at(-1)?.member });
    if (!settings.fallback) return yield* child;
    let said = false;
    try {
      for await (const part of fromFirstWord(child)) {
        said = true;
        yield part;
      }
      if (said) return;
      failures.push({ member: name, ...EMPTY_ANSWER });
      silent.push(name);
    } catch (thrown) {
      const error = context.rethrow(thrown);
      if (said) throw thrown;
      failures.push({ member: name, ...error });
    }
  }
  for (const name of silent) context.forget(name);
  throw allMembersFailed(failures);
}

function armName({ name, use }: Arm): string {
  return name ?? use;
}

/** By what the choice sticks; null: by nothing. */
function stickyKey({ config: { sticky }, request, options: { principal } }: StrategyContext<AbConfig>): string | null {
  const byKey = KEYLESS_PRINCIPALS.includes(principal.id) ? null : `key:${principal.id}`;
  switch (sticky) {
    case 'none':
      return null;
    case 'key':
      return byKey;
    case 'user': {
      const user = 'user' in request.input ? request.input.user : null;
      return typeof user === 'string' && user !== '' ? `user:${principal.id}:${user}` : byKey;
    }
    case 'request': {
      const content = request.operation === 'chat' ? (request.input as ChatInput).messages : request.input;
      return `request:${JSON.stringify(content)}`;
    }
    default:
      return sticky satisfies never;
  }
}

/**
 * The arms in the order in which they are to answer for `who`: always the same, with the first place going to each arm in
 * proportion to its weight over many. Weighted rendezvous hashing (each arm draws −ln u / weight, the least goes first): when a
 * weight grows or an arm is added, some move to that arm and nobody moves between others. Arms of weight 0 are left out.
 */
export function rankArms<A extends { readonly use: string; readonly weight: number; readonly name?: string | undefined }>(
  who: string,
  arms: readonly A[],
): A[] {
  return arms
    .filter(({ weight }) => weight > 0)
    .map((arm) => ({ arm, draw: -Math.log(uniform(`${arm.name ?? arm.use}\n${who}`)) / arm.weight }))
    .sort((a, b) => a.draw - b.draw)
    .map(({ arm }) => arm);
}

/** A number over 0 and below 1 that a text always gives: 48 bits of its SHA-256. */
function uniform(text: string): number {
  return (createHash('sha256').update(text).digest().readUIntBE(0, 6) + 0.5) / 2 ** 48;
}
