/** The tools by which an arbiter asks other models: their definitions, and what a call of one means. Pure. */
import type { ToolCall, ToolDefinition } from '../contracts/chat.ts';
import { asArray, asObject, asString, parseJson, type JsonObject } from '../lib/json-value.ts';
import { nearest } from '../lib/nearest.ts';
import { ARBITER_TOOLS, type ArbiterTool } from './arbiter-config.ts';
import { readAnswer } from './interpreter/interpreter.ts';
import type { Specialist } from './specialist.ts';

/** What a call of an arbiter's tool asks for. */
export type ArbiterAction =
  | { readonly type: 'consult'; readonly specialist: string; readonly query: string; readonly context: string }
  | { readonly type: 'converse'; readonly participants: readonly string[]; readonly question: string }
  | { readonly type: 'synthesize'; readonly instructions: string }
  | { readonly type: 'ask_user'; readonly question: string }
  | { readonly type: 'larger'; readonly query: string; readonly context: string }
  | { readonly type: 'reinterpret'; readonly text: string; readonly error: string }
  | { readonly type: 'information' }
  | { readonly type: 'orchestration'; readonly name: string; readonly query: string; readonly context: string }
  | { readonly type: 'invalid'; readonly problem: string };

/** A call of the arbiter, read. */
export interface ArbiterCall {
  readonly call: ToolCall;
  /** The tool's name as the arbiter knows it. */
  readonly tool: string;
  readonly action: ArbiterAction;
}

/** What an arbiter's answer asks for. */
export interface TurnReading {
  /** Calls of its own tools, in order. */
  readonly internal: readonly ArbiterCall[];
  /** Calls of the client's tools. */
  readonly client: readonly ToolCall[];
  /** What it says beside calls. */
  readonly text: string;
}

type Kind = ArbiterTool | 'consult';
interface Offered {
  readonly kind: Kind;
  readonly specialist?: string;
}

export interface ToolboxOptions {
  readonly specialists: readonly Specialist[];
  /** Which tools there are beside `consult_<specialist>`. */
  readonly tools: readonly ArbiterTool[];
  readonly orchestrations: readonly { readonly name: string; readonly description: string }[];
  /** Names that are taken: those of the client's tools. */
  readonly clientTools: readonly ToolDefinition[];
}

/** The tools of one arbiter. Where the client has a tool of the same name, the arbiter's own is called `tutti_…`. */
export class Toolbox {
  readonly definitions: readonly ToolDefinition[];
  readonly #offered = new Map<string, Offered>();
  readonly #options: ToolboxOptions;
  readonly #clientNames: ReadonlySet<string>;

  constructor(options: ToolboxOptions) {
    this.#options = options;
    this.#clientNames = new Set(options.clientTools.map((tool) => tool.function.name));
    const definitions: ToolDefinition[] = [];
    const add = (name: string, offered: Offered, definition: Definition): void => {
      const free = this.#freeName(name);
      this.#offered.set(free, offered);
      definitions.push({ type: 'function', function: { name: free, ...definition } });
    };
    for (const { name, description } of options.specialists) {
      add(`consult_${toolWord(name)}`, { kind: 'consult', specialist: name }, { description, parameters: QUESTION });
    }
    for (const kind of ARBITER_TOOLS) if (options.tools.includes(kind)) add(kind, { kind }, this.#define(kind));
    this.definitions = definitions;
  }

  #freeName(name: string): string {
    const isTaken = (one: string): boolean => this.#clientNames.has(one) || this.#offered.has(one);
    if (!isTaken(name)) return name;
    let free = `tutti_${name}`;
    for (let i = 2; isTaken(free); i++) free = `tutti_${name}_${i}`;
    return free;
  }

