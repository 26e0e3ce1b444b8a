import type { FinishReason, Part } from '../../contracts/part.ts';
import type { Usage } from '../../contracts/usage.ts';
import type { StepPath } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import { asArray, asNumber, asObject, asString, parseJson, type JsonObject } from '../../lib/json-value.ts';
import { errorFromChunk, errorFromResponse, quote, type Refuser } from '../upstream/refusal.ts';
import { readFinishReason } from './finish-reason.ts';
import { readLogprobs } from './logprobs.ts';
import { ToolCallReader } from './tool-calls.ts';
import { readUsage } from './usage.ts';

export interface ChatReaderOptions {
  readonly step: StepPath;
  /** How many choices were asked for. */
  readonly choices: number;
  readonly who: Refuser;
  /** Tutti's own count of the prompt, for providers that send no usage. */
  estimateInput(): number;
  /** Ids for tool calls that the server gave none. */
  newId(): string;
}

interface Choice {
  readonly tools: ToolCallReader;
  finish: FinishReason | null;
  refused: boolean;
}

/**
 * Turns the chunks of a Chat Completions stream into parts. Pure: it is given the data of each event and says what
 * follows from it, so it knows nothing of how the bytes were cut.
 *
 * Usage may come after the last choice has ended, and parts end with their finishes: so these are held back until `end`.
 * A stream is complete when it says `[DONE]`, or when every choice has its reason. An answer in one piece
 * (`choices[].message`) is read as a stream of one chunk.
 */
export class ChatReader {
  readonly #options: ChatReaderOptions;
  readonly #choices = new Map<number, Choice>();
  #usage: Usage | null = null;
  /** The first event without `choices`, until one has them: a server of another protocol is known by it. */
  #foreign: string | null = null;
  #speaks = false;
  #done = false;
  #outputBytes = 0;
  #outputTokens = 0;

  constructor(options: ChatReaderOptions) {
    this.#options = options;
  }

  /** `[DONE]` was read: what follows is not part of the answer. */
  get done(): boolean {
    return this.#done;
  }

