import { z } from 'zod';
import { memberConfig, memberSettings, type Member } from '../../contracts/member.ts';
import { nearest } from '../../lib/nearest.ts';

/** What the known roles are told that have no instructions of their own. */
const INSTRUCTIONS: Readonly<Record<string, string>> = {
  research: 'You are the researcher. Find out what the task needs: facts, good practice, pitfalls. Be brief.',
  code: 'You are the coder. Do the task, with what was found out. Give the whole work.',
  review: 'You are the reviewer. Look for mistakes. Say whether the work is approved or rejected, and why.',
  docs: 'You are the documenter. Give the finished work, and say what it does and how it is used.',
};
/** The role that reviews unless it is said otherwise. */
const REVIEW = 'review';

const roleEntry = memberSettings
  .extend({
    model: z.string().min(1),
    /** Default for `research`, `code`, `review` and `docs`: what these words say; for others none. */
    instructions: z.string().min(1).optional(),
    consult: z.array(z.string().min(1)).min(1).optional(),
    /** Whether it judges the work of the role before it, which revises what is rejected. Default: the role is called `review`. */
    reviews: z.boolean().optional(),
  })
  .strict();

const roleConfig = z
  .union([z.string().min(1), roleEntry])
  .transform((given): z.infer<typeof roleEntry> => (typeof given === 'string' ? { model: given } : given));

/** What `strategy: workflow` takes. */
export const workflowConfig = z
  .strictObject({
    strategy: z.literal('workflow'),
    /** Names of roles, in order; one may come several times. */
    steps: z.array(z.string()).min(1, 'a workflow needs at least one step'),
    roles: z.record(
      z.string().regex(/^[A-Za-z0-9_-]+$/, 'a role’s name has letters, digits, dashes and underscores'),
      roleConfig,
    ),
    /** How often rejected work is revised, each time it is reviewed. */
    max_review_rounds: z.int().min(0, 'max_review_rounds is at least 0').max(10, 'max_review_rounds is at most 10').default(2),
    /** Who says which role comes next: the list of steps, or the arbiter, which may leave some out and call others again. */
    next: z.enum(['steps', 'arbiter']).default('steps'),
    arbiter: memberConfig.optional(),
    /** `next: arbiter`: how many turns the roles have together. Default: two for each role. */
    max_turns: z.int().min(1, 'max_turns is at least 1').max(100, 'max_turns is at most 100').optional(),
  })
  .superRefine(({ steps, roles, next, arbiter, max_turns }, issues) => {
    const problem = (path: readonly PropertyKey[], message: string): void =>
      issues.addIssue({ code: 'custom', path: [...path], message });
    for (const [i, step] of steps.entries()) {
      if (!Object.hasOwn(roles, step)) problem(['steps', i], unknownRole(step, Object.keys(roles)));
    }
    const [first = ''] = steps;
    if (roles[first] !== undefined && isReviewer(first, roles[first]))
      problem(['steps', 0], `${first} comes first: there is nothing to review yet`);
    if (next === 'arbiter' && arbiter === undefined) problem(['arbiter'], '`next: arbiter` needs an `arbiter`');
    if (next === 'steps' && arbiter !== undefined) problem(['arbiter'], 'an `arbiter` goes with `next: arbiter`');
    if (next === 'steps' && max_turns !== undefined) problem(['max_turns'], '`max_turns` goes with `next: arbiter`');
  });
export type WorkflowConfig = z.infer<typeof workflowConfig>;

/** That a name is no role's, and which there are. */
export function unknownRole(name: string, known: readonly string[]): string {
  const [guess] = nearest(name, known, 1);
  return `there is no role \`${name}\`${guess === undefined ? '' : `; did you mean \`${guess}\`?`} (there are: ${known.join(', ')})`;
}

function isReviewer(name: string, { reviews = name === REVIEW }: WorkflowConfig['roles'][string]): boolean {
  return reviews;
}

/** Somebody who does a part of the work, or judges it. */
export interface Role {
  readonly name: string;
  readonly member: Member;
  readonly reviews: boolean;
}

export function rolesOf({ roles }: WorkflowConfig): Map<string, Role> {
  const entries = Object.entries(roles).map(([name, role]): [string, Role] => {
    const { reviews: _reviews, instructions = INSTRUCTIONS[name], ...settings } = role;
    const set = Object.entries({ ...settings, instructions }).filter(([, value]) => value !== undefined);
    const member = { ...(Object.fromEntries(set) as Partial<Member>), model: role.model };
    return [name, { name, member, reviews: isReviewer(name, role) }];
  });
  return new Map(entries);
}
