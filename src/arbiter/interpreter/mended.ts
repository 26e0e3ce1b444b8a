/**
 * Whether a call that a model made of a text says only what the text says. A small model fills what is missing with what is at
 * hand: a word of the tool's name, or another argument once more.
 */
import type { ToolCall } from '../../contracts/chat.ts';
import { asArray, asObject, parseJson } from '../../lib/json-value.ts';
import { groundOf, spokenOf } from './grounding.ts';
import type { ToolIndex } from './tool-index.ts';

/** Longer values are put together, and may differ from the text in blanks and signs. */
const LONGEST_WORD = 60;

/** True when each value stands in the text beside the tool's name, as often as the call uses it. Choices of a list need not. */
export function saysOnly(call: ToolCall, written: string, tools: ToolIndex): boolean {
  const tool = tools.find(call.function.name);
  const given = asObject(parseJson(call.function.arguments)) ?? {};
  const beside = written.replaceAll(new RegExp(`(?<![\\w.])${escaped(call.function.name)}(?!\\w)`, 'gi'), ' ');
  const [text, spoken] = [plain(beside), spokenOf(beside)];
  const isSaid = (value: unknown, times: number): boolean => {
    if (typeof value === 'number') return groundOf('', value, {}, spoken) !== 'number';
    if (typeof value !== 'string') return valuesIn(value).every((inner) => isSaid(inner, 1));
    const words = plain(value);
    return words === '' || value.length > LONGEST_WORD || text.split(words).length > times;
  };
  return Object.entries(given).every(([key, value]) => {
    if (asArray(asObject(tool?.properties[key])?.['enum']).includes(value)) return true;
    const uses = Object.values(given).filter((other) => String(other) === String(value)).length;
    return isSaid(value, uses);
  });
}

function valuesIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : Object.values(asObject(value) ?? {});
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}.]+/gu, ' ')
    .trim();
}

/** Any of `a.b`, `a_b` and `a-b`: models write names in each way. */
function escaped(name: string): string {
  return name
    .split(/[._-]/)
    .map((part) => RegExp.escape(part))
    .join('[._-]');
}
