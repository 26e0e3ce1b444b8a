/** How the arbiter's parts ask a model. Who calls them gives the function; they know neither pool nor router. */
import type { ChatInput, ToolCall } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';

/** Asks one model one thing and waits for the whole answer. Rejects with a `TuttiError`. */
export type Ask = (target: string, input: ChatInput, options: AskOptions) => Promise<AskedAnswer>;

/** How to ask. */
export interface AskOptions {
  readonly signal: AbortSignal;
  /** Whom it may ask itself while it answers: ids, aliases, orchestrations. */
  readonly consult?: readonly string[];
  /** Names the step in the trace; unset, the asker's own. */
  readonly key?: string;
}

/** What the model said. */
export interface AskedAnswer {
  readonly text: string;
  readonly toolCalls: readonly ToolCall[];
  readonly confidence: Confidence | null;
}
