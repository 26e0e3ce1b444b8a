/**
 * Watches an answer while it streams: shows what is certainly prose at once, and holds back what may be a written call. What is
 * shown is never taken back, so a doubt is decided by holding.
 *
 *     prose ──(something that may begin a call)──▶ doubt ──(it cannot be one)──▶ prose, and what was held is shown
 *                                                    │
 *                                                    └──(it begins like one)──▶ held: everything to the end of the answer
 *
 * Beside these: `thought` and `code`, stretches of prose in which no call can begin. It goes by characters, so that the result is
 * the same however the text is cut. What is held is read at the end, when all that speaks for or against a call is known.
 */
import type { ToolDefinition } from '../../contracts/chat.ts';
import { readFencedArguments } from './fenced-arguments.ts';
import { readAnswer, type AnswerReading } from './interpreter.ts';
import { plainName } from './literal.ts';
import { readScript, withoutToolBodies } from './script.ts';
import { readWhole } from './sequence.ts';
import { toolIndex, type ToolIndex } from './tool-index.ts';

/** What is left when the answer has ended. */
export interface WatchedEnd extends AnswerReading {
  /** What was held back, as it was written: for an interpreter with a model. */
  readonly held: string;
  /** What is still to be shown: prose around the calls, or all that was held when there are none. */
  readonly text: string;
}

/** Markers that begin a call wherever they stand. Lower case. */
const MARKERS = [
  '<tool_call', '<tool_use', '<tool_code', '<toolcall', '<|tool', '<function', '<|function', '<start_function_call>', '<|python_tag|>', '<|action_start|>',
  '<invoke', '<action>', '<｜tool', '[tool_call', '[function_call', '[tool_request', '✿function✿', '<|channel|>commentary', '<|im_start|>',
]; // prettier-ignore
const THOUGHTS = ['<think>', '<thinking>', '<thought>', '<scratchpad>', '<reasoning>', '<reflection>'];
const THOUGHT_END = /<\/(?:think|thinking|thought|scratchpad|reasoning|reflection)>$/i;
/** What may stand on a line before a call, and behind a sentence or a label in it: the reader allows the same. */
const LINE_LEAD = /^\s*(?:[-*•>]\s+|\d+[.)]\s+)?[`*]*$/;
const SENTENCE_LEAD = /[.!?:]\s+[`*]*$/;
const LONGEST_LEAD = 100;
const WORD = Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_');
/** What a name, an object, a string or a fence begins with. */
const BEGINS: ReadonlySet<string> = new Set([...WORD, '{', '`', "'", '"', '(', '*']);
/** Before a character: it is inside of a word. */
const INSIDE: ReadonlySet<string> = new Set([...WORD, '.']);
/** Between a lead and a call. */
const SIGNS: ReadonlySet<string> = new Set(' \t\n\r`*');
/** What the leads end with, blanks and signs aside. */
const LEAD_ENDS: ReadonlySet<string> = new Set('.!?:-•>)');
/** Keys by which an object may be a call. */
const KEYS = new Set([
  'name', 'tool', 'tool_name', 'function', 'function_name', 'function_call', 'action', 'tool_calls', 'tool_call', 'function_calls', 'calls', 'arguments', 'parameters', 'args', 'type',
  'id', 'recipient_name', 'tool_uses', 'thought', 'toolname', 'functioncall', 'toolcalls',
]); // prettier-ignore
const REACT = ['action', 'tool', 'function', 'toolname', 'functionname'];
/** More blanks and brackets in a row, or letters in a name, than calls have. */
const LONGEST_SIGNS = 64;
const LONGEST_NAME = 128;
/** A fence that is still open after so many characters is a listing. */
const LONGEST_FENCE = 8000;
/** Code that takes courses of its own. */
const LISTING = /^[ \t]*(?:(?:def|class|for|while|if|try|with|async|function|export|public|SELECT)\b|[@$<])/m;

type State = 'prose' | 'doubt' | 'thought' | 'code' | 'held';
type Verdict = 'wait' | 'no' | 'call';

