import type { FinishReason, Part, TokenLogprob } from '../../contracts/part.ts';
import type { Usage } from '../../contracts/usage.ts';
import type { StepPath } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import { asArray, asNumber, asObject, asString, parseJson, type JsonObject } from '../../lib/json-value.ts';
import { errorFromChunk, quote, type Refuser } from '../upstream/refusal.ts';

export interface ChatReaderOptions {
  readonly step: StepPath;
  readonly who: Refuser;
  /** Ids for tool calls: Ollama gives none, or did so only lately. */
  newId(): string;
}

/**
 * Turns the lines of `/api/chat` into parts. Pure. The line with `done: true` ends the answer; a stream without it is
 * `stream_truncated`, also when its last line is half a line.
 */
export class OllamaChatReader {
  readonly #options: ChatReaderOptions;
  #done: JsonObject | null = null;
  #calls = 0;
  /** A line that is no JSON: nonsense, unless it proves to be the last one and was cut. */
  #broken: string | null = null;

  constructor(options: ChatReaderOptions) {
    this.#options = options;
  }

  read(line: string): Part[] {
    if (this.#done || line.trim() === '') return [];
    if (this.#broken !== null) throw this.#nonsense(this.#broken);
    const wire = asObject(parseJson(line));
    if (!wire) {
      this.#broken = line;
      return [];
    }
    const error = errorFromChunk(wire, this.#options.who);
    if (error) throw error;
    const parts = this.#deltas(wire);
    if (wire['done'] === true) this.#done = wire;
    return parts;
  }

  #deltas(wire: JsonObject): Part[] {
    const { step } = this.#options;
    const message = asObject(wire['message']) ?? wire; // `/api/generate` has `response` and `thinking` beside `done`
    const parts: Part[] = [];
    const thinking = asString(message['thinking']) ?? '';
    if (thinking !== '') parts.push({ type: 'reasoning-delta', step, choice: 0, text: thinking });
    const text = asString(message['content']) ?? asString(message['response']) ?? '';
    const logprobs = readLogprobs(wire['logprobs']);
    if (text !== '' || logprobs) parts.push({ type: 'text-delta', step, choice: 0, text, ...(logprobs && { logprobs }) });
    for (const entry of asArray(message['tool_calls'])) {
      const call = asObject(entry);
      const fn = asObject(call?.['function']);
      const name = asString(fn?.['name']);
      if (!name) throw new TuttiError('upstream_invalid', `${this.#options.who.name} sent a tool call without a name.`);
      const args = fn?.['arguments'];
      parts.push({
        type: 'tool-call-delta',
        step,
        choice: 0,
        index: this.#calls++,
        id: asString(call?.['id']) || this.#options.newId(),
        name,
        arguments: typeof args === 'string' ? args : JSON.stringify(args ?? {}),
      });
    }
    return parts;
  }

  /** Usage and finish. Throws `stream_truncated` when the closing line did not come. */
  end(): Part[] {
    const { step, who } = this.#options;
    if (this.#broken !== null && !this.#broken.trimStart().startsWith('{')) throw this.#nonsense(this.#broken);
    if (!this.#done)
      throw new TuttiError('stream_truncated', `The stream of ${who.name}:${who.model} ended without its closing line.`);
    return [
      { type: 'usage', step, usage: readUsage(this.#done) },
      { type: 'finish', step, choice: 0, reason: this.#finish(this.#done) },
    ];
  }

  #finish(done: JsonObject): FinishReason {
    if (done['done_reason'] === 'length') return 'length';
    return this.#calls > 0 ? 'tool_calls' : 'stop';
  }

  #nonsense(line: string): TuttiError {
    const { who } = this.#options;
    const start = quote(line.slice(0, 200), who.secret);
    return new TuttiError('upstream_invalid', `${who.name} did not answer in Ollama's protocol, but: ${start}`);
  }
}

/** Ollama leaves out a count that is zero: a prompt that was wholly cached has no `prompt_eval_count`. */
export function readUsage(done: JsonObject): Usage {
  return { inputTokens: asNumber(done['prompt_eval_count']) ?? 0, outputTokens: asNumber(done['eval_count']) ?? 0 };
}

function readLogprobs(value: unknown): TokenLogprob[] | undefined {
  const tokens = asArray(value).map((entry) => {
    const wire = asObject(entry);
    const top = asArray(wire?.['top_logprobs']).map((other) => readToken(asObject(other)));
    return { ...readToken(wire), top };
  });
  return tokens.length > 0 ? tokens : undefined;
}

function readToken(wire: JsonObject | null): { token: string; logprob: number; bytes: number[] | null } {
  const bytes = wire?.['bytes'];
  return {
    token: asString(wire?.['token']) ?? '',
    logprob: Math.min(0, asNumber(wire?.['logprob']) ?? -9999),
    bytes: Array.isArray(bytes) ? bytes.map((byte) => asNumber(byte) ?? 0) : null,
  };
}
