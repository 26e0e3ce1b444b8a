/**
 * Reads one stretch of tool calls while it is being written, in the formats that models were trained on. It takes
 * characters as they come and hands out what is certain: first the name, then the arguments piece by piece.
 *
 *     <tool_call>{"name": "f", "arguments": {…}}</tool_call>              Hermes, Qwen, and Tutti's own
 *     <tool_call><function=f><parameter=k>v</parameter></function></tool_call>   Qwen Coder
 *     [TOOL_CALLS][{"name": "f", "arguments": {…}}]   [TOOL_CALLS]f[ARGS]{…}   Mistral, old and new
 *     <|python_tag|>{"name": "f", "parameters": {…}}   and the same bare       Llama 3
 *     <function=f>{…}</function>                                           Llama 3.1's custom calls
 *     <start_function_call>call:f{k:<escape>v<escape>}<end_function_call>  FunctionGemma
 */
import { readGemmaCall, readXmlCall } from './call-text.ts';

export interface CallSink {
  /** A call begins. */
  start(name: string): void;
  /** More of the JSON text of its arguments. */
  add(text: string): void;
}

export const OPENERS = ['<tool_call>', '[TOOL_CALLS]', '<|python_tag|>', '<function=', '<start_function_call>'] as const;
export type Opener = (typeof OPENERS)[number];

/** Control tokens that mean something here; all others vanish from the answer. */
export const CALL_MARKERS: readonly string[] = [
  ...OPENERS,
  '</tool_call>',
  '</function>',
  '[ARGS]',
  '[CALL_ID]',
  '<end_function_call>',
  '<escape>',
];

/** `more`: all taken, the stretch goes on. `over`: it ended after `used` characters. `broken`: it is no call. */
export type Progress =
  | { readonly state: 'more' }
  | { readonly state: 'over'; readonly used: number }
  | { readonly state: 'broken' };

export interface CallReader {
  /** Takes all the text that has come since the opener, each time from its start; earlier characters stay the same. */
  read(text: string, sink: CallSink): Progress;
}

export function callReader(opener: Opener | 'bare', isTool: (name: string) => boolean): CallReader {
  switch (opener) {
    case '<tool_call>':
      return new JsonCallReader({ close: '</tool_call>', xml: true });
    case '[TOOL_CALLS]':
      return new JsonCallReader({ named: true });
    case '<|python_tag|>':
      return new JsonCallReader({});
    case 'bare':
      return new JsonCallReader({ only: isTool });
    case '<function=':
      return new DelimitedReader('</function>', (body) => readXmlCall(`<function=${body}`));
    case '<start_function_call>':
      return new DelimitedReader('<end_function_call>', readGemmaCall);
    default:
      return opener satisfies never;
  }
}

/** Formats that cannot be understood before their end. */
class DelimitedReader implements CallReader {
  readonly #close: string;
  readonly #parse: (body: string) => { name: string; arguments: string } | null;

  constructor(close: string, parse: (body: string) => { name: string; arguments: string } | null) {
    this.#close = close;
    this.#parse = parse;
  }

