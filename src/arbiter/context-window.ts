/**
 * The part of a conversation that a model still sees. Messages are added as they come; once they take more than
 * `maxTokens`, the oldest go (or are summarized) until the rest takes at most `truncateTo` of that, so that not every new
 * message costs the model its prompt cache. What stays in any case is told in `context-fit.ts`.
 *
 * Additions happen in their order, one after the other. One that needs neither a summary nor an asynchronous tokenizer is
 * done when `add` returns, so that its promise need not be awaited.
 */
import type { ChatMessage } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';
import { chooseDropped, countedText, mediaTokens, type CountedMessage } from './context-fit.ts';
import { estimateTokens } from './prompts/estimate.ts';

/** Writes down what the messages say in at most `maxTokens` tokens. */
export type Summarize = (messages: readonly ChatMessage[], options: { readonly maxTokens: number }) => Promise<string>;

/** How a context window counts and what it does when it is full. */
export interface ContextWindowOptions {
  /** Default 16384. */
  readonly maxTokens?: number;
  /** What is left when it was too much, as a share of `maxTokens` above 0 and up to 1. Default 0.75. */
  readonly truncateTo?: number;
  /** A model's own tokenizer, at once or as a promise. Default: `estimateTokens`. */
  readonly countTokens?: (text: string) => number | Promise<number>;
  /** What happens to the oldest messages: they go, or a summary takes their place. Default `truncate`. */
  readonly policy?: 'truncate' | 'summarize';
  /** Needed for the policy `summarize`. */
  readonly summarize?: Summarize;
  /** Told when a summary failed; the messages are then dropped without one. */
  readonly onSummaryFailed?: (error: TuttiError) => void;
}

/** A conversation that never outgrows a model. */
export interface ContextWindow {
  /** Takes up a message. Rejects only when the tokenizer does; the message is then not in. */
  add(message: ChatMessage): Promise<void>;
  /** What a model is to be given, oldest first. */
  messages(): ChatMessage[];
  /** What `messages()` takes. Above `maxTokens` only when what must stay is more than that. */
  readonly tokens: number;
  readonly maxTokens: number;
}

/** The share of the window that a summary may take. */
const SUMMARY_SHARE = 0.1;
const SUMMARY_TITLE = 'Summary of the earlier conversation:';

/**
 * A context window. Errors: `invalid_request` for a limit or share out of range, and for `summarize` without a function.
 *
 * @example
 * const window = createContextWindow({ maxTokens: 8192 });
 * await window.add({ role: 'user', content: 'Hello' });
 */
export function createContextWindow(options: ContextWindowOptions = {}): ContextWindow {
  const { maxTokens = 16384, truncateTo = 0.75, policy = 'truncate', summarize } = options;
  if (!(maxTokens >= 1)) throw invalid('maxTokens', `must be at least 1, not ${maxTokens}`);
  if (!(truncateTo > 0 && truncateTo <= 1)) throw invalid('truncateTo', `must be above 0 and at most 1, not ${truncateTo}`);
  if (policy === 'summarize' && summarize === undefined) {
    throw invalid('summarize', 'is the function that writes the summary; the policy `summarize` needs it');
  }
  return new Window({ ...options, maxTokens, truncateTo, policy });
}

function invalid(param: string, reason: string): TuttiError {
  return new TuttiError('invalid_request', `${param} ${reason}.`, { param });
}

type Settings = ContextWindowOptions & Required<Pick<ContextWindowOptions, 'maxTokens' | 'truncateTo' | 'policy'>>;

class Window implements ContextWindow {
  readonly maxTokens: number;
  readonly #settings: Settings;
  readonly #count: (text: string) => number | Promise<number>;
  #entries: CountedMessage[] = [];
  #summary: { readonly text: string; readonly tokens: number } | null = null;
  /** The last addition that has not ended yet. */
  #work: Promise<void> | null = null;

  constructor(settings: Settings) {
    this.maxTokens = settings.maxTokens;
    this.#settings = settings;
    this.#count = settings.countTokens ?? estimateTokens;
  }

  get tokens(): number {
    return this.#entries.reduce((sum, entry) => sum + entry.tokens, this.#summary?.tokens ?? 0);
  }

