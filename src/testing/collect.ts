import type { ToolCall } from '../contracts/chat.ts';
import type { EmbedOutput } from '../contracts/operations.ts';
import type { FinishReason, Part, TokenLogprob } from '../contracts/part.ts';
import type { Usage } from '../contracts/usage.ts';

/** One choice of a call, put together from its deltas. */
export interface CollectedChoice {
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ToolCall[];
  readonly logprobs: readonly TokenLogprob[];
  /** null: the stream had no `finish` for this choice. */
  readonly finish: FinishReason | null;
}

/** A whole call. `text`, `reasoning`, `toolCalls`, `logprobs` and `finish` are those of choice 0. */
export interface Collected extends CollectedChoice {
  readonly parts: readonly Part[];
  readonly choices: readonly CollectedChoice[];
  readonly usage: Usage | null;
  /** The vectors of an `embed` call. */
  readonly vectors: EmbedOutput['vectors'];
}

/** Every part of a stream, in order. Rejects as the stream does. */
export function collectParts(stream: AsyncIterable<Part>): Promise<Part[]> {
  return Array.fromAsync(stream);
}

/** Reads a stream to its end and puts the answer together. It does not judge: look at `finish` for whether it was complete. */
export async function collect(stream: AsyncIterable<Part>): Promise<Collected> {
  return summarize(await collectParts(stream));
}

interface ChoiceDraft {
  text: string;
  reasoning: string;
  calls: { id: string; name: string; arguments: string }[];
  logprobs: TokenLogprob[];
  finish: FinishReason | null;
}

/** What `collect` gives, from parts that were read already. */
export function summarize(parts: readonly Part[]): Collected {
  const drafts: ChoiceDraft[] = [];
  const choice = (index: number): ChoiceDraft => {
    return (drafts[index] ??= { text: '', reasoning: '', calls: [], logprobs: [], finish: null });
  };
  choice(0);
  let usage: Usage | null = null;
  let vectors: EmbedOutput['vectors'] = [];
  for (const part of parts) {
    switch (part.type) {
      case 'text-delta':
        choice(part.choice).text += part.text;
        if (part.logprobs) choice(part.choice).logprobs.push(...part.logprobs);
        break;
      case 'reasoning-delta':
        choice(part.choice).reasoning += part.text;
        break;
      case 'tool-call-delta': {
        const call = (choice(part.choice).calls[part.index] ??= { id: '', name: '', arguments: '' });
        if (part.id !== undefined) call.id = part.id;
        if (part.name !== undefined) call.name = part.name;
        call.arguments += part.arguments ?? '';
        break;
      }
      case 'artifact':
        if (part.kind === 'embeddings') vectors = (part.value as EmbedOutput).vectors;
        break;
      case 'usage':
        usage = part.usage;
        break;
      case 'finish':
        choice(part.choice).finish = part.reason;
        break;
      case 'progress':
      case 'step-start':
      case 'step-end':
        break;
      default:
        part satisfies never;
    }
  }
  const choices = drafts.map(({ text, reasoning, calls, logprobs, finish }): CollectedChoice => ({
    text,
    reasoning,
    toolCalls: calls.map(({ id, name, arguments: args }) => ({ id, type: 'function', function: { name, arguments: args } })),
    logprobs,
    finish,
  }));
  return { ...choices[0]!, parts, choices, usage, vectors }; // choice 0 was made above
}
