/** A fence with nothing but arguments, and the tool named in the prose: "I call `get_weather` with" and `{"city": "Oslo"}`. */
import { asObject } from '../../lib/json-value.ts';
import { argumentsOf, type FoundCall } from './call-shapes.ts';
import { checkArguments } from './coercion.ts';
import { plainName, readLiteral } from './literal.ts';
import type { KnownTool, ToolIndex } from './tool-index.ts';

/** Farther back, the prose speaks of something else. Characters. */
export const FARTHEST = 600;
/** A name is written as code, or looks like it: `search` may be just a word. */
const CODE_WORD = /([`'"*])((?:[\w.-]|\\_)*\w)\1|\b(\w+(?:(?:[._-]|\\_)\w+)+|[a-z]+(?:[A-Z]\w*)+)/g;

/** The call that a fence of arguments is, or null. They must fit the tool that was named last as they are. */
export function readFencedArguments(body: string, prose: string, tools: ToolIndex): FoundCall | null {
  if (!/^\s*\{[\s\S]*\}\s*$/.test(body)) return null;
  const tool = namedLast(prose.slice(-FARTHEST), tools);
  const read = tool === null ? null : readLiteral(body);
  if (tool === null || read === null || read.mended || body.slice(read.end).trim() !== '' || asObject(read.value) === null)
    return null;
  const given = argumentsOf(read.value);
  if (given === null || Object.keys(given).length === 0 || !checkArguments(given, tool).ok) return null;
  return { name: tool.name, tool, arguments: given, mended: false };
}

function namedLast(prose: string, tools: ToolIndex): KnownTool | null {
  let last: KnownTool | null = null;
  for (const [, , quoted, word] of prose.matchAll(CODE_WORD)) {
    const name = plainName(quoted ?? word ?? '');
    if (tools.isFullName(name)) last = tools.find(name);
  }
  return last;
}