  /** Every choice has its reason: an end of the stream from here on loses nothing of the answer. */
  get complete(): boolean {
    if (this.#choices.size < this.#options.choices) return false;
    for (const choice of this.#choices.values()) if (choice.finish === null) return false;
    return true;
  }

  /** The parts of one event's data. Throws what the provider reports inside the stream, and `upstream_invalid` for nonsense. */
  read(data: string, event = 'message'): Part[] {
    if (this.#done || data === '') return [];
    if (data.trim() === '[DONE]') {
      this.#done = true;
      return [];
    }
    const parsed = parseJson(data);
    const chunk = asObject(parsed);
    const { who } = this.#options;
    if (event === 'error') throw errorFromResponse({ status: null, body: data }, who);
    if (!chunk) {
      throw new TuttiError('upstream_invalid', `${who.name} sent an event that is not JSON: ${quote(data, who.secret)}`);
    }
    if ('choices' in chunk) this.#speaks = true;
    else if (!this.#speaks) this.#foreign ??= data;
    return this.#readChunk(chunk);
  }

  /** The parts of an answer in one piece, which servers give that cannot stream. */
  readWhole(answer: JsonObject): Part[] {
    if (!('choices' in answer) && answer['error'] == null) throw foreignProtocol(JSON.stringify(answer), this.#options.who);
    const parts = this.#readChunk(answer);
    this.#done = true;
    return parts;
  }

  #readChunk(chunk: JsonObject): Part[] {
    const error = errorFromChunk(chunk, this.#options.who);
    if (error) throw error;
    const parts: Part[] = [];
    for (const entry of asArray(chunk['choices'])) {
      const wire = asObject(entry);
      if (wire) this.#readChoice(wire, parts);
    }
    this.#usage = readUsage(chunk) ?? this.#usage;
    return parts;
  }

  #readChoice(wire: JsonObject, parts: Part[]): void {
    const choice = asNumber(wire['index']) ?? 0;
    const { step, who } = this.#options;
    if (choice < 0 || choice >= this.#options.choices) {
      throw new TuttiError(
        'upstream_invalid',
        `${who.name} sent choice ${choice} of ${this.#options.choices} that were asked for.`,
      );
    }
    let state = this.#choices.get(choice);
    if (!state)
      this.#choices.set(choice, (state = { tools: new ToolCallReader(this.#options.newId), finish: null, refused: false }));

    const delta = asObject(wire['delta']) ?? asObject(wire['message']) ?? wire;
    const content = readContent(delta['content'] ?? delta['text']);
    const reasoning = (asString(delta['reasoning_content']) ?? asString(delta['reasoning']) ?? '') + content.reasoning;
    if (reasoning !== '') parts.push({ type: 'reasoning-delta', step, choice, text: this.#counted(reasoning) });
    const refusal = asString(delta['refusal']) ?? '';
    if (refusal !== '') state.refused = true;
    const text = content.text + refusal;
    const logprobs = readLogprobs(wire['logprobs']);
    if (logprobs) this.#outputTokens += logprobs.length;
    if (text !== '' || logprobs) {
      parts.push({ type: 'text-delta', step, choice, text: this.#counted(text), ...(logprobs && { logprobs }) });
    }
    const calls =
      delta['tool_calls'] ?? (delta['function_call'] == null ? null : [{ index: 0, function: delta['function_call'] }]);
    for (const call of state.tools.read(calls)) {
      this.#counted((call.name ?? '') + (call.arguments ?? ''));
      parts.push({ type: 'tool-call-delta', step, choice, ...call });
    }
    const reason = asString(wire['finish_reason']);
    if (reason) this.#finish(state, reason);
  }

  #finish(state: Choice, word: string): void {
    const { who } = this.#options;
    const reason = readFinishReason(word);
    if (reason === 'error')
      throw new TuttiError('upstream_error', `${who.name} ended the answer of ${who.model} with "${word}".`);
    if (reason === 'truncated') {
      throw new TuttiError('stream_truncated', `${who.name} broke off the answer of ${who.model} ("${word}").`);
    }
    state.finish = reason;
  }

  #counted(text: string): string {
    this.#outputBytes += text.length;
    return text;
  }

  /** The usage and finishes that end the parts. Throws `stream_truncated` or `upstream_invalid` when the answer is not whole. */
  end(): Part[] {
    const { step, who, choices } = this.#options;
    if (!this.#speaks && this.#foreign !== null) throw foreignProtocol(this.#foreign, who);
    if (!this.#done && !this.complete) {
      throw new TuttiError('stream_truncated', `The stream of ${who.name}:${who.model} ended without its closing event.`);
    }
    if (this.#choices.size < choices) {
      const got = `${this.#choices.size} of ${choices} choices`;
      throw new TuttiError('upstream_invalid', `${who.name} ended the answer of ${who.model} after ${got}.`);
    }
    const parts: Part[] = [{ type: 'usage', step, usage: this.#usage ?? this.#estimate() }];
    for (const [choice, state] of [...this.#choices].sort(([a], [b]) => a - b)) {
      if (state.tools.unnamed >= 0) throw new TuttiError('upstream_invalid', `${who.name} sent a tool call without a name.`);
      parts.push({ type: 'finish', step, choice, reason: finishOf(state) });
    }
    return parts;
  }

  #estimate(): Usage {
    const outputTokens = Math.max(this.#outputTokens, estimateTokens(this.#outputBytes));
    return { inputTokens: this.#options.estimateInput(), outputTokens, estimated: true };
  }
}

/** The error for a server that answers, but with something else than the OpenAI protocol. */
export function foreignProtocol(start: string, who: Refuser): TuttiError {
  const quoted = quote(start.slice(0, 200), who.secret);
  return new TuttiError('upstream_invalid', `${who.name} did not answer in the OpenAI protocol, but: ${quoted}`);
}

/** Some servers say `stop` although they called tools; and `[DONE]` without a reason is a complete answer, too. */
function finishOf({ finish, tools, refused }: Choice): FinishReason {
  if (finish !== null && finish !== 'stop') return finish;
  if (tools.count > 0) return 'tool_calls';
  return refused ? 'content_filter' : 'stop';
}

/** Four characters a token: what English text comes to with most tokenizers. Only used where a provider gives no count. */
export function estimateTokens(characters: number): number {
  return Math.ceil(characters / 4);
}

/** A string, or a list of `text` and `thinking` blocks (Mistral). */
function readContent(content: unknown): { text: string; reasoning: string } {
  if (typeof content === 'string') return { text: content, reasoning: '' };
  let text = '';
  let reasoning = '';
  for (const entry of asArray(content)) {
    const block = asObject(entry);
    if (block?.['type'] === 'thinking') reasoning += readContent(block['thinking']).text;
    else text += asString(block?.['text']) ?? '';
  }
  return { text, reasoning };
}
