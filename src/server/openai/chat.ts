/** `POST /v1/chat/completions`. */
import type { FastifyReply } from 'fastify';
import type { ChatInput } from '../../contracts/chat.ts';
import type { Execution } from '../../contracts/library.ts';
import type { ProgressPart } from '../../contracts/part.ts';
import { collectAnswer } from '../../composition/answer.ts';
import { readLocalImages } from '../media-urls.ts';
import { failStream, mediaAccess, nameRun, openStream, type Call } from '../route.ts';
import type { ChatCompletion } from '../wire/chat.ts';
import { detailsIfTelling } from '../details.ts';
import { ChatChunks } from './chat-chunks.ts';
import { toChatCompletion } from './chat-completion.ts';
import { toCallSettings, toChatInput, type ChatRequest } from './chat-request.ts';
import { nameIgnored } from './unknown-fields.ts';

/** How long a load or a wait may be before a stream is begun to say so. Until then a failure is an answer with its own status. */
const HOLD_MS = 1000;
/** The step whose deltas are the answer. */
const ROOT = 'root';

export async function chatCompletions(call: Call<ChatRequest>): Promise<ChatCompletion | FastifyReply> {
  const { body, services } = call;
  const settings = body.tutti ?? {};
  const metadata = { ...body.metadata, ...settings.metadata };
  const messages = await readLocalImages(body.messages, mediaAccess(call));
  const input = { ...toChatInput(body, call.request.body), messages };
  const execution = services.tutti.execute({
    ...toCallSettings(settings),
    operation: 'chat',
    model: body.model,
    input,
    metadata,
    principal: call.principal,
    signal: call.signal,
    commit: body.stream ? 'first-content' : 'finish',
  });
  nameRun(call, execution.runId);
  return body.stream ? streamed(call, execution, input) : whole(call, execution, input);
}

async function whole(call: Call<ChatRequest>, execution: Execution, input: ChatInput): Promise<ChatCompletion> {
  const answer = await collectAnswer(execution);
  const run = execution.record();
  nameIgnored(call, run, input.extra);
  return toChatCompletion(answer, { ...identity(execution), tutti: detailsIfTelling(execution.details(), run) });
}

async function streamed(call: Call<ChatRequest>, execution: Execution, input: ChatInput): Promise<FastifyReply> {
  const stream = openStream(call, 'text/event-stream');
  const chunks = new ChatChunks({
    ...identity(execution),
    model: () => execution.record().model ?? call.body.model,
    includeUsage: call.body.stream_options?.include_usage ?? false,
    choices: input.n ?? 1,
  });
  let begun = false;
  const progress = new LoadingComments(call, (comment) => stream.comment(comment));
  try {
    for await (const part of execution.parts) {
      if (part.type === 'progress') progress.add(part);
      const text = part.step === ROOT ? chunks.add(part) : '';
      if (text === '') continue;
      if (!begun) {
        begun = true;
        progress.stop();
        nameIgnored(call, execution.record(), input.extra);
      }
      stream.write(text);
      if (stream.isCongested) await stream.drained();
    }
    const run = execution.record();
    stream.end(chunks.end({ usage: run.usage, tutti: detailsIfTelling(execution.details(), run) }));
  } catch (thrown) {
    failStream(call, stream, thrown);
  } finally {
    progress.stop();
  }
  return call.reply;
}

function identity(execution: Execution): { id: string; created: number } {
  return { id: `chatcmpl-${execution.runId}`, created: Math.floor(execution.record().startedAt / 1000) };
}

/** Tells a client that waits why it waits: `: loading gguf:qwen3 40%`. */
class LoadingComments {
  readonly #call: Call<ChatRequest>;
  readonly #comment: (text: string) => void;
  #hold: Disposable | null = null;
  #isHolding = true;
  #last = '';
  #stopped = false;

  constructor(call: Call<ChatRequest>, comment: (text: string) => void) {
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
