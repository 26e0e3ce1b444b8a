/** A run as a stream of `chat.completion.chunk`s: what `/v1/chat/completions` sends, and Tutti's own routes when asked to. */
import type { FastifyReply } from 'fastify';
import type { Execution } from '../../contracts/library.ts';
import type { Part, ProgressPart } from '../../contracts/part.ts';
import { detailsIfTelling } from '../details.ts';
import { failStream, openStream, type Call } from '../route.ts';
import { toWireStepEvent } from '../wire/steps.ts';
import { ChatChunks, type ChunkOptions } from './chat-chunks.ts';
import { nameIgnored } from './unknown-fields.ts';

/** How long a load or a wait may be before a stream is begun to say so. Until then a failure is an answer with its own status. */
const HOLD_MS = 1000;
/** The step whose deltas are the answer. */
const ROOT = 'root';

export interface ChatStreamOptions extends Pick<ChunkOptions, 'includeUsage' | 'choices'> {
  /** What was asked for: the name of the answer until it is known which model answers. */
  readonly target: string;
  /** Tell what happens in the steps, too. */
  readonly steps?: boolean;
  /** The `tutti` object goes with every answer, not only with those that need it. */
  readonly tellAll?: boolean;
  /** Fields of the request that Tutti does not know. */
  readonly extra?: Record<string, unknown> | undefined;
}

/** Sends the answer as it comes. Whoever closes the connection stops the run. */
export async function streamChat(
  call: Call<unknown, unknown>,
  execution: Execution,
  { target, steps = false, tellAll = false, extra, ...shape }: ChatStreamOptions,
): Promise<FastifyReply> {
  const stream = openStream(call, 'text/event-stream');
  const chunks = new ChatChunks({ ...chatIdentity(execution), ...shape, model: () => execution.record().model ?? target });
  const textOf = (part: Part): string => {
    const event = steps ? toWireStepEvent(part) : null;
    if (event !== null) return chunks.step(event);
    return part.step === ROOT ? chunks.add(part) : '';
  };
  let begun = false;
  const loading = new LoadingComments(call, (comment) => stream.comment(comment));
  try {
    for await (const part of execution.parts) {
      if (part.type === 'progress' && !steps) loading.add(part);
      const text = textOf(part);
      if (text === '') continue;
      if (!begun) {
        begun = true;
        loading.stop();
        nameIgnored(call, execution.record(), extra);
      }
      stream.write(text);
      if (stream.isCongested) await stream.drained();
    }
    const run = execution.record();
    stream.end(chunks.end({ usage: run.usage, tutti: detailsIfTelling(execution.details(), run, tellAll) }));
  } catch (thrown) {
    failStream(call, stream, thrown);
  } finally {
    loading.stop();
  }
  return call.reply;
}

/** The id and time of a completion, whole or in chunks. */
export function chatIdentity(execution: Execution): { id: string; created: number } {
  return { id: `chatcmpl-${execution.runId}`, created: Math.floor(execution.record().startedAt / 1000) };
}

/** Tells a client that waits why it waits: `: loading gguf:qwen3 40%`. */
class LoadingComments {
  readonly #call: Call<unknown, unknown>;
  readonly #comment: (text: string) => void;
  #hold: Disposable | null = null;
  #isHolding = true;
  #last = '';
  #stopped = false;

  constructor(call: Call<unknown, unknown>, comment: (text: string) => void) {
    this.#call = call;
    this.#comment = comment;
  }

  add(part: ProgressPart): void {
    if (this.#stopped || (part.phase !== 'load' && part.phase !== 'queue')) return;
    const text = describe(part);
    if (text === this.#last) return;
    this.#last = text;
    if (!this.#isHolding) this.#comment(text);
    this.#hold ??= this.#call.services.clock.after(HOLD_MS, () => {
      this.#isHolding = false;
      this.#comment(this.#last);
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#hold?.[Symbol.dispose]();
  }
}

/** Whole tenths only: a large model reports thousands of steps. */
function describe(part: ProgressPart): string {
  const word = part.phase === 'load' ? 'loading' : 'waiting for room for';
  const percent = part.fraction === null ? '' : ` ${Math.floor(part.fraction * 10) * 10}%`;
  return `${word} ${part.model ?? 'the model'}${percent}`.replaceAll(/[\r\n]+/g, ' ');
}
