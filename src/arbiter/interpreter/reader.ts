/**
 * Reads the tool calls in what a model wrote. It takes any notation, but never invents: a call that is only mentioned, shown as
 * an example or weighed in thought is prose.
 */
import type { ToolDefinition } from '../../contracts/chat.ts';
import type { FoundCall } from './call-shapes.ts';
import { plainName } from './literal.ts';
import { readMarked, withoutMarks } from './markers.ts';
import { readScript } from './script.ts';
import { readSequence, readWhole } from './sequence.ts';
import { toolIndex, ToolIndex } from './tool-index.ts';

/** How a call stood in the text: by a mark, as all there is, in a code fence, or on lines of its own between prose. */
export type Place = 'marked' | 'alone' | 'fenced' | 'script' | 'line';

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

/** The calls of a text. `before` is what was said ahead of it, which may say that a call is only shown. */
export function readToolCalls(text: string, tools: readonly ToolDefinition[] | ToolIndex, before = ''): Reading {
  const index = tools instanceof ToolIndex ? tools : toolIndex(tools);
  const open = withoutThoughts(text);
  return (
    marked(open, index) ??
    (before.trim() === '' ? alone(open, index) : null) ??
    fenced(open, index, before) ??
    lines(open, index, before) ??
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
  const inside = /^```[\w-]*\s*\n?([\s\S]*?)\n?\s*```$/.exec(plain)?.[1] ?? plain;
  return /^`([^`]+)`$/.exec(inside)?.[1] ?? inside;
}

/** Fences that hold nothing but calls, or else a short program that makes them. */
function fenced(text: string, tools: ToolIndex, earlier: string): Reading | null {
  for (const [place, read] of [['fenced', readWhole] as const, ['script', readScript] as const]) {
    const calls: FoundCall[] = [];
    let before = text;
    const rest = text.replace(/```[\w-]*[ \t]*\n?([\s\S]*?)(?:```|$)/g, (whole, body: string, at: number) => {
      const found = read(body.trim(), tools);
      if (found === null || !found.some((call) => call.tool !== null)) return whole;
      if (calls.length === 0) before = text.slice(0, at);
      addNew(calls, found);
      return '';
    });
    if (calls.length > 0) return between(calls, place, earlier + before, rest);
  }
  return null;
}

/** Calls on lines of their own. */
function lines(text: string, tools: ToolIndex, earlier: string): Reading | null {
  const calls: FoundCall[] = [];
  let before = '';
  let rest = '';
  let at = 0;
  while (at < text.length) {
    const fence = /^[ \t]*```[\s\S]*?(?:\n[ \t]*```[^\n]*(?:\n|$)|$)/.exec(text.slice(at))?.[0];
    if (fence !== undefined) {
      rest += fence;
      at += fence.length;
      continue;
    }
    const lineEnd = text.indexOf('\n', at) < 0 ? text.length : text.indexOf('\n', at) + 1;
    const line = text.slice(at, lineEnd);
    const found = line.trim() === '' ? null : callsOfLine(text, at, line, tools);
    if (found !== null) {
      if (calls.length === 0) before = rest;
      addNew(calls, found.calls);
      at = found.end;
      continue;
    }
    rest += line;
    at = lineEnd;
  }
  return calls.length === 0 ? null : between(calls, 'line', earlier + before, rest);
}

/** List signs, a label, quotes and brackets that nobody closes may stand before; only signs behind. */
const LEADS = [/^\s*(?:[-*•>]\s+|\d+[.)]\s+)?(?:[\w ]{0,60}:\s*)?[`*]*/, /^\s*[[({'"`]+/];
const TAIL = /^[\]})'"`*;,.]*[ \t]*(?:\n|$)/;

function callsOfLine(
  text: string,
  at: number,
  line: string,
  tools: ToolIndex,
): { calls: readonly FoundCall[]; end: number } | null {
  for (const lead of LEADS) {
    const sequence = readSequence(text, tools, at + (lead.exec(line)?.[0].length ?? 0));
    const tail = TAIL.exec(text.slice(sequence.end));
    if (tail !== null && sequence.calls.some((call) => call.tool !== null)) {
      return { calls: sequence.calls, end: sequence.end + tail[0].length };
    }
  }
  return null;
}

/** Models repeat themselves: what stands there a second time, in another place, is the same call. */
function addNew(calls: FoundCall[], found: readonly FoundCall[]): void {
  const known = new Set(calls.map(written));
  calls.push(...found.filter((call) => !known.has(written(call))));
}

function written(call: FoundCall): string {
  return JSON.stringify([call.tool?.name ?? call.name, call.arguments]);
}

/** Calls between prose count only if the prose does not say that they are not meant. */
function between(calls: readonly FoundCall[], place: Place, before: string, rest: string): Reading | null {
  if (SHOWN_BEFORE.test(before) || SHOWN_ANYWHERE.test(rest)) return null;
  if (calls.some((call) => Object.values(call.arguments).some(isPlaceholder))) return null;
  return { calls, place, rest: rest.trim(), meant: true };
}

/** What says, ahead of a call, that it only shows how one would look. */
const SHOWN_BEFORE =
  /\b(?:for (?:example|instance)|(?:an?|the following|generic|this) example|example (?:usage|call)|arbitrary|demonstrat\w*|illustrat\w*|you (?:would|might|could)|if you (?:want|need|had|have)|assuming (?:the|that|you)|cannot be used|can't be used|not (?:applicable|relevant|suitable)|not possible)\b/i;
/** What says so wherever it stands. */
const SHOWN_ANYWHERE =
  /\b(?:hypothetical|placeholders?|(?:please |you (?:need to|should|must) |to |and )?replace (?:the |it |this |these |`|'|"|[A-Z]\b)|with (?:the|your) actual)/i;

function isPlaceholder(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    /^(?:<[^<>]+>|\{\{?[^{}]+\}?\}|your[_ ].*|.*[_ ]here|insert .*|x{3,}|\.\.\.)$/i.test(value.trim())
  );
}

function nothing(text: string, tools: ToolIndex): Reading {
  return { calls: [], place: null, rest: text, meant: showsCall(text, tools) };
}

/** Something that begins like a call of a known tool. */
function showsCall(text: string, tools: ToolIndex): boolean {
  for (const match of text.matchAll(/(?<![\w.\\-])((?:[\w.-]|\\_)+)["'`]?\s*(?:[({]|,\s*["'](?:arguments|parameters)["'])/g)) {
    if (tools.isFullName(plainName(match[1] ?? ''))) return true;
  }
  return false;
}