  messages(): ChatMessage[] {
    const messages = this.#entries.map((entry) => entry.message);
    return this.#summary === null ? messages : withSummary(messages, this.#summary.text);
  }

  add(message: ChatMessage): Promise<void> {
    let work: Promise<void> | undefined;
    try {
      work = this.#work === null ? this.#take(message) : this.#work.then(() => this.#take(message));
    } catch (error) {
      return Promise.reject(TuttiError.from(error, 'backend_error'));
    }
    if (work === undefined) return Promise.resolve();
    // The next addition waits for this one, whether it goes well or not; the error is its own caller's.
    const settled = work
      .catch(() => undefined) // told to the caller of this addition
      .then(() => {
        if (this.#work === settled) this.#work = null;
      });
    this.#work = settled;
    return work;
  }

  /** Counts, takes up, makes room. Nothing is returned when all of it is done at once. */
  #take(message: ChatMessage): Promise<void> | undefined {
    const tokens = this.#tokensOf(message);
    if (typeof tokens === 'number') return this.#place({ message, tokens });
    return tokens.then((counted) => this.#place({ message, tokens: counted }));
  }

  #tokensOf(message: ChatMessage): number | Promise<number> {
    const text = countedText(message);
    const words = text === '' ? 0 : this.#count(text);
    const media = mediaTokens(message);
    return typeof words === 'number' ? words + media : words.then((counted) => counted + media);
  }

  #place(entry: CountedMessage): Promise<void> | undefined {
    this.#entries.push(entry);
    const { maxTokens, truncateTo, policy } = this.#settings;
    if (this.tokens <= maxTokens) return undefined;
    if (policy === 'summarize') return this.#summarizeOldest();
    this.#drop(maxTokens * truncateTo);
    return undefined;
  }

  /** Removes the oldest messages until all is within `target`, and gives what was removed. */
  #drop(target: number): ChatMessage[] {
    const dropped = chooseDropped(this.#entries, target - (this.#summary?.tokens ?? 0));
    const gone = this.#entries.filter((_, i) => dropped.has(i)).map((entry) => entry.message);
    this.#entries = this.#entries.filter((_, i) => !dropped.has(i));
    return gone;
  }

  /** An earlier summary is summarized with what comes after it, so there is never more than one. */
  async #summarizeOldest(): Promise<void> {
    const { maxTokens, truncateTo } = this.#settings;
    const room = Math.floor(maxTokens * truncateTo * SUMMARY_SHARE);
    const earlier = this.#summary;
    this.#summary = null;
    const gone = this.#drop(maxTokens * truncateTo - room);
    if (gone.length === 0) {
      this.#summary = earlier;
      return;
    }
    if (earlier !== null) gone.unshift({ role: 'system', content: summaryText(earlier.text) });
    if (room >= 1) this.#summary = await this.#write(gone, room);
  }

  async #write(gone: readonly ChatMessage[], room: number): Promise<{ text: string; tokens: number } | null> {
    const { summarize, onSummaryFailed } = this.#settings;
    try {
      const text = (await summarize?.(gone, { maxTokens: room }))?.trim() ?? '';
      if (text === '') throw new TuttiError('backend_error', 'The summary of the earlier conversation is empty.');
      return await this.#shortened(text, room);
    } catch (error) {
      onSummaryFailed?.(TuttiError.from(error, 'backend_error'));
      return null;
    }
  }

  /** A summary that is longer than asked for loses its end: halved until it fits, as its counter may be a remote one. */
  async #shortened(text: string, room: number): Promise<{ text: string; tokens: number } | null> {
    for (let words = text; words !== ''; words = words.slice(0, Math.floor(words.length / 2)).trimEnd()) {
      const tokens = await this.#count(summaryText(words));
      if (tokens <= room) return { text: words, tokens };
    }
    return null;
  }
}

function summaryText(summary: string): string {
  return `${SUMMARY_TITLE}\n${summary}`;
}

/** In the first system message where there is one: many chat templates take one only, and only at the start. */
function withSummary(messages: readonly ChatMessage[], summary: string): ChatMessage[] {
  const [first, ...rest] = messages;
  if (first?.role === 'system' && typeof first.content === 'string') {
    return [{ ...first, content: `${first.content}\n\n${summaryText(summary)}` }, ...rest];
  }
  return [{ role: 'system', content: summaryText(summary) }, ...messages];
}
