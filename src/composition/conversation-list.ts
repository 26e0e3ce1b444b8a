/** Lists of conversations: what each is, without what was said in it. */
import { z } from 'zod';
import type { ConversationState } from '../arbiter/conversation.ts';
import { turnsOf } from '../arbiter/conversation-log.ts';
import type { Principal } from '../contracts/principal.ts';

const stored = z.object({
  mode: z.enum(['direct', 'arbitrated']),
  participants: z.array(z.object({ model: z.string(), name: z.string() })),
  forkedFrom: z.object({ conversation: z.string(), message: z.string() }).nullable(),
  turns: z.int(),
  turnsLeft: z.int(),
});
type StoredSummary = z.output<typeof stored>;

/** A conversation in a list. */
export interface ConversationSummary extends Readonly<StoredSummary> {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly changedAt: number;
}

/** Which page of the list. */
export interface ConversationListQuery {
  /** Conversations a page, 1 to 1000. Default 100. */
  readonly limit?: number | undefined;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
  /** Who looks: admins see all, users their own. Default: the process itself, which sees all. */
  readonly viewer?: Principal | undefined;
}

/** A page of the list, the conversation that changed last first. */
export interface ConversationPage {
  /** The one that changed last first. */
  readonly conversations: readonly ConversationSummary[];
  /** null on the last page. */
  readonly nextCursor: string | null;
}

/** What a list shows, of a conversation of which everything is known. */
export function summaryOf({ mode, participants, forkedFrom, limits, history }: ConversationState): StoredSummary {
  const turns = turnsOf(history);
  return {
    mode,
    participants: participants.map(({ model, name = model }) => ({ model, name })),
    forkedFrom,
    turns,
    turnsLeft: Math.max(0, limits.maxTurns - turns),
  };
}

/** A summary as it was stored. Throws when it is none. */
export function parseSummary(text: string): StoredSummary {
  return stored.parse(JSON.parse(text));
}
