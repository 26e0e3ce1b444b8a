/**
 * Prompts with placeholders: `{input}`, `{question}`, `{stages.<name>}`, and `{stages.<name>.<field>}` of an output that is JSON.
 * `{{name}}` stands for the text `{name}`; braces around anything else (`{"a": 1}`) are plain text.
 */
import { asObject, parseJson } from '../../lib/json-value.ts';

const PLACEHOLDER = /\{(\{[A-Za-z_][\w.-]*\})\}|\{([A-Za-z_][\w.-]*)\}/g;

/** What there is to put in. */
export interface Values {
  readonly input: string;
  readonly question: string;
  /** Outputs by the names of their stages. */
  readonly stages: ReadonlyMap<string, string>;
}

/** What is wrong with a prompt, given the names of the stages before it. */
export function checkTemplate(prompt: string, earlier: readonly string[]): string[] {
  const problems: string[] = [];
  for (const [, , name] of prompt.matchAll(PLACEHOLDER)) {
    if (name === undefined || name === 'input' || name === 'question') continue;
    const [word, stage = ''] = name.split('.');
    if (word === 'stages' && earlier.includes(stage)) continue;
    const known = ['input', 'question', ...earlier.map((other) => `stages.${other}`)].map((other) => `{${other}}`);
    problems.push(`nothing is called {${name}} here; there are ${known.join(', ')}. Write {{${name}}} for the text itself`);
  }
  return problems;
}

/** The prompt with its values. Braces in values are never read again. A stage that was left out, and a field that is not there, is ''. */
export function fillTemplate(prompt: string, { input, question, stages }: Values): string {
  return prompt.replaceAll(PLACEHOLDER, (_all, literal: string | undefined, name = '') => {
    if (literal !== undefined) return literal;
    if (name === 'input') return input;
    if (name === 'question') return question;
    const [, stage = '', ...path] = String(name).split('.');
    const output = stages.get(stage) ?? '';
    return path.length === 0 ? output : fieldOf(output, path);
  });
}

function fieldOf(output: string, path: readonly string[]): string {
  let value: unknown = parseJson(output);
  for (const key of path) value = Array.isArray(value) ? value[Number(key)] : asObject(value)?.[key];
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
