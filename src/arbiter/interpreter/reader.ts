/**
 * Reads the tool calls in what a model wrote. It takes any notation, but never invents: a call that is only mentioned, shown as
 * an example or weighed in thought is prose. An example with the very values that the user asked for is no example: models that
 * talk about a tool instead of calling it write the call they should make.
 */
import type { ToolDefinition } from '../../contracts/chat.ts';
import { isAskedFor } from './asked-for.ts';
import type { FoundCall } from './call-shapes.ts';
import { plainName } from './literal.ts';
import { readMarked, withoutFence, withoutMarks } from './markers.ts';
import { meaningOf, readScattered, written, type ScatteredPlace } from './scattered.ts';
import { readWhole } from './sequence.ts';
import { toolIndex, ToolIndex } from './tool-index.ts';

/** How a call stood in the text: by a mark, as all there is, in a code fence, on lines of its own between prose, in a program, or as an example. */
export type Place = 'marked' | 'alone' | ScatteredPlace | 'example';

/** What was read. */
export interface Reading {
  readonly calls: readonly FoundCall[];
  /** Null without calls. */
  readonly place: Place | null;
  /** The text without the calls and their marks. */
  readonly rest: string;
  /** The text shows that a call was meant, whether or not one could be read. */
  readonly meant: boolean;
}

/** What is known of a text besides. */
export interface ReadingContext {
  /** What was said ahead of it, which may say that a call is only shown. */
  readonly before?: string | undefined;
  /** What the user asked. Without it, examples are never calls. */
  readonly question?: string | undefined;
}

/** The calls of a text. */
export function readToolCalls(
  text: string,
  tools: readonly ToolDefinition[] | ToolIndex,
  { before = '', question }: ReadingContext = {},
): Reading {
  const index = tools instanceof ToolIndex ? tools : toolIndex(tools);
  const open = withoutThoughts(text);
  return (
    marked(open, index) ??
    (before.trim() === '' ? alone(open, index) : null) ??
    scattered(open, index, before, question) ??
    nothing(open, index)
  );
}

/** Thoughts are blanked: what is weighed there is not done. */
function withoutThoughts(text: string): string {
  return text.replace(/<(think|thinking|thought|scratchpad|reasoning|reflection)>[\s\S]*?(?:<\/\1>|$)/gi, '');
}

function marked(text: string, tools: ToolIndex): Reading | null {
  const found = readMarked(text, tools);
  if (found.length === 0) return null;
  const calls = withoutRounds(found.flatMap((one) => one.calls));
  if (calls.length === 0 && found.every((one) => one.readable)) return null;
  let rest = '';
  let at = 0;
  for (const one of found) {
    rest += text.slice(at, one.start);
    at = one.end;
  }
  return { calls, place: calls.length > 0 ? 'marked' : null, rest: withoutMarks(`${rest}${text.slice(at)}`).trim(), meant: true };
}

/** A model that does not find an end writes the same calls again and again, in the same order. */
function withoutRounds(calls: readonly FoundCall[]): readonly FoundCall[] {
  const texts = calls.map(written);
  for (let length = 2; length <= texts.length / 2; length++) {
    if (new Set(texts.slice(0, length)).size > 1 && texts.every((text, i) => text === texts[i % length]))
      return calls.slice(0, length);
  }
  return calls;
}

/** What may stand before a call that is all there is: `Function call:`, `Answer:`, a backtick. */
const LABEL =
  /^\s*(?:(?:[A-Za-z]+[ _]){0,4}(?:call|calls|answer|output|response|result|function|functions|tool|tools)s?\s*[:=]\s*)?/i;

function alone(text: string, tools: ToolIndex): Reading | null {
  const bare = bareText(text);
  const calls = readWhole(bare, tools) ?? readWhole(bare.replace(LABEL, ''), tools);
  if (calls === null) return null;
  return { calls, place: calls.length > 0 ? 'alone' : null, rest: '', meant: calls.some((call) => call.tool !== null) };
}

/** Without the fence, the backticks or the control tokens around it. */
function bareText(text: string): string {
  const plain = text.replace(/<\|?\/?[\w]+\|>|<\/?s>/g, '').trim();
  const inside = withoutFence(plain);
  return /^`([^`]+)`$/.exec(inside)?.[1] ?? inside;
}

function scattered(text: string, tools: ToolIndex, before: string, question: string | undefined): Reading | null {
  const found = readScattered(text, tools, before);
  if (found === null) return null;
  const { calls, place, rest, meaning } = found;
  if (meaning === 'meant') return { calls, place, rest, meant: true };
  const isMeant = meaning === 'shown' && question !== undefined && isAskedFor(calls, question, tools);
  return isMeant ? { calls, place: 'example', rest, meant: true } : { calls: [], place: null, rest: text, meant: false };
}

function nothing(text: string, tools: ToolIndex): Reading {
  return { calls: [], place: null, rest: text, meant: showsCall(text, tools) };
}

/** A sentence or an object that begins like a call of a known tool, and is not said to be an example. */
function showsCall(text: string, tools: ToolIndex): boolean {
  if (meaningOf(text, text) !== 'meant') return false;
  for (const match of text.matchAll(CALL_LIKE)) {
    if (tools.isFullName(plainName(match[1] ?? ''))) return true;
  }
  return false;
}

const CALL_LIKE =
  /(?:(?:^|[.!?:][ \t])[ \t]*[[({`*]*|["']\w+["']\s*:\s*["'])((?:[\w.-]|\\_)+)["'`]?\s*(?:[({]|,\s*["'](?:arguments|parameters|args|input)["'])/gm;
