/** Answers that say nothing: white space is no word. */
import type { Part } from '../contracts/part.ts';
import type { FailedMember } from '../errors/members.ts';

/** Why a member that said nothing counts as failed. */
export const EMPTY_ANSWER = { code: 'upstream_invalid', message: 'the answer was empty' } as const satisfies Omit<
  FailedMember,
  'member'
>;

/**
 * The parts of an answer from its first word on, as they come: the white space before it is held back until then. Of an answer
 * without a word nothing comes, not even its end, so that somebody else can still answer. Thoughts are words: whoever reads
 * along has seen them.
 */
export async function* fromFirstWord(parts: AsyncIterable<Part>): AsyncGenerator<Part> {
  const held: Part[] = [];
  let speaks = false;
  for await (const part of parts) {
    speaks ||= isWord(part);
    if (!speaks) {
      held.push(part);
      continue;
    }
    yield* held.splice(0);
    yield part;
  }
}

function isWord(part: Part): boolean {
  switch (part.type) {
    case 'text-delta':
    case 'reasoning-delta':
      return part.text.trim() !== '';
    case 'tool-call-delta':
    case 'artifact':
      return true;
    default:
      return false;
  }
}
