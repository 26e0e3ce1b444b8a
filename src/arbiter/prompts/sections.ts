/** The sections of a prompt. Each gives its text with its heading, or nothing at all when it has nothing to say. */
import type { ToolDefinition } from '../../contracts/chat.ts';
import { asArray, asObject, asString, type JsonObject } from '../../lib/json-value.ts';
import { rankByWords } from '../lexical.ts';

/** An attempt that went wrong, for the examples of the next one. */
export interface RecentFailure {
  /** What was wrong with it, in a sentence. */
  readonly error: string;
  /** What was written. */
  readonly attempt?: string;
  /** What would have been right. Default: an example call of `tool`, where that is given. */
  readonly correct?: string;
  /** The tool that was called wrongly. */
  readonly tool?: string;
}

/** Something that the model should know: a text, or one with a title. */
export type Information = string | { readonly title: string; readonly text: string };

/** Older failures say little about the next attempt, and every example costs tokens. */
const MAX_EXAMPLES = 3;

/** How to go about a task of this complexity. */
export function complexitySection(isComplex: boolean): string {
  return isComplex
    ? 'The task is complex. Work in this order: say what is asked and what is given; divide it into steps; carry out each step and check its result; name what you had to assume.'
    : 'Answer directly and keep to what was asked.';
}

/** What is known already. */
export function contextSection(information: readonly Information[]): string {
  const texts = information.map((item) => (typeof item === 'string' ? item : titled(item.title, item.text)));
  return section('CONTEXT:', texts, '\n\n');
}

function titled(title: string, text: string): string {
  return text.trim() === '' ? '' : `[${title}]\n${text}`;
}

/** The tools that may help, one line each. */
export function toolsSection(tools: readonly ToolDefinition[]): string {
  return section(
    'TOOLS:',
    tools.map((tool) => `- ${describeTool(tool)}`),
  );
}

/** Mistakes of earlier attempts, the latest last, each with what would have been right. */
export function examplesSection(failures: readonly RecentFailure[], tools: readonly ToolDefinition[]): string {
  const distinct = failures.filter((one, i) => failures.findLastIndex((other) => sameFailure(one, other)) === i);
  const texts = distinct.slice(-MAX_EXAMPLES).map((failure) => {
    const tool = tools.find((one) => one.function.name === failure.tool);
    const correct = failure.correct ?? (tool === undefined ? undefined : exampleCall(tool));
    return [
      `- Problem: ${failure.error}`,
      failure.attempt === undefined ? '' : `  Written: ${failure.attempt}`,
      correct === undefined ? '' : `  Right: ${correct}`,
    ]
      .filter((line) => line !== '')
      .join('\n');
  });
  return section('EARLIER ATTEMPTS FAILED. Do not repeat these mistakes:', texts);
}

function sameFailure(a: RecentFailure, b: RecentFailure): boolean {
  return a.error === b.error && a.attempt === b.attempt && a.tool === b.tool;
}

/** What the answer has to keep to. */
export function constraintsSection(constraints: readonly string[], preferences: readonly string[]): string {
  const list = (items: readonly string[]): string[] => items.map((item) => `- ${item}`);
  return [section('CONSTRAINTS:', list(constraints)), section('THE USER PREFERS:', list(preferences))]
    .filter((text) => text !== '')
    .join('\n\n');
}

function section(heading: string, items: readonly string[], separator = '\n'): string {
  const said = items.filter((item) => item.replace(/^- /, '').trim() !== '');
  return said.length === 0 ? '' : `${heading}\n${said.join(separator)}`;
}

/**
 * The tools whose name, description or parameters share a word with the task, best first. What has no word in common with
 * it is left out; when that would be all of them, nothing can be told by words and all stay.
 */
export function relevantTools(task: string, tools: readonly ToolDefinition[], maxTools = 8): ToolDefinition[] {
  const ranked = rankByWords(
    task,
    tools.map((tool) => ({ tool, name: tool.function.name, description: wordsOf(tool) })),
  );
  const relevant = ranked.filter(({ score }) => score > 0);
  return (relevant.length > 0 ? relevant : ranked).slice(0, maxTools).map(({ candidate }) => candidate.tool);
}

function wordsOf(tool: ToolDefinition): string {
  return [tool.function.description ?? '', ...Object.keys(propertiesOf(tool))].join(' ');
}

/** `search(query: string, limit?: integer): Searches the web.` */
export function describeTool(tool: ToolDefinition): string {
  const required = new Set(asArray(tool.function.parameters?.['required']));
  const parameters = Object.entries(propertiesOf(tool)).map(
    ([name, schema]) => `${name}${required.has(name) ? '' : '?'}: ${typeName(schema)}`,
  );
  const { name, description } = tool.function;
  return `${name}(${parameters.join(', ')})${description === undefined ? '' : `: ${description}`}`;
}

/** A call of the tool as a model would write it, with the schema's own examples where it has any. */
export function exampleCall(tool: ToolDefinition): string {
  const required = asArray(tool.function.parameters?.['required']);
  const properties = Object.entries(propertiesOf(tool)).filter(([name]) => required.includes(name));
  const values = properties.map(([name, schema]) => [name, exampleValue(schema, name)] as const);
  return JSON.stringify({ name: tool.function.name, arguments: Object.fromEntries(values) });
}

function propertiesOf(tool: ToolDefinition): Readonly<Record<string, unknown>> {
  return asObject(tool.function.parameters?.['properties']) ?? {};
}

function typeName(schema: unknown): string {
  const { type, enum: values, items }: JsonObject = asObject(schema) ?? {};
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value)).join(' | ');
  if (type === 'array') return `${typeName(items)}[]`;
  return Array.isArray(type) ? type.join(' | ') : (asString(type) ?? 'any');
}

function exampleValue(schema: unknown, name: string): unknown {
  const { type, enum: values, examples, default: usual, items }: JsonObject = asObject(schema) ?? {};
  const given = [...asArray(examples), ...(usual === undefined ? [] : [usual]), ...asArray(values)];
  if (given.length > 0) return given[0];
  switch (Array.isArray(type) ? type[0] : type) {
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return true;
    case 'array':
      return [exampleValue(items, name)];
    case 'object':
      return {};
    default:
      return `<${name}>`;
  }
}
