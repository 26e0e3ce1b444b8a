/** The marks by which models say that a call follows, and what stands within them. */
import { argumentsOf, type FoundCall } from './call-shapes.ts';
import { readLiteral } from './literal.ts';
import { readSequence } from './sequence.ts';
import type { ToolIndex } from './tool-index.ts';

/** A stretch of text that a mark says is a call. */
export interface Marked {
  readonly start: number;
  readonly end: number;
  /** Empty when nothing in it could be read. */
  readonly calls: readonly FoundCall[];
  /** It was read to its end, or says that there is no call. */
  readonly readable: boolean;
}

/** Tags whose content is a call or several, in whatever notation. */
const WORDS = 'tool_?calls?|function_?calls?|tool_code|tool_use|tools?|actions?|functions|invoke|call';
const OPEN_TAG = new RegExp(
  `<\\|?(?:${WORDS})\\|?>|\\[(?:TOOL_CALLS?|FUNCTION_CALLS?|TOOL_REQUEST)\\]|<\\|python_tag\\|>|<\\|im_start\\|>(?:assistant|tool_call)?|<｜tool▁calls?▁begin｜>|<\\|tool_calls?(?:_section)?_begin\\|>|<\\|action_start\\|>(?:<\\|\\w+\\|>)?`,
  'gi',
);
/** What ends the content: the closing tag of any of them, the next opening one, or a control token. */
const CLOSE_TAG = new RegExp(
  `</?\\|?(?:${WORDS})\\|?>|\\[/?(?:TOOL_CALLS?|FUNCTION_CALLS?|END_TOOL_REQUEST)\\]|<\\|(?!tool_call_argument_begin)[\\w/]+\\|>|<｜tool▁calls?▁(?:begin|end)｜>`,
  'gi',
);
const NAMED_TAG =
  /<(?:function|tool|tool_call|invoke)(?:=|\s+name\s*=\s*)["']?([\w.\-/]+)["']?\s*>([\s\S]*?)(?:<\/(?:function|tool|tool_call|invoke)>|(?=<(?:function|invoke)[=\s])|$)/gi;
const GEMMA_CALL =
  /<start_function_call>\s*call:\s*([\w.-]+)\s*\{([\s\S]*?)\}\s*(?:<end_function_call>|(?=<start_function_call>)|$)/g;
const REACT =
  /^[ \t>*]*(?:\*\*)?(?:Action|Tool|Function|Tool Name|Function Name)(?:\*\*)?:(?:\*\*)?[ \t]*`?([\w.\\-]+)`?[ \t]*\n+[ \t>*]*(?:\*\*)?(?:Action Input|Tool Input|Input|Arguments|Args|Parameters|Params)(?:\*\*)?:(?:\*\*)?\s*/gim;
const XML_OPEN = /<([\w.-]{1,128})>/g;
const TOKEN_CALL =
  /(?<![\w.-])(?:functions[.:])?([\w.-]+)(?:(?::\d+)?\s*<\|tool_call_argument_begin\|>|\s*(?:\[CALL_ID\]\s*[\w-]*\s*)?\[ARGS\]\s*)|function<｜tool▁sep｜>([\w.-]+)\s*(?:```json)?\s*|\bto=functions\.([\w.-]+)[^{<]*(?:<\|constrain\|>\s*\w*\s*)?<\|message\|>|✿FUNCTION✿:\s*([\w.-]+)\s*✿ARGS✿:\s*/g;

/** All stretches with a mark, in the order of the text, without overlaps. */
export function readMarked(text: string, tools: ToolIndex): Marked[] {
  const found: Marked[] = [];
  const free = (start: number, end: number): boolean => found.every((one) => end <= one.start || start >= one.end);
  const take = (marked: Marked): void => {
    if (free(marked.start, marked.end)) found.push(marked);
  };
  for (const match of text.matchAll(GEMMA_CALL)) take(gemmaCall(match, tools));
  for (const match of text.matchAll(NAMED_TAG)) take(namedTag(match, tools));
  for (const match of text.matchAll(TOKEN_CALL)) take(thenObject(text, match, tools));
  for (const match of text.matchAll(REACT)) take(thenObject(text, match, tools));
  for (const match of text.matchAll(XML_OPEN)) {
    const marked = xmlCall(text, match, tools);
    if (marked !== null) take(marked);
  }
  for (const match of text.matchAll(OPEN_TAG)) {
    const marked = taggedCalls(text, match, tools);
    if (marked !== null) take(marked);
  }
  return found.sort((a, b) => a.start - b.start);
}

/** A text without the marks that are left when the calls are taken out. */
export function withoutMarks(text: string): string {
  return text.replace(OPEN_TAG, '').replace(CLOSE_TAG, '');
}

function call(name: string, given: Record<string, unknown>, tools: ToolIndex, mended = false): FoundCall {
  return { name, tool: tools.find(name), arguments: given, mended };
}

function spanOf(match: RegExpExecArray): { start: number; end: number } {
  return { start: match.index, end: match.index + match[0].length };
}

/** `<tool_call> … </tool_call>` and its like. `<|im_start|>` means something else, too: there, only a call counts. */
function taggedCalls(text: string, match: RegExpExecArray, tools: ToolIndex): Marked | null {
  const start = match.index;
  const from = start + match[0].length;
  CLOSE_TAG.lastIndex = from;
  const close = CLOSE_TAG.exec(text);
  const to = close === null ? text.length : close.index;
  const closing = close !== null && /^(?:<\/|\[\/|<\|\/|<｜tool▁calls?▁end)/.test(close[0]) ? close[0].length : 0;
  const raw = text.slice(from, to);
  const body = unfenced(raw);
  const glm = glmCall(body, tools);
  // The closing tag stays for the reader of values: it says that nothing was cut off.
  const sequence = glm === null ? readSequence(closing > 0 ? `${body.trimEnd()}</` : body, tools) : null;
  const calls = glm === null ? (sequence?.calls ?? []) : [glm];
  const any = glm !== null || sequence?.any === true;
  if (!any && (/im_start/.test(match[0]) || raw.trim() === '')) return null;
  if (!any && /^<(?:tools?|actions?|functions|call)>$/i.test(match[0])) return null; // words that mean other things, too
  // Text behind the calls and before the closing tag belongs to the tag; without one, it is prose again.
  const read = sequence === null || !any || closing > 0 || body !== raw ? to : from + sequence.end;
  return { start, end: Math.min(to, Math.max(read, from)) + closing, calls, readable: any };
}

/** What is in the code fence, or the very text when there is none around it. */
function unfenced(text: string): string {
  const bare = text.trim();
  const inside = withoutFence(bare);
  return inside === bare ? text : inside;
}

/** A text without the code fence around it. By its ends: a pattern for the whole would look at every blank inside again and again. */
export function withoutFence(text: string): string {
  const open = /^```[\w-]*/.exec(text)?.[0].length ?? 0;
  return open > 0 && text.length >= open + 3 && text.endsWith('```') ? text.slice(open, -3).trim() : text;
}

/** GLM: the name, then `<arg_key>k</arg_key><arg_value>v</arg_value>` for each argument. */
function glmCall(body: string, tools: ToolIndex): FoundCall | null {
  const name = /^\s*([\w.-]+)\s*(?=<arg_key>|$)/.exec(body)?.[1];
  if (name === undefined || tools.find(name) === null) return null;
  const given: Record<string, unknown> = {};
  for (const [, key, value] of body.matchAll(/<arg_key>([\s\S]*?)<\/arg_key>\s*<arg_value>([\s\S]*?)<\/arg_value>/g)) {
    given[(key ?? '').trim()] = bareValue(value ?? '');
  }
  return call(name, given, tools);
}

/** `<function=f>{…}</function>`, `<invoke name="f"><parameter name="k">v</parameter></invoke>`. */
function namedTag(match: RegExpExecArray, tools: ToolIndex): Marked {
  const name = match[1] ?? '';
  const body = match[2] ?? '';
  const given = xmlArguments(body) ?? objectOf(body);
  return { ...spanOf(match), calls: given === null ? [] : [call(name, given, tools)], readable: given !== null };
}

/** `<parameter=k>v</parameter>`, `<parameter name="k">v</parameter>`, `<k>v</k>`. Null when there are none. */
function xmlArguments(body: string): Record<string, unknown> | null {
  const given: Record<string, unknown> = {};
  const pattern =
    /<(?:parameter|param|arg)(?:=|\s+name\s*=\s*)["']?([\w.-]+)["']?\s*>([\s\S]*?)<\/(?:parameter|param|arg)>|<([\w.-]+)>([\s\S]*?)<\/\3>/g;
  for (const match of body.matchAll(pattern)) given[match[1] ?? match[3] ?? ''] = bareValue(match[2] ?? match[4] ?? '');
  return Object.keys(given).length > 0 ? given : null;
}

/** `<f><k>v</k></f>` for a tool f that is known; `<invoke><tool_name>f</tool_name><parameters>…</parameters></invoke>`. */
function xmlCall(text: string, match: RegExpExecArray, tools: ToolIndex): Marked | null {
  const name = match[1] ?? '';
  const isKnown = tools.isFullName(name);
  if (!isKnown && name !== 'invoke' && name !== 'tool_call') return null;
  const from = match.index + match[0].length;
  const to = text.indexOf(`</${name}>`, from);
  if (to < 0) return null;
  const span = { start: match.index, end: to + name.length + 3 };
  const body = text.slice(from, to);
  if (!isKnown) {
    const named = /<tool_name>\s*([\w.-]+)\s*<\/tool_name>\s*(?:<parameters>([\s\S]*)<\/parameters>)?/.exec(body);
    if (named === null) return null;
    const given = xmlArguments(named[2] ?? '') ?? objectOf(named[2] ?? '') ?? {};
    return { ...span, calls: [call(named[1] ?? '', given, tools)], readable: true };
  }
  const given = xmlArguments(body) ?? objectOf(body);
  return given === null ? null : { ...span, calls: [call(name, given, tools)], readable: true };
}

/** `<start_function_call>call:f{k:<escape>v<escape>,n:5}<end_function_call>` */
function gemmaCall(match: RegExpExecArray, tools: ToolIndex): Marked {
  const strings: string[] = [];
  // Escaped strings may hold anything: they are put aside while the rest is read.
  const body = (match[2] ?? '').replace(/<escape>([\s\S]*?)<escape>/g, (_, value: string) =>
    JSON.stringify(`\u0000${strings.push(value) - 1}`),
  );
  const read = readLiteral(`{${body}}`);
  const given = read === null ? null : argumentsOf(read.value);
  const calls = given === null ? [] : [call(match[1] ?? '', restored(given, strings) as Record<string, unknown>, tools)];
  return { ...spanOf(match), calls, readable: given !== null };
}

function restored(value: unknown, strings: readonly string[]): unknown {
  if (typeof value === 'string') return value.startsWith('\u0000') ? strings[Number(value.slice(1))] : value;
  if (Array.isArray(value)) return value.map((item) => restored(item, strings));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restored(item, strings)]));
}

