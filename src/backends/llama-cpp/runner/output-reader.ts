/**
 * Splits what a model writes into text, reasoning (`<think>…</think>`) and tool calls, while it is being written.
 *
 * States: `start` (only blanks so far) → `text`; either → `reasoning` → `start`, or → `call` → `start`. Whatever might be
 * the beginning of a marker or of a stop sequence is held back until it is decided, so that no half of one gets out.
 */
import { OPENERS, callReader, type CallReader, type Opener } from './call-reader.ts';

export type Segment =
  /** `from` and `to` say where it stood in all that was pushed, in UTF-16 units. */
  | { readonly kind: 'text'; readonly text: string; readonly from: number; readonly to: number }
  | { readonly kind: 'reasoning'; readonly text: string }
  | { readonly kind: 'call'; readonly index: number; readonly name?: string; readonly arguments?: string };

export interface ReaderOptions {
  /** Names of the tools offered; empty: markers of calls are text. */
  readonly tools: readonly string[];
  /** A JSON object at the start that names a tool is a call (Llama 3). */
  readonly bareCalls: boolean;
  /** The prompt ended inside `<think>`. */
  readonly reasoning: boolean;
  /** Whether `<think>` means anything; false under a grammar. */
  readonly thinks: boolean;
  readonly stops: readonly string[];
}

const THINK = '<think>';
const END_THINK = '</think>';

export class OutputReader {
  readonly #options: ReaderOptions;
  readonly #candidates: readonly string[];
  #state: 'start' | 'text' | 'reasoning' | 'call';
  /** Blanks at the start of a stretch are dropped after a call or reasoning, and kept at the very beginning. */
  #dropBlanks = false;
  #seenText = false;
  #rest = '';
  #offset = 0;
  #call: { readonly reader: CallReader; readonly opener: string; started: boolean } | null = null;
  #out: Segment[] = [];
  /** Calls so far. */
  calls = 0;
  /** A stop sequence was met: nothing that follows counts. */
  stopped = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#state = options.reasoning ? 'reasoning' : 'start';
    this.#candidates = [...options.stops, ...(options.tools.length > 0 ? OPENERS : [])];
  }

  get inReasoning(): boolean {
    return this.#state === 'reasoning';
  }

  /** A call is complete and nothing else has begun. */
  get betweenCalls(): boolean {
    return this.#state === 'start';
  }

  push(text: string): Segment[] {
    if (this.stopped) return [];
    this.#rest += text;
    return this.#run(false);
  }

  /** The model has ended: what was held back is decided. */
  end(): Segment[] {
    return this.stopped ? [] : this.#run(true);
  }

  #run(final: boolean): Segment[] {
    while (this.#step(final)) if (this.stopped) break;
    const out = this.#out;
    this.#out = [];
    return out;
  }

  /** True while more can be decided. */
  #step(final: boolean): boolean {
    if (this.#rest === '') return false;
    switch (this.#state) {
      case 'reasoning':
        return this.#reasoning(final);
      case 'call':
        return this.#inCall(final);
      case 'start':
        return this.#start(final);
      case 'text':
        return this.#text(final);
      default:
        return this.#state satisfies never;
    }
  }

  #start(final: boolean): boolean {
    const blanks = this.#rest.length - this.#rest.trimStart().length;
    const word = this.#rest.slice(blanks);
    if (this.#options.stops.some((stop) => this.#rest.includes(stop))) return this.#toText();
    if (word === '') {
      if (final && this.#dropBlanks) this.#take(blanks);
      else if (final) return this.#toText();
      return false;
    }
    if (!this.#seenText && this.#options.thinks) {
      if (word.startsWith(THINK)) {
        this.#take(blanks + THINK.length);
        this.#state = 'reasoning';
        return true;
      }
      if (THINK.startsWith(word) && !final) return false;
    }
    const opener = this.#options.tools.length === 0 ? undefined : OPENERS.find((o) => word.startsWith(o));
    if (opener !== undefined) {
      this.#take(blanks);
      return this.#openCall(opener);
    }
    const bare = this.#options.bareCalls && this.#options.tools.length > 0 && !this.#seenText;
    if (bare && (word.startsWith('{') || word.startsWith('['))) {
      this.#take(blanks);
      return this.#openCall('bare');
    }
    if (!final && this.#candidates.some((candidate) => candidate.startsWith(word))) return false;
    if (this.#dropBlanks) this.#take(blanks);
    return this.#toText();
  }

  #toText(): boolean {
    this.#state = 'text';
    return true;
  }

  #text(final: boolean): boolean {
    let at = -1;
    let found = '';
    for (const candidate of this.#candidates) {
      const i = this.#rest.indexOf(candidate);
      if (i >= 0 && (at < 0 || i < at)) {
        at = i;
        found = candidate;
      }
    }
    if (at < 0) {
      const held = final ? 0 : heldBack(this.#rest, this.#candidates);
      this.#emitText(this.#rest.length - held);
      return false;
    }
    this.#emitText(at);
    if (this.#options.stops.includes(found)) {
      this.stopped = true;
      return false;
    }
    return this.#openCall(found as Opener); // candidates are stops and openers
  }

  #reasoning(final: boolean): boolean {
    const end = this.#rest.indexOf(END_THINK);
    const length = end >= 0 ? end : this.#rest.length - (final ? 0 : heldBack(this.#rest, [END_THINK]));
    if (length > 0) this.#out.push({ kind: 'reasoning', text: this.#take(length) });
    if (end < 0) return false;
    this.#take(END_THINK.length);
    this.#state = 'start';
    this.#dropBlanks = true;
    return true;
  }

  #openCall(opener: Opener | 'bare'): boolean {
    const names = this.#options.tools;
    this.#call = {
      reader: callReader(opener, (name) => names.includes(name)),
      opener: opener === 'bare' ? '' : opener,
      started: false,
    };
    this.#state = 'call';
    return true;
  }

  #inCall(final: boolean): boolean {
    const call = this.#call;
    if (call === null) return this.#toText();
    const progress = call.reader.read(this.#rest.slice(call.opener.length), {
      start: (name) => {
        call.started = true;
        this.#out.push({ kind: 'call', index: this.calls++, name });
      },
      add: (text) => this.#out.push({ kind: 'call', index: this.calls - 1, arguments: text }),
    });
    if (progress.state === 'more' && !final) return false;
    if (progress.state === 'over') this.#take(call.opener.length + progress.used);
    else if (call.started) this.#take(this.#rest.length);
    else {
      // Not a call after all: the reader of the answer gets what the model wrote.
      this.#call = null;
      this.#emitText(progress.state === 'more' ? this.#rest.length : Math.max(1, call.opener.length));
      return this.#toText();
    }
    this.#call = null;
    this.#state = 'start';
    this.#dropBlanks = true;
    return true;
  }

  #emitText(length: number): void {
    if (length === 0) return;
    const from = this.#offset;
    const text = this.#take(length);
    this.#seenText = true;
    this.#out.push({ kind: 'text', text, from, to: this.#offset });
  }

  #take(length: number): string {
    const text = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    this.#offset += length;
    return text;
  }
}

/** The length of the longest end of `text` that could be the beginning of one of the candidates. */
function heldBack(text: string, candidates: readonly string[]): number {
  let held = 0;
  for (const candidate of candidates)
    for (let length = Math.min(candidate.length - 1, text.length); length > held; length--)
      if (text.endsWith(candidate.slice(0, length))) {
        held = length;
        break;
      }
  return held;
}