  read(text: string, sink: CallSink): Progress {
    const end = text.indexOf(this.#close);
    if (end < 0) return { state: 'more' };
    const call = this.#parse(text.slice(0, end));
    if (call === null) return { state: 'broken' };
    sink.start(call.name);
    sink.add(call.arguments);
    return { state: 'over', used: end + this.#close.length };
  }
}

interface JsonCallOptions {
  /** What ends the stretch. Without it, the first character that cannot belong to a call does. */
  readonly close?: string;
  /** Inside may stand `<function=…>` instead of JSON. */
  readonly xml?: boolean;
  /** A name may stand before the arguments. */
  readonly named?: boolean;
  /** Takes only calls of these names: what begins otherwise is text. */
  readonly only?: (name: string) => boolean;
}

type Place = 'outside' | 'key' | 'colon' | 'before-value' | 'value';

/** Calls as JSON objects, one after the other or in a list. */
class JsonCallReader implements CallReader {
  readonly #options: JsonCallOptions;
  #at = 0;
  #place: Place = 'outside';
  #nesting = 0;
  #key = '';
  #name: string | null = null;
  /** Arguments that came before the name. */
  #early: string | null = null;
  #hasArguments = false;
  /** How far the present arguments have been handed out. */
  #handed = -1;
  #any = false;

  constructor(options: JsonCallOptions) {
    this.#options = options;
  }

  read(text: string, sink: CallSink): Progress {
    for (;;) {
      const step = this.#step(text, sink);
      if (step !== 'on') return step;
    }
  }

  #step(text: string, sink: CallSink): Progress | 'on' {
    if (this.#place !== 'value') while (this.#at < text.length && ' \t\r\n'.includes(text.charAt(this.#at))) this.#at++;
    if (this.#at >= text.length) return { state: 'more' };
    switch (this.#place) {
      case 'outside':
        return this.#outside(text, sink);
      case 'key':
        return this.#inObject(text, sink);
      case 'colon':
        if (text.charAt(this.#at) !== ':') return { state: 'broken' };
        this.#at++;
        this.#place = 'before-value';
        return 'on';
      case 'before-value':
        this.#place = 'value'; // blanks were skipped above
        return 'on';
      case 'value':
        return this.#value(text, sink);
      default:
        return this.#place satisfies never;
    }
  }

  #outside(text: string, sink: CallSink): Progress | 'on' {
    const rest = text.slice(this.#at);
    const { close, xml, named } = this.#options;
    if (close !== undefined && rest.startsWith(close)) return { state: 'over', used: this.#at + close.length };
    const c = rest.charAt(0);
    if (c === '{') {
      this.#at++;
      this.#nesting = 1;
      this.#place = 'key';
      return 'on';
    }
    if (named === true && c === '[') {
      if (AGAIN.startsWith(rest) && rest !== AGAIN) return { state: 'more' };
      if (rest.startsWith(AGAIN)) {
        this.#at += AGAIN.length;
        return 'on';
      }
    }
    if (c === ',' || c === ';' || c === ']' || (c === '[' && !rest.startsWith('[ARGS]'))) {
      this.#at++;
      return 'on';
    }
    if (xml === true && rest.startsWith('<function=')) {
      const end = rest.indexOf('</function>');
      if (end < 0) return { state: 'more' };
      const call = readXmlCall(rest.slice(0, end));
      if (call === null) return { state: 'broken' };
      sink.start(call.name);
      sink.add(call.arguments);
      this.#any = true;
      this.#at += end + '</function>'.length;
      return 'on';
    }
    if (close?.startsWith(rest) === true || (xml === true && '<function='.startsWith(rest))) return { state: 'more' };
    if (named === true && /^[\w.-]/.test(rest)) return this.#named(rest, sink);
    return this.#any ? { state: 'over', used: this.#at } : { state: 'broken' };
  }

  /** `f[ARGS]{…}`, `f[CALL_ID]x[ARGS]{…}` and `f{…}`. */
  #named(rest: string, sink: CallSink): Progress | 'on' {
    const match = /^([\w.-]+)\s*(?:\[CALL_ID\][^[{]*)?(?:\[ARGS\]\s*)?(?=\{)/.exec(rest);
    if (match === null) {
      if (/^[\w.-]+\s*(\[[A-Z_\]]*[^{]*)?$/.test(rest)) return { state: 'more' };
      return this.#any ? { state: 'over', used: this.#at } : { state: 'broken' };
    }
    this.#at += match[0].length;
    this.#nesting = 0;
    this.#setName(match[1] ?? '', sink);
    this.#key = 'arguments';
    this.#place = 'value';
    return 'on';
  }

  #inObject(text: string, sink: CallSink): Progress | 'on' {
    const c = text.charAt(this.#at);
    if (c === ',') {
      this.#at++;
      return 'on';
    }
    if (c === '}') {
      this.#at++;
      this.#nesting--;
      if (this.#nesting === 0) return this.#endCall(sink);
      return 'on';
    }
    const end = c === '"' ? valueEnd(text, this.#at) : -1;
    if (c !== '"') return { state: 'broken' };
    if (end < 0) return { state: 'more' };
    this.#key = text.slice(this.#at + 1, end - 1);
    if (this.#options.only !== undefined && this.#name === null && !KEYS.has(this.#key)) return { state: 'broken' };
    this.#at = end;
    this.#place = 'colon';
    return 'on';
  }

  #value(text: string, sink: CallSink): Progress | 'on' {
    const start = this.#at;
    if (start >= text.length) return { state: 'more' };
    if (this.#key === 'function' && text.charAt(start) === '{') {
      this.#at++;
      this.#nesting++;
      this.#place = 'key';
      return 'on';
    }
    const end = valueEnd(text, start);
    const isArguments = this.#key === 'arguments' || this.#key === 'parameters';
    if (isArguments) this.#stream(text, start, end, sink);
    if (end < 0) return { state: 'more' };
    this.#at = end;
    this.#place = this.#nesting === 0 ? 'outside' : 'key';
    const value = text.slice(start, end);
    if (isArguments) this.#handed = -1;
    else if ((this.#key === 'name' || this.#key === 'function') && value.startsWith('"')) {
      const name = parsed(value);
      if (typeof name !== 'string' || name === '' || this.#options.only?.(name) === false) return { state: 'broken' };
      this.#setName(name, sink);
    }
    if (this.#nesting === 0) return this.#endCall(sink);
    return 'on';
  }

  /** Hands out the arguments as far as they have come; a string with JSON in it only when it is complete. */
  #stream(text: string, start: number, end: number, sink: CallSink): void {
    this.#hasArguments = true;
    const to = end < 0 ? text.length : end;
    if (text.charAt(start) === '"') {
      const inner = end < 0 ? undefined : parsed(text.slice(start, end));
      if (end >= 0) this.#give(typeof inner === 'string' ? inner : text.slice(start, end), sink);
      return;
    }
    const from = this.#handed < 0 ? start : this.#handed;
    if (to > from) this.#give(text.slice(from, to), sink);
    this.#handed = to;
  }

  #give(text: string, sink: CallSink): void {
    if (this.#name === null) this.#early = (this.#early ?? '') + text;
    else sink.add(text);
  }

  #setName(name: string, sink: CallSink): void {
    if (this.#name !== null) return;
    this.#name = name;
    sink.start(name);
    if (this.#early !== null) sink.add(this.#early);
    this.#early = null;
  }

  #endCall(sink: CallSink): Progress | 'on' {
    if (this.#name === null) return { state: 'broken' };
    if (!this.#hasArguments) sink.add('{}');
    this.#any = true;
    this.#name = null;
    this.#hasArguments = false;
    this.#place = 'outside';
    return 'on';
  }
}

/** Mistral writes its opener before every call of the newer form. */
const AGAIN = '[TOOL_CALLS]';

/** What a bare JSON object must begin with to be taken for a call. */
const KEYS = new Set(['name', 'arguments', 'parameters', 'type', 'function', 'id']);

/** Where the JSON value that begins at `start` ends, or -1 while it is incomplete. */
function valueEnd(text: string, start: number): number {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === '"') {
      for (i++; i < text.length && text.charAt(i) !== '"'; i++) if (text.charAt(i) === '\\') i++;
      if (i >= text.length) return -1;
      if (depth === 0) return i + 1;
    } else if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') {
      if (depth === 0) return i;
      if (--depth === 0) return i + 1;
    } else if (depth === 0 && (c === ',' || c === ' ' || c === '\n')) return i;
  }
  return -1;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // not JSON after all: the caller looks at the type
  }
}
