/** From a value that was read to the calls it means: every shape in which models and providers write them. */
import { asObject, type JsonObject } from '../../lib/json-value.ts';
import { Expression, readLiteral, WrittenCall } from './literal.ts';
import type { KnownTool, ToolIndex } from './tool-index.ts';

/** A call as it was found in a text, before anything was checked. */
export interface FoundCall {
  /** The name as it was written. */
  readonly name: string;
  /** The tool it means, or null when there is none of that name. */
  readonly tool: KnownTool | null;
  /** May still hold `Expression` and `WrittenCall` where no value was written. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Something that cannot be an argument: more values than the tool has parameters. */
  readonly misfit?: string;
  /** Brackets had to be supplied, or the whole had to be mended. */
  readonly mended: boolean;
}

const LISTS = [
  'tool_calls',
  'tool_call',
  'toolCalls',
  'function_calls',
  'function_call',
  'functionCall',
  'calls',
  'tool_uses',
  'functions',
];
const NAMES = [
  'name',
  'tool',
  'tool_name',
  'toolName',
  'function',
  'function_name',
  'functionName',
  'action',
  'recipient_name',
  'func',
  'method',
  'api_name',
];
const ARGUMENTS = [
  'arguments',
  'parameters',
  'args',
  'input',
  'params',
  'kwargs',
  'tool_input',
  'action_input',
  'toolInput',
  'param',
  'inputs',
  'function_args',
];
const BESIDE = new Set([
  'id',
  'type',
  'index',
  'call_id',
  'callId',
  'thought',
  'thoughts',
  'reasoning',
  'description',
  'status',
  'role',
]);

/**
 * The calls that a value means, or null when it is none. An empty list means: no call, and says so. Values of unknown
 * functions are calls, too (`tool` is null), so that whoever checks them can say what is wrong.
 */
export function callsOfValue(value: unknown, tools: ToolIndex, mended = false): FoundCall[] | null {
  if (value instanceof WrittenCall) return callsOfWritten(value, tools, mended);
  if (value instanceof Expression) return null;
  if (typeof value === 'string') return callsOfString(value, tools);
  if (Array.isArray(value)) {
    const pairs = callsOfPairs(value, tools, mended);
    if (pairs !== null) return pairs;
    const found = value.map((item) => callsOfValue(item, tools, mended));
    return found.every((calls) => calls !== null) ? found.flat() : null;
  }
  const object = asObject(value);
  return object === null ? null : callsOfObject(object, tools, mended);
}

/** `['f', {'a': 1}]`: names, each with its arguments behind it. */
function callsOfPairs(values: readonly unknown[], tools: ToolIndex, mended: boolean): FoundCall[] | null {
  if (values.length === 0 || values.length % 2 !== 0) return null;
  const calls: FoundCall[] = [];
  for (let i = 0; i < values.length; i += 2) {
    const [name, given] = [values[i], values[i + 1]];
    const isCall = typeof name === 'string' && tools.isFullName(name) && asObject(given) !== null;
    const object = isCall ? argumentsOf(given) : null;
    if (!isCall || object === null) return null;
    calls.push({ name, tool: tools.find(name), arguments: object, mended });
  }
  return calls;
}

/** `['f(a=1)']` and `"{\"name\": …}"`: calls inside of strings. */
function callsOfString(text: string, tools: ToolIndex): FoundCall[] | null {
  const read = readLiteral(text);
  if (read === null || text.slice(read.end).trim() !== '' || typeof read.value === 'string') return null;
  return callsOfValue(read.value, tools, read.mended);
}

function callsOfObject(object: JsonObject, tools: ToolIndex, mended: boolean): FoundCall[] | null {
  for (const key of LISTS) {
    const inner = object[key];
    if (typeof inner === 'object' && inner !== null && !(inner instanceof Expression)) {
      const calls = callsOfValue(inner, tools, mended);
      if (calls !== null) return calls;
    }
  }
  const nested = asObject(object['function']);
  if (nested !== null && !(object['function'] instanceof Expression)) return callsOfObject(nested, tools, mended);
  return namedCall(object, tools, mended) ?? keyedCalls(object, tools, mended);
}

