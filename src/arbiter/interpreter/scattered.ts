/** Reads calls that stand between prose: in fences, on lines of their own, as sentences of their own. */
import type { FoundCall } from './call-shapes.ts';
import { FARTHEST, readFencedArguments } from './fenced-arguments.ts';
import { NOTHING_YET, readScript, type ScriptState } from './script.ts';
import { readSequence, readWhole } from './sequence.ts';
import type { ToolIndex } from './tool-index.ts';

/** Where calls between prose may stand. */
export type ScatteredPlace = 'fenced' | 'line' | 'script';

/** Whether calls are meant. `shown`: the prose says that they are examples, or that they are still to be completed. `refused`: that the tool is of no use. */
export type Meaning = 'meant' | 'shown' | 'refused';

/** What was found between prose. */
export interface Scattered {
  readonly calls: readonly FoundCall[];
  /** The least certain of the places. */
  readonly place: ScatteredPlace;
  /** The prose. */
  readonly rest: string;
  readonly meaning: Meaning;
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
  let script = programsIn(earlier, tools);
  let prose = earlier.slice(-FARTHEST);
  while (at < text.length) {
    const block = fenceAt(text, at, tools, { script, prose }) ?? lineAt(text, at, tools);
    if (calls.length > 0 && NEXT_TURN.test(block.prose)) break;
    script = block.script ?? script;
    rest += block.prose;
    prose = (prose + block.prose).slice(-FARTHEST);
    if (block.calls.length > 0) {
      if (calls.length === 0) before = rest;
      addNew(calls, block.calls);
      place = PLACES[Math.max(PLACES.indexOf(place), PLACES.indexOf(block.place))] ?? place;
    }
    at = block.end;
  }
  if (calls.length === 0) return null;
  const isOpen = script.definesTool || calls.some((call) => Object.values(call.arguments).some(isPlaceholder));
  const meaning = meaningOf(earlier + before, rest);
  return { calls, place, rest: rest.trim(), meaning: isOpen && meaning === 'meant' ? 'shown' : meaning };
}

/** What the programs of a text leave behind. */
function programsIn(text: string, tools: ToolIndex): ScriptState {
  const bodies = Array.from(text.matchAll(LATER_FENCE), ([, body = '']) => body);
  return bodies.reduce((script, body) => readScript(body, tools, script)?.state ?? script, NOTHING_YET);
}

/** A model that does not find an end goes on with the next question, and answers that, too. */
const NEXT_TURN = /^\s*(?:#{2,}\s*(?:Instruction|Human|User)\b|<\|(?:im_start\|>\s*)?user\b|(?:Human|User):)/;

/** A fence or a line of the text. */
interface Block {
  readonly calls: readonly FoundCall[];
  readonly place: ScatteredPlace;
  /** What of it is no call. */
  readonly prose: string;
  readonly end: number;
  /** Known behind it, when it is a program. */
  readonly script?: ScriptState | undefined;
}

const FENCE = /[ \t]*```[^\n`]*\n?([\s\S]*?)(?:```[^\n]*(?:\n|$)|$)/y;
/** The same, looked for: only where a line begins, as blanks may be many. */
const LATER_FENCE = new RegExp(`(?<![^\\n])${FENCE.source}`, 'g');

/** What came ahead of a fence. */
interface Surroundings {
  readonly script: ScriptState;
  /** The end of it. */
  readonly prose: string;
}

/** A fence counts as calls when it holds nothing else, or the arguments of a tool that was named, or a short program that makes them. */
function fenceAt(text: string, at: number, tools: ToolIndex, { script, prose }: Surroundings): Block | null {
  FENCE.lastIndex = at;
  const match = FENCE.exec(text);
  if (match === null) return null;
  const body = (match[1] ?? '').trim();
  const end = at + match[0].length;
  const whole = readWhole(body, tools);
  const holdsCalls = whole !== null && isOurs(whole);
  if (holdsCalls && script.variables.size === 0) return { calls: whole, place: 'fenced', prose: '', end };
  const call = readFencedArguments(body, prose, tools);
  if (call !== null) return { calls: [call], place: 'fenced', prose: '', end };
  const program = readScript(body, tools, script);
  if (program !== null && isOurs(program.calls))
    return { calls: program.calls, place: 'script', prose: '', end, script: program.state };
  if (holdsCalls) return { calls: whole, place: 'fenced', prose: '', end };
  return { calls: [], place: 'fenced', prose: match[0], end, script: program?.state };
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

/** What the prose around a call says of it. */
export function meaningOf(before: string, rest: string): Meaning {
  if (REFUSED_BEFORE.test(before)) return 'refused';
  return SHOWN_BEFORE.test(before) || SHOWN_ANYWHERE.test(rest) ? 'shown' : 'meant';
}

/** What says, ahead of a call, that it only shows how one would look. */
const SHOWN_BEFORE =
  /\b(?:for (?:example|instance)|(?:an?|the following|generic|this) example|example (?:usage|call)|arbitrary|demonstrat\w*|illustrat\w*|you (?:would|might|could)|if you (?:want|need|had|have)|assuming (?:the|that|you))\b/i;
/** What says, ahead of a call, that it would not do. */
const REFUSED_BEFORE = /\b(?:cannot be used|can't be used|not (?:applicable|relevant|suitable)|not possible)\b/i;
/** What says so wherever it stands. */
const SHOWN_ANYWHERE =
  /\b(?:hypothetical|placeholders?|(?:please |you (?:need to|should|must) |to |and )?replace (?:the |it |this |these |`|'|"|[A-Z]\b)|with (?:the|your) actual)/i;

function isPlaceholder(value: unknown): boolean {
  return (
    typeof value === 'string' &&
    /^(?:<[^<>]+>|\{\{?[^{}]+\}?\}|your[_ ].*|.*[_ ]here|insert .*|x{3,}|\.\.\.)$/i.test(value.trim())
  );
}
