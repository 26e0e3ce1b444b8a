/** What a stage's output must be, and how it goes on to the next. */
import { z } from 'zod';
import { jsonIn } from '../../answers/data.ts';
import { withoutThinking } from '../../answers/final-statement.ts';
import type { ChatInput, JsonSchema } from '../../contracts/chat.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import { matchesInTime } from '../../lib/bounded-match.ts';
import { schemaCheck } from '../../lib/json-schema.ts';

/** Schema of `Expectation`. */
export const expectation = z.strictObject({
  /** JSON: any (`true`), or of a JSON Schema. What is around it is left out. */
  json: z
    .union([z.literal(true), z.record(z.string(), z.unknown())])
    .superRefine((given, issues) => {
      const checked = given === true ? null : schemaCheck(given);
      if (checked !== null && 'problem' in checked)
        issues.addIssue({ code: 'custom', message: `this is no JSON Schema that can be checked: ${checked.problem}` });
    })
    .optional(),
  /** A regular expression that must match somewhere in it. */
  pattern: z.string().refine(isPattern, 'this is no regular expression').optional(),
  /** Characters, without white space at both ends. */
  min_length: z.int().min(0).optional(),
  max_length: z.int().min(1).optional(),
  not_empty: z.boolean().default(true),
});
/** What a stage's output must be. */
export type Expectation = z.infer<typeof expectation>;

function isPattern(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u').source !== '';
  } catch {
    return false; // that is what is asked
  }
}

/** Whether the whole output must be there before any of it is given. */
export function isChecked({ json, pattern, min_length, max_length }: Expectation): boolean {
  return json !== undefined || pattern !== undefined || (min_length ?? 0) > 0 || max_length !== undefined;
}

/** What is wrong with an output, in words for a model; null when nothing is. */
export function problemWith(answer: Pick<ChildAnswer, 'text' | 'toolCalls' | 'artifact'>, expect: Expectation): string | null {
  if (answer.artifact !== undefined || answer.toolCalls.length > 0) return null;
  const text = withoutThinking(answer.text);
  const { json, pattern, min_length = 0, max_length = Infinity, not_empty } = expect;
  if (text === '') return not_empty || json !== undefined ? 'it was empty' : null;
  if (text.length < min_length) return `it has ${text.length} characters, at least ${min_length} are needed`;
  if (text.length > max_length) return `it has ${text.length} characters, at most ${max_length} are allowed`;
  if (json !== undefined) {
    const found = jsonIn(text);
    if (found === undefined) return 'it holds no JSON';
    const problem = json === true ? null : violation(found.value, json);
    if (problem !== null) return problem;
  }
  const isMatch = pattern === undefined ? true : matchesInTime(new RegExp(pattern, 'u'), text);
  if (isMatch === null) return `the pattern ${pattern} took too long to match`;
  return isMatch ? null : `it does not match the pattern ${pattern}`;
}

function violation(value: unknown, schema: JsonSchema): string | null {
  const checked = schemaCheck(schema);
  const problem = 'problem' in checked ? checked.problem : checked.check(value);
  return problem === null ? null : `its JSON does not fit the schema: ${problem}`;
}

/** The output as later stages get it: the JSON alone where JSON is expected, no thoughts. */
export function mapped(answer: Pick<ChildAnswer, 'text' | 'artifact'>, { json }: Expectation): string {
  if (answer.artifact !== undefined) return JSON.stringify(answer.artifact.value);
  const text = withoutThinking(answer.text);
  return json === undefined ? text : JSON.stringify(jsonIn(text)?.value);
}

/** The form that the model is held to, where its output must be JSON. */
export function responseFormat({ json }: Expectation): Pick<ChatInput, 'response_format'> {
  if (json === undefined) return {};
  return {
    response_format:
      json === true ? { type: 'json_object' } : { type: 'json_schema', json_schema: { name: 'output', schema: json } },
  };
}
