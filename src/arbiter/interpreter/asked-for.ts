/** Whether calls that are shown as examples are just those that the user asked for. */
import { asObject, parseJson } from '../../lib/json-value.ts';
import type { FoundCall } from './call-shapes.ts';
import { checkCalls } from './checked-calls.ts';
import { saysOnly } from './mended.ts';
import type { ToolIndex } from './tool-index.ts';

/** Who asks for these wants to see the call, not its result. */
const ASKS_TO_SEE = /\b(?:examples?|code|snippets?|syntax|scripts?|documentation)\b/i;

/**
 * True when each call fits its tool and has values, all of which stand in the question. One value from elsewhere (`your_city`,
 * `case_123`) makes it an example: the model shows how the user could go on.
 */
export function isAskedFor(found: readonly FoundCall[], question: string, tools: ToolIndex): boolean {
  if (ASKS_TO_SEE.test(question)) return false;
  const { calls, problems } = checkCalls(found, tools);
  if (calls.length === 0 || problems.length > 0) return false;
  return calls.every((call) => {
    const values = Object.values(asObject(parseJson(call.function.arguments)) ?? {});
    return values.some((value) => typeof value !== 'boolean') && saysOnly(call, question, tools);
  });
}