/** Decides how much of a streaming answer may be shown. One for each answer. */
export class ToolCallWatcher {
  readonly #tools: ToolIndex;
  readonly #definitions: readonly ToolDefinition[];
  readonly #question: string | undefined;
  #text = '';
  #state: State = 'prose';
  /** All before it has been looked at. */
  #at = 0;
  /** All before it may be shown. */
  #shown = 0;
  /** Where the doubt, the thought or the code began. */
  #start = 0;
  #lineStart = 0;

  /** `question`: what the user asked, if that is all they said. */
  constructor(tools: readonly ToolDefinition[], question?: string) {
    this.#definitions = tools;
    this.#question = question;
    this.#tools = toolIndex(tools);
  }

  /** Takes a piece of the answer; gives the text that may be shown now. */
  push(piece: string): string {
    const before = this.#shown;
    this.#text += piece;
    if (this.#definitions.length === 0) this.#shown = this.#at = this.#text.length;
    while (this.#at < this.#text.length && this.#state !== 'held') this.#step();
    return this.#text.slice(before, this.#shown);
  }

  /** The answer is complete. */
  end(): WatchedEnd {
    const held = this.#text.slice(this.#shown);
    const read = readAnswer(
      { text: held, tools: this.#definitions, before: this.#text.slice(0, this.#shown), question: this.#question },
      this.#tools,
    );
    return { ...read, held };
  }

  /** Takes one character. */
  #step(): void {
    const c = this.#text.charAt(this.#at);
    switch (this.#state) {
      case 'prose':
        if (this.#mayBegin(c)) {
          this.#state = 'doubt';
          this.#start = this.#at;
          return this.#doubt();
        }
        return this.#pass();
      case 'doubt':
        return this.#doubt();
      case 'thought':
        this.#pass();
        if (c === '>' && THOUGHT_END.test(this.#text.slice(Math.max(this.#start, this.#at - 16), this.#at)))
          this.#state = 'prose';
        return;
      case 'code':
        this.#pass();
        if (this.#at - this.#start > 3 && this.#text.startsWith('```', this.#at - 3)) this.#state = 'prose';
        return;
      case 'held':
        return;
      default:
        return this.#state satisfies never;
    }
  }

  /** The character at hand is prose. */
  #pass(): void {
    if (this.#text.charAt(this.#at) === '\n') this.#lineStart = this.#at + 1;
    this.#at++;
    this.#shown = this.#at;
  }

  /** Looks at what is in doubt, up to and with the character at hand. */
  #doubt(): void {
    const text = this.#text.slice(this.#start, this.#at + 1);
    const verdict = this.#verdict(text);
    if (verdict === 'wait') {
      this.#at++;
    } else if (verdict === 'call') {
      this.#state = 'held';
    } else {
      const isThought = THOUGHTS.includes(text.toLowerCase());
      const isCode = text.startsWith('```');
      // The first character is prose; the others are looked at again.
      this.#at = this.#start;
      this.#state = isThought ? 'thought' : isCode ? 'code' : 'prose';
      this.#pass();
    }
  }

  #mayBegin(c: string): boolean {
    if (c === '<' || c === '[' || c === '✿') return true;
    return BEGINS.has(c) && !INSIDE.has(this.#text.charAt(this.#at - 1)) && this.#atLead();
  }

  /** Whether a call may begin here, by what stands before it on the line. */
  #atLead(): boolean {
    const start = this.#state === 'doubt' ? this.#start : this.#at;
    const from = Math.max(this.#lineStart, start - LONGEST_LEAD);
    // Most words are in the middle of a sentence: told by a glance.
    let before = start - 1;
    while (before >= from && SIGNS.has(this.#text.charAt(before))) before--;
    if (before >= from && !LEAD_ENDS.has(this.#text.charAt(before))) return false;
    const line = this.#text.slice(from, start);
    return SENTENCE_LEAD.test(line) || (start - this.#lineStart <= LONGEST_LEAD && LINE_LEAD.test(line));
  }

  #verdict(text: string): Verdict {
    const c = text.charAt(0);
    if ('<[✿'.includes(c)) {
      const marker = markerVerdict(text.toLowerCase());
      if (marker !== 'no') return marker;
      if (c === '<') return this.#tagVerdict(text);
    }
    if (!this.#atLead()) return 'no';
    if (c === '`' && '```'.startsWith(text)) return 'wait';
    if (text.startsWith('```')) return this.#fenceVerdict(text);
    if (/\w/.test(c)) return this.#nameVerdict(text);
    return this.#bracketVerdict(text);
  }

  /** `<name>` of a known tool. */
  #tagVerdict(text: string): Verdict {
    const name = /^<([\w.-]*)(>?)/.exec(text);
    if (name === null || name[0] !== text) return 'no';
    if (name[2] === '>') return this.#tools.isFullName(name[1] ?? '') ? 'call' : 'no';
    return this.#tools.mayBecomeName(name[1] ?? '') ? 'wait' : 'no';
  }

  /** `f(`, `f {`, `f` and an object on the next line; `Action: f`. */
  #nameVerdict(text: string): Verdict {
    const [, name = '', behind = ''] = /^((?:[\w.-]|\\)+)([\s\S]*)$/.exec(text) ?? [];
    const react = REACT.includes(name.toLowerCase());
    if (behind === '')
      return this.#tools.mayBecomeName(plainName(name)) || REACT.some((word) => word.startsWith(name.toLowerCase()))
        ? 'wait'
        : 'no';
    if (react && /^(?: [Nn]ame)?:/.test(behind)) {
      const [, tool = '', end = ''] = /^[^:]*:\s*[`*]*([\w.\\-]*)([\s\S]*)$/.exec(behind) ?? [];
      if (end === '') return tool === '' || this.#tools.mayBecomeName(plainName(tool)) ? 'wait' : 'no';
      if (/^[`*]*\s*\n/.test(end)) return this.#tools.isName(plainName(tool)) ? 'call' : 'no';
      return /^[`*]*[ \t]*$/.test(end) ? 'wait' : 'no';
    }
    if (react && ' name:'.startsWith(behind.toLowerCase())) return 'wait';
    if (!this.#tools.isName(plainName(name))) return 'no';
    const sign = /^[\s:=`*]*/.exec(behind)?.[0] ?? '';
    if (sign === behind) return sign.length < LONGEST_SIGNS ? 'wait' : 'no';
    return /[({]/.test(behind.charAt(sign.length)) ? 'call' : 'no';
  }

  /** Brackets and quotes, then a known name or a key of a call. */
  #bracketVerdict(text: string): Verdict {
    const [, opening = '', word = '', behind = ''] = /^([[({'"`*\s]*)((?:[\w.-]|\\)*)([\s\S]*)$/.exec(text) ?? [];
    if (behind === '') return opening.length < LONGEST_SIGNS && word.length <= LONGEST_NAME ? 'wait' : 'no';
    if (word === '') return 'no';
    if (opening.includes('{') && KEYS.has(word.toLowerCase())) return 'call';
    if (/[[({]/.test(opening) && this.#tools.isFullName(plainName(word))) return 'call';
    return this.#nameVerdict(word + behind);
  }

  /** A fence is held while it may hold nothing but calls, or a short program that makes them. */
  #fenceVerdict(text: string): Verdict {
    if (text.length > LONGEST_FENCE) return 'no';
    const c = text.charAt(text.length - 1);
    const start = text.indexOf('\n') + 1;
    if (start === 0) return text.length < 40 ? 'wait' : 'no';
    if (c !== '\n' && c !== '`') return 'wait'; // lines are looked at when they are complete
    const isClosed = text.length > start + 2 && text.endsWith('```');
    const body = text.slice(start, isClosed ? -3 : undefined);
    if (isClosed) {
      const calls = readWhole(body, this.#tools) ?? readScript(body, this.#tools)?.calls ?? [];
      if (calls.some((call) => call.tool !== null)) return 'call';
      return readFencedArguments(body, this.#text.slice(0, this.#start), this.#tools) === null ? 'no' : 'call';
    }
    return LISTING.test(withoutToolBodies(body, this.#tools)) ? 'no' : 'wait';
  }
}

/** Whether a text is a marker, or may become one. */
function markerVerdict(text: string): Verdict {
  if (MARKERS.some((marker) => text.startsWith(marker))) return 'call';
  return [...MARKERS, ...THOUGHTS].some((marker) => marker.startsWith(text) && marker !== text) ? 'wait' : 'no';
}