  #define(kind: ArbiterTool): Definition {
    const { specialists, orchestrations } = this.#options;
    const names = specialists.map(({ name }) => name);
    switch (kind) {
      case 'consult_specialist':
        return {
          description: `Asks a specialist: ${specialists.map(({ name, description }) => `${name} (${description})`).join(', ')}`,
          parameters: {
            ...QUESTION,
            properties: { specialist: { type: 'string', enum: names }, ...QUESTION.properties },
            required: ['specialist', 'query'],
          },
        };
      case 'start_conversation':
        return {
          description: 'Lets several specialists discuss a question with each other',
          parameters: object({ question: TEXT, participants: { type: 'array', items: { type: 'string', enum: names } } }, [
            'question',
          ]),
        };
      case 'synthesize_responses':
        return {
          description: 'Combines the answers of all who were asked so far into one',
          parameters: object({ instructions: TEXT }, []),
        };
      case 'escalate_to_user':
        return {
          description: 'Asks the user, when only the user can know',
          parameters: object({ question: TEXT }, ['question']),
        };
      case 'escalate_to_larger':
        return { description: 'Asks a larger model, when the question is too hard', parameters: QUESTION };
      case 'reinterpret':
        return {
          description: 'Finds out which tool calls an unclear text means, or corrects a call that failed',
          parameters: object({ text: TEXT, error: TEXT }, ['text']),
        };
      case 'system_information':
        return { description: 'Tells which specialists there are and what was done so far', parameters: object({}, []) };
      case 'use_orchestration':
        return {
          description: `Runs an orchestration: ${orchestrations.map(({ name, description }) => `${name} (${description})`).join(', ')}`,
          parameters: object(
            { orchestration: { type: 'string', enum: orchestrations.map(({ name }) => name) }, ...QUESTION.properties },
            ['orchestration', 'query'],
          ),
        };
      default:
        return kind satisfies never;
    }
  }

  /** What the arbiter's answer asks for; calls that it wrote as text are read, too. `question` stands in for a query left out. */
  read(answer: { readonly text: string; readonly toolCalls: readonly ToolCall[] }, question: string): TurnReading {
    const client = answer.toolCalls.filter(({ function: { name } }) => this.#clientNames.has(name));
    const structured = answer.toolCalls.filter((call) => !client.includes(call));
    if (structured.length > 0) {
      return { internal: structured.map((call) => this.#meaning(call, question)), client, text: answer.text };
    }
    if (client.length > 0) return { internal: [], client, text: answer.text };
    const read = readAnswer({ text: answer.text, tools: this.definitions.map(withoutRequired) });
    if (read.calls.length === 0) return { internal: [], client, text: answer.text };
    return { internal: read.calls.map((call) => this.#meaning(call, question)), client, text: read.text };
  }

  #meaning(call: ToolCall, question: string): ArbiterCall {
    const [tool, offered] = this.#find(call.function.name);
    const given = asObject(parseJson(call.function.arguments)) ?? {};
    const action: ArbiterAction =
      offered === undefined
        ? { type: 'invalid', problem: `There is no tool called ${tool}. There are: ${[...this.#offered.keys()].join(', ')}.` }
        : this.#action(offered, given, question);
    return { call, tool, action };
  }

  /** The tool that a written name means: exactly, by other case and separators, or `coding` and `consult_codnig` for `consult_coding`. */
  #find(written: string): readonly [name: string, offered: Offered | undefined] {
    const names = [...this.#offered.keys()];
    const loose = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '');
    const bare = written.replace(/^consult[_.-]?/i, '');
    const words = this.#specialistNames.map(toolWord);
    // Where there is one specialist only, whoever consults anybody consults that one.
    const specialist = words.length === 1 && bare !== written ? words[0] : nearest(bare, words, 1)[0];
    const found =
      names.find((name) => name === written) ??
      names.find((name) => loose(name) === loose(written)) ??
      (specialist === undefined ? undefined : names.find((name) => name.endsWith(`consult_${specialist}`)));
    return [found ?? written, found === undefined ? undefined : this.#offered.get(found)];
  }

  #action(offered: Offered, given: JsonObject, question: string): ArbiterAction {
    const query = text(given, 'query') || text(given, 'question') || question;
    const context = text(given, 'context');
    switch (offered.kind) {
      case 'consult':
        return { type: 'consult', specialist: offered.specialist ?? '', query, context };
      case 'consult_specialist':
        return this.#named('specialist', text(given, 'specialist'), this.#specialistNames, (specialist) => ({
          type: 'consult',
          specialist,
          query,
          context,
        }));
      case 'start_conversation':
        return this.#conversation(given, text(given, 'question') || query);
      case 'synthesize_responses':
        return { type: 'synthesize', instructions: text(given, 'instructions') };
      case 'escalate_to_user': {
        const asked = text(given, 'question') || text(given, 'query');
        return asked === '' ? { type: 'invalid', problem: 'question is missing' } : { type: 'ask_user', question: asked };
      }
      case 'escalate_to_larger':
        return { type: 'larger', query, context };
      case 'reinterpret': {
        const unclear = text(given, 'text');
        return unclear === ''
          ? { type: 'invalid', problem: 'text is missing' }
          : { type: 'reinterpret', text: unclear, error: text(given, 'error') };
      }
      case 'system_information':
        return { type: 'information' };
      case 'use_orchestration':
        return this.#named(
          'orchestration',
          text(given, 'orchestration'),
          this.#options.orchestrations.map(({ name }) => name),
          (name) => ({ type: 'orchestration', name, query, context }),
        );
      default:
        return offered.kind satisfies never;
    }
  }

  get #specialistNames(): string[] {
    return this.#options.specialists.map(({ name }) => name);
  }

  #conversation(given: JsonObject, question: string): ArbiterAction {
    const names = asArray(given['participants']).filter((name) => typeof name === 'string');
    const unknown = names.filter((name) => !this.#specialistNames.includes(name));
    if (unknown.length > 0)
      return {
        type: 'invalid',
        problem: `Nobody is called ${unknown.join(', ')}. There are: ${this.#specialistNames.join(', ')}.`,
      };
    return { type: 'converse', participants: names.length > 0 ? [...new Set(names)] : this.#specialistNames, question };
  }

  #named(what: string, written: string, names: readonly string[], then: (name: string) => ArbiterAction): ArbiterAction {
    const found =
      names.find((name) => name.toLowerCase() === written.toLowerCase()) ??
      (written === '' ? undefined : nearest(written, names, 1)[0]);
    return found === undefined ? { type: 'invalid', problem: `${what} must be one of: ${names.join(', ')}.` } : then(found);
  }
}

type Definition = Pick<ToolDefinition['function'], 'description' | 'parameters'>;

const TEXT = { type: 'string' };
const object = (
  properties: JsonObject,
  required: readonly string[],
): { type: string; properties: JsonObject; required: readonly string[] } => ({ type: 'object', properties, required });
/** What every consultation takes. `embedded:tools` was trained on exactly this schema. */
const QUESTION = object({ query: TEXT, context: TEXT }, ['query']);

function toolWord(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_-]+/g, '_');
}

function text(given: JsonObject, key: string): string {
  return asString(given[key])?.trim() ?? '';
}

function withoutRequired(tool: ToolDefinition): ToolDefinition {
  return { ...tool, function: { ...tool.function, parameters: { ...tool.function.parameters, required: [] } } };
}