/** `{name, arguments}` under any of the names that these two have. */
function namedCall(object: JsonObject, tools: ToolIndex, mended: boolean): FoundCall[] | null {
  const nameKey = NAMES.find((key) => isName(object[key]));
  if (nameKey === undefined) return null;
  const written = object[nameKey];
  const name = written instanceof Expression ? written.source : String(written);
  const tool = tools.find(name);
  const argumentsKey = ARGUMENTS.find((key) => key !== nameKey && key in object);
  if (argumentsKey !== undefined) {
    const given = argumentsOf(object[argumentsKey]);
    if (given === null || isDefinition(given)) return null;
    return [{ name, tool, arguments: given, mended }];
  }
  if (tool === null) return null;
  // The arguments may stand beside the name.
  const rest = Object.entries(object).filter(([key]) => key !== nameKey);
  const own = rest.filter(([key]) => tool.parameters.includes(key));
  const foreign = rest.filter(([key]) => !tool.parameters.includes(key) && !BESIDE.has(key));
  if (foreign.length > 0) return null;
  if (own.length === 0 && 'description' in object) return null; // a tool's definition, repeated
  return [{ name, tool, arguments: Object.fromEntries(own), mended: true }];
}

/** `{"f": {"a": 1}}`: known names as keys. */
function keyedCalls(object: JsonObject, tools: ToolIndex, mended: boolean): FoundCall[] | null {
  const calls: FoundCall[] = [];
  for (const [name, value] of Object.entries(object)) {
    const tool = tools.isFullName(name) ? tools.find(name) : null;
    if (tool === null) return null;
    const several = Array.isArray(value) && value.length > 0 && value.every((item) => asObject(item) !== null) ? value : [value];
    for (const one of several) {
      const given = argumentsOf(one);
      if (given === null || isDefinition(given)) return null;
      calls.push({ name, tool, arguments: given, mended });
    }
  }
  return calls.length > 0 ? calls : null;
}

function isName(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || value instanceof Expression;
}

/** Arguments are an object, or a string with one in it, or nothing. */
export function argumentsOf(value: unknown): Record<string, unknown> | null {
  if (value === null || value === undefined || value === '') return {};
  if (typeof value === 'string') {
    const read = readLiteral(value);
    return read === null || value.slice(read.end).trim() !== '' ? null : argumentsOf(read.value);
  }
  if (Array.isArray(value) && value.length === 0) return {};
  if (value instanceof Expression || value instanceof WrittenCall) return null;
  const object = asObject(value);
  return object === null ? null : { ...object };
}

/** A schema where arguments are expected: the model repeats what it was given. */
function isDefinition(given: Readonly<Record<string, unknown>>): boolean {
  return asObject(given['properties']) !== null && ('type' in given || 'required' in given);
}

/** `f(a=1)`. Calls among its arguments come first: they are what can be done now. */
export function callsOfWritten(call: WrittenCall, tools: ToolIndex, mended: boolean): FoundCall[] | null {
  const tool = tools.find(call.name);
  const inner = [...call.positional, ...call.named.values()].flatMap((value) => innerCalls(value, tools));
  if (tool === null && inner.length > 0) return inner; // print(f(…))
  return [...inner, bindArguments(call, tool, mended)];
}

function innerCalls(value: unknown, tools: ToolIndex): FoundCall[] {
  if (value instanceof WrittenCall) return callsOfWritten(value, tools, false)?.filter((call) => call.tool !== null) ?? [];
  return Array.isArray(value) ? value.flatMap((item) => innerCalls(item, tools)) : [];
}

/** Values without a name go to the parameters in their order. One object of all arguments is taken apart. */
function bindArguments(call: WrittenCall, tool: KnownTool | null, mended: boolean): FoundCall {
  const { name } = call;
  const given: Record<string, unknown> = Object.fromEntries(call.named);
  if (call.positional.length === 0) return { name, tool, arguments: given, mended };
  const only = call.positional.length === 1 && call.named.size === 0 ? asObject(call.positional[0]) : null;
  const isLiteral = !(call.positional[0] instanceof Expression) && !(call.positional[0] instanceof WrittenCall);
  if (only !== null && isLiteral && (tool === null || Object.keys(only).every((key) => tool.parameters.includes(key)))) {
    return { name, tool, arguments: { ...only }, mended };
  }
  const free = (tool?.parameters ?? []).filter((parameter) => !(parameter in given));
  for (const [i, value] of call.positional.entries()) {
    const parameter = free[i];
    if (parameter === undefined) {
      const misfit = `${name} has ${tool?.parameters.length ?? 0} parameters, not ${call.positional.length + call.named.size}`;
      return { name, tool, arguments: given, mended, misfit };
    }
    given[parameter] = value;
  }
  return { name, tool, arguments: given, mended };
}
