/** What is found in texts: errors that an image shows, tools that a plan names. */
import { jsonIn } from '../../answers/data.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import { asObject, asString } from '../../lib/json-value.ts';

/** The words by which a description of an image reports an error. */
const ERROR_WORDS =
  /\b(?:errors?|exceptions?|fail(?:ed|ure|ures|s)?|crash(?:ed|es)?|denied|forbidden|not found|timed out|unavailable|unreachable|captchas?)\b/gi;
/** Within so many words before it, a negation takes it back: `there are no visible errors`. */
const NEGATED = /(?:\b(?:no|not|any|without|never|none|neither|nor|zero|0|free of)|n't)\b(?:\W+\w+){0,3}\W*$/i;

/** Whether a description of an image reports an error. */
export function reportsError(text: string): boolean {
  for (const match of text.matchAll(ERROR_WORDS)) {
    const clause =
      text
        .slice(0, match.index)
        .split(/[.!?;\n]|\b(?:but|however)\b/i)
        .at(-1) ?? '';
    const after = text.slice(match.index + match[0].length);
    if (!NEGATED.test(clause) && !/^-free\b/i.test(after)) return true;
  }
  return false;
}

/**
 * The tools that an answer names and that are not there: of its tool calls, and of a plan in JSON (`tool`, `tool_name`) when
 * the call says which tools a plan may use.
 */
export function unavailableTools(
  answer: Pick<ChildAnswer, 'text' | 'toolCalls'>,
  { tools }: Pick<ChatInput, 'tools'>,
  available: readonly string[] | undefined,
): string[] {
  const known = available ?? tools?.map(({ function: { name } }) => name);
  if (known === undefined) return [];
  const planned = available === undefined ? [] : toolsIn(jsonIn(answer.text)?.value);
  const named = [...answer.toolCalls.map(({ function: { name } }) => name), ...planned];
  return [...new Set(named)].filter((name) => !known.includes(name));
}

function toolsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(toolsIn);
  const object = asObject(value);
  if (object === null) return [];
  const own = asString(object.tool) ?? asString(object.tool_name) ?? asString(object.toolName);
  return [...(own === null ? [] : [own]), ...Object.values(object).flatMap(toolsIn)];
}
