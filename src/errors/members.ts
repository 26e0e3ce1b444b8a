import { TuttiError } from './error.ts';

/** A member that gave no answer, and why. */
export interface FailedMember {
  /** Its key. */
  readonly member: string;
  readonly code: string;
  readonly message: string;
}

/** No member could answer, or too few for the strategy to decide: each member's reason in the message and in `details.members`. */
export function allMembersFailed(failures: readonly FailedMember[], what = 'No member could answer'): TuttiError {
  const reasons = failures.map(({ member, code, message }) => `${member}: ${message} (${code})`);
  return new TuttiError('all_members_failed', `${what}: ${reasons.join('; ')}`, {
    details: { members: failures.map(({ member, code, message }) => ({ member, code, message })) },
  });
}