/** A name by a mark, then the object of its arguments, or a bare value for the only parameter. */
function thenObject(text: string, match: RegExpExecArray, tools: ToolIndex): Marked {
  const name = (match[1] ?? match[2] ?? match[3] ?? match[4] ?? '').replaceAll('\\_', '_');
  const from = match.index + match[0].length;
  const fence = /^\s*```\w*\n/.exec(text.slice(from))?.[0].length ?? 0;
  const read = readLiteral(text, from + fence);
  const given = read === null ? null : objectValue(read.value);
  if (read !== null && given !== null) {
    const tail = /^\s*(?:```|<\|tool_call_end\|>|<｜tool▁call▁end｜>|<\|call\|>)*/.exec(text.slice(read.end))?.[0].length ?? 0;
    return { start: match.index, end: read.end + tail, calls: [call(name, given, tools, read.mended)], readable: true };
  }
  const line = /^[^\n]*/.exec(text.slice(from))?.[0] ?? '';
  const tool = tools.find(name);
  const [only] = tool?.parameters ?? [];
  if (tool === null || only === undefined || tool.parameters.length > 1) {
    return { start: match.index, end: from, calls: [], readable: tool === null };
  }
  return { start: match.index, end: from + line.length, calls: [call(name, { [only]: bareValue(line) }, tools)], readable: true };
}

function objectValue(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? argumentsOf(value)
    : null;
}

/** The arguments of a text that is an object or nothing at all. */
function objectOf(text: string): Record<string, unknown> | null {
  if (text.trim() === '') return {};
  const read = readLiteral(text);
  return read === null || read.value === null || typeof read.value !== 'object' ? null : argumentsOf(read.value);
}

/** A value between tags: JSON when it is an object or list, else text; numbers are told by the schema later. */
function bareValue(text: string): unknown {
  const bare = text.trim();
  if (!/^[[{]/.test(bare)) return bare;
  const read = readLiteral(bare);
  return read !== null && bare.slice(read.end).trim() === '' ? read.value : bare;
}
