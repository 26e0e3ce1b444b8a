/** Reads calls that stand between prose: in fences, on lines of their own, as sentences of their own. */
import type { FoundCall } from './call-shapes.ts';
import { readScript } from './script.ts';
import { readSequence, readWhole } from './sequence.ts';
import type { ToolIndex } from './tool-index.ts';

/** Where calls between prose may stand. */
export type ScatteredPlace = 'fenced' | 'line' | 'script';

/** What was found between prose. */
export interface Scattered {
  readonly calls: readonly FoundCall[];
  /** The least certain of the places. */
  readonly place: ScatteredPlace;
  /** The prose. */
  readonly rest: string;
  /** The prose says that the calls are only shown, or their arguments are still to be filled in. */
  readonly onlyShown: boolean;
}

/** From certain to less so. */
const PLACES: readonly ScatteredPlace[] = ['fenced', 'line', 'script'];

/** All calls between prose, or null without any. `earlier`: the prose that came before the text. */
export function readScattered(text: string, tools: ToolIndex, earlier = ''): Scattered | null {
  const calls: FoundCall[] = [];
  let place: ScatteredPlace = 'fenced';
  let before = '';
  let rest = '';
  let at = 0;
  while (at < text.length) {
    const block = fenceAt(text, at, tools) ?? lineAt(text, at, tools);
    rest += block.prose;
    if (block.calls.length > 0) {
      if (calls.length === 0) before = rest;
      addNew(calls, block.calls);
      place = PLACES[Math.max(PLACES.indexOf(place), PLACES.indexOf(block.place))] ?? place;
    }
    at = block.end;
  }
  if (calls.length === 0) return null;
  const isOpen = calls.some((call) => Object.values(call.arguments).some(isPlaceholder));
  return { calls, place, rest: rest.trim(), onlyShown: isOpen || isShown(earlier + before, rest) };
}

/** A fence or a line of the text. */
interface Block {
  readonly calls: readonly FoundCall[];
  readonly place: ScatteredPlace;
  /** What of it is no call. */
  readonly prose: string;
  readonly end: number;
}

const FENCE = /[ \t]*```[^\n`]*\n?([\s\S]*?)(?:```[^\n]*(?:\n|$)|$)/y;

/** A fence counts as calls when it holds nothing else, or a short program that makes them. */
function fenceAt(text: string, at: number, tools: ToolIndex): Block | null {
  FENCE.lastIndex = at;
  const match = FENCE.exec(text);
  if (match === null) return null;
  const body = (match[1] ?? '').trim();
  const end = at + match[0].length;
  for (const [place, read] of [['fenced', readWhole] as const, ['script', readScript] as const]) {
    const calls = read(body, tools);
    if (calls !== null && isOurs(calls)) return { calls, place, prose: '', end };
  }
  return { calls: [], place: 'fenced', prose: match[0], end };
}

/** Where a call may begin in a line: behind list signs, behind a sentence or a label, behind brackets that nobody closes. */
const LINE_LEAD = /^\s*(?:[-*•>]\s+|\d+[.)]\s+)?[`*]*/;
const SENTENCE_LEAD = /[.!?:]\s+[`*]*(?=[\p{L}_[{(])/gu;
const BROKEN_LEAD = /^\s*[[({'"`]+/;
/** The line or the sentence is over. */
const TAIL = /[\]})'"`*;,.]*(?:[ \t]*(?:\n|$)|[ \t]+(?=\p{Lu}))/uy;

function lineAt(text: string, at: number, tools: ToolIndex): Block {
  const newLine = text.indexOf('\n', at);
  const lineEnd = newLine < 0 ? text.length : newLine + 1;
  const line = text.slice(at, lineEnd);
  for (const lead of leadsOf(line)) {
    const { calls, end } = readSequence(text, tools, at + lead);
    if (!isOurs(calls)) continue;
    TAIL.lastIndex = end;
    const tail = TAIL.exec(text);
    if (tail !== null)
      return { calls, place: 'line', prose: line.slice(0, lead).replace(/[\s`*[({'"]+$/, ' '), end: end + tail[0].length };
  }
  return { calls: [], place: 'line', prose: line, end: lineEnd };
}

function leadsOf(line: string): number[] {
  if (line.trim() === '') return [];
  const first = LINE_LEAD.exec(line)?.[0].length ?? 0;
  const broken = BROKEN_LEAD.exec(line)?.[0].length ?? first;
  const sentences = Array.from(line.matchAll(SENTENCE_LEAD), (match) => match.index + match[0].length);
  return [...new Set([first, broken, ...sentences])];
}

function isOurs(calls: readonly FoundCall[]): boolean {
  return calls.some((call) => call.tool !== null);
}

/** Models repeat themselves: what stands there a second time, in another place, is the same call. */
function addNew(calls: FoundCall[], found: readonly FoundCall[]): void {
  const known = new Set(calls.map(written));
  calls.push(...found.filter((call) => !known.has(written(call))));
}

/** A call as a text that is the same for the same calls. */
export function written(call: FoundCall): string {
  return JSON.stringify([call.tool?.name ?? call.name, call.arguments]);
}

/** Whether the prose around a call says that it only shows how one would look. */
export function isShown(before: string, rest: string): boolean {
  return SHOWN_BEFORE.test(before) || SHOWN_ANYWHERE.test(rest);
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
