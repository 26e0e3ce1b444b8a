/** From calls that were found to calls that can be made: named, typed and written as the tools' schemas want them. */
import type { ToolCall } from '../../contracts/chat.ts';
import { newId } from '../../lib/id.ts';
import { parseJson } from '../../lib/json-value.ts';
import { argumentsOf, type FoundCall } from './call-shapes.ts';
import { checkArguments } from './coercion.ts';
import { isValue } from './literal.ts';
import { nearestSpelling, type KnownTool, type ToolIndex } from './tool-index.ts';

/** A call that cannot be made as it was written. */
export interface CallProblem {
  readonly name: string;
  readonly message: string;
}

/** Calls that can be made, and what is wrong with those that do not fit. */
export interface CheckedCalls {
  readonly calls: readonly ToolCall[];
  /** How many of the calls fit their schemas. The others have a problem. */
  readonly fitting: number;
  readonly problems: readonly CallProblem[];
  readonly changed: boolean;
}

/**
 * Holds calls against their tools' schemas. `originals`: the same calls as a server reported them; what needs no change keeps its form.
 *
 * Of several calls that were meant together, one that does not fit goes out as it was written beside those that do: without it half
 * a plan would be carried out and nobody would know. The tool, or the client, says what is wrong, and the model can correct it. That
 * holds for calls of tools that exist, with values for arguments (not `x` or `f()`). Where none fits, there is none to go with.
 */
export function checkCalls(found: readonly FoundCall[], tools: ToolIndex, originals: readonly ToolCall[] = []): CheckedCalls {
  const calls: ToolCall[] = [];
  const unfit = new Set<ToolCall>();
  const problems: CallProblem[] = [];
  let changed = false;
  for (const [i, one] of found.entries()) {
    const { name, tool } = one;
    if (tool === null) {
      problems.push({ name, message: `unknown tool ${name}; there are ${tools.tools.map((known) => known.name).join(', ')}` });
      continue;
    }
    if (one.misfit !== undefined) {
      problems.push({ name: tool.name, message: one.misfit });
      continue;
    }
    const respelled = tools.respells ? withSpelling(one.arguments, tool) : one.arguments;
    const checked = checkArguments(respelled, tool);
    const each = checked.ok || originals.length > 0 ? null : callForEach(respelled, tool);
    if (each !== null) {
      calls.push(...each.map((own) => toolCall(tool.name, own)));
      changed = true;
      continue;
    }
    const original = originals[i];
    if (!checked.ok) {
      problems.push({ name: tool.name, message: checked.problem });
      if (!isValue(one.arguments)) continue;
      const asWritten =
        original !== undefined && name === tool.name ? original : toolCall(tool.name, one.arguments, original?.id);
      unfit.add(asWritten);
      calls.push(asWritten);
      continue;
    }
    const asItIs = !checked.changed && !one.mended && name === tool.name;
    calls.push(asItIs && original !== undefined ? original : toolCall(tool.name, checked.arguments, original?.id));
    changed ||= checked.changed || one.mended || (original !== undefined && !asItIs);
  }
  const fitting = calls.length - unfit.size;
  return { calls: fitting > 0 ? calls : [], fitting, problems, changed };
}

/** Longer lists are data. */
const MOST_CALLS = 16;

/**
 * `city=['Berlin', 'Paris']` where one city is wanted means a call for each. With two such lists there is no telling whether they
 * go together in pairs or each with each: null.
 */
function callForEach(given: Readonly<Record<string, unknown>>, tool: KnownTool): Readonly<Record<string, unknown>>[] | null {
  for (const [key, list] of Object.entries(given)) {
    if (!Array.isArray(list) || list.length < 2 || list.length > MOST_CALLS) continue;
    const each = list.map((value: unknown) => checkArguments({ ...given, [key]: value }, tool));
    if (each.every((one) => one.ok)) return each.map((one) => one.arguments);
  }
  return null;
}

/** Misspelt parameters by the ones that they mean. */
function withSpelling(given: Readonly<Record<string, unknown>>, tool: KnownTool): Readonly<Record<string, unknown>> {
  const free = tool.parameters.filter((parameter) => !(parameter in given));
  const respelled = Object.entries(given).map(([key, value]) => {
    const known = tool.parameters.includes(key) ? key : (nearestSpelling(key, free) ?? key);
    return [known, value] as const;
  });
  return Object.fromEntries(respelled);
}

/** A call that a server reported, as one that was found. */
export function foundStructured(one: ToolCall, tools: ToolIndex): FoundCall {
  const { name } = one.function;
  const tool = tools.find(name);
  const json = one.function.arguments.trim() === '' ? {} : parseJson(one.function.arguments);
  const exact = typeof json === 'object' && json !== null && !Array.isArray(json);
  const given = argumentsOf(exact ? json : one.function.arguments);
  if (given === null) return { name, tool, arguments: {}, mended: false, misfit: 'the arguments are not a JSON object' };
  return { name, tool, arguments: given, mended: !exact };
}

function toolCall(name: string, given: Readonly<Record<string, unknown>>, id = newId('call')): ToolCall {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(given) } };
}

/** The call in the form that the repairing model was trained on. */
export function callText(one: ToolCall | { readonly name: string; readonly arguments: unknown }): string {
  const { name, arguments: given } = 'function' in one ? one.function : one;
  const json = typeof given === 'string' ? given : JSON.stringify(given ?? {});
  return `<tool_call>{"name": ${JSON.stringify(name)}, "arguments": ${json}}</tool_call>`;
}

/** Whether a call was written just as it would be written again. */
export function isCanonical(text: string, calls: readonly ToolCall[]): boolean {
  const [only, ...others] = calls;
  if (only === undefined || others.length > 0) return false;
  const inside = /^\s*<tool_call>([\s\S]*)<\/tool_call>\s*$/.exec(text)?.[1] ?? text;
  const json = parseJson(inside);
  const same = { name: only.function.name, arguments: parseJson(only.function.arguments) };
  return json !== undefined && JSON.stringify(json) === JSON.stringify(same);
}

/** Whether the same calls are made, whatever their ids. */
export function sameCalls(a: readonly ToolCall[], b: readonly ToolCall[]): boolean {
  const plain = (calls: readonly ToolCall[]): string =>
    JSON.stringify(calls.map((one) => [one.function.name, parseJson(one.function.arguments)]));
  return plain(a) === plain(b);
}
