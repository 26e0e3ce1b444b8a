/** What an answer must look like: the response format and the tool choice of a call, as one grammar. */
import type { ChatInput, ToolDefinition } from '../../../contracts/chat.ts';
import { TuttiError } from '../../../errors/error.ts';
import type { CallFormat } from './prompt.ts';
import { ANY_OBJECT, GrammarBuilder } from './schema-grammar.ts';

/** The tools that the model is shown. With `tool_choice: none` it is shown none. */
export function offeredTools(input: ChatInput): readonly ToolDefinition[] {
  const tools = input.tools ?? [];
  return input.tool_choice === 'none' ? [] : tools;
}

/** GBNF, or null for free text. Errors: `invalid_schema`, `invalid_request`. */
export function grammarFor(input: ChatInput, format: CallFormat): string | null {
  const choice = input.tool_choice;
  if (choice === 'required' || (typeof choice === 'object' && choice !== null)) {
    const named = typeof choice === 'object' ? choice.function.name : null;
    const tools = (input.tools ?? []).filter((tool) => named === null || tool.function.name === named);
    if (tools.length === 0)
      throw new TuttiError(
        'invalid_request',
        named === null
          ? 'tool_choice asks for a call, but there are no tools.'
          : `tool_choice names ${named}, which is not among the tools.`,
        { param: 'tool_choice' },
      );
    const builder = new GrammarBuilder();
    return builder.finish(callRule(builder, tools, format));
  }
  const builder = new GrammarBuilder();
  const response = input.response_format;
  const tools = offeredTools(input);
  // An answer in JSON, or a call where there are tools to call.
  const orCall = (rule: string): string =>
    builder.finish(tools.length === 0 ? rule : builder.oneOf([callRule(builder, tools, format), rule]));
  switch (response?.type) {
    case undefined:
    case 'text':
      return null;
    case 'grammar':
      return checked(response.grammar);
    case 'json_object':
      return orCall(ANY_OBJECT);
    case 'json_schema':
      return orCall(builder.schema(response.json_schema.schema, 'response_format.json_schema.schema'));
    default:
      return response satisfies never;
  }
}

/** llama.cpp reads brackets by recursion: tens of thousands of them end the process. */
const MOST_BRACKETS = 200;

function checked(grammar: string): string {
  let open = 0;
  // Those in texts, character classes and comments are none.
  for (const [found] of grammar.matchAll(/"(?:\\.|[^"\\])*"|\[(?:\\.|[^\]\\])*\]|#.*|[()]/g)) {
    if (found === '(') open++;
    else if (found === ')') open--;
    if (open > MOST_BRACKETS) {
      throw new TuttiError('invalid_schema', `The grammar has more than ${MOST_BRACKETS} brackets within each other.`, {
        param: 'response_format.grammar',
      });
    }
  }
  return grammar;
}

/** Exactly one call, in the form that the model was trained on. */
function callRule(builder: GrammarBuilder, tools: readonly ToolDefinition[], format: CallFormat): string {
  if (format === 'gemma') return builder.oneOf(tools.map((tool) => gemmaCall(builder, tool)));
  const key = format === 'llama' ? 'parameters' : 'arguments';
  const call = builder.oneOf(
    tools.map((tool) => {
      const head = builder.text(`{"name": ${JSON.stringify(tool.function.name)}, "${key}": `);
      return builder.sequence([head, parametersRule(builder, tool), builder.text('}')]);
    }),
  );
  switch (format) {
    case 'hermes':
      return builder.sequence([builder.text('<tool_call>'), '"\\n"?', call, '"\\n"?', builder.text('</tool_call>')]);
    case 'mistral':
      return builder.sequence([builder.text('[TOOL_CALLS]'), '" "?', builder.text('['), call, builder.text(']')]);
    case 'llama':
      return call;
    default:
      return format satisfies never;
  }
}

function gemmaCall(builder: GrammarBuilder, tool: ToolDefinition): string {
  const { name, parameters } = tool.function;
  return builder.sequence([
    builder.text(`<start_function_call>call:${name}`),
    builder.gemmaObject(parameters ?? {}, `tools.${name}.parameters`),
    builder.text('<end_function_call>'),
  ]);
}

/** Errors: `invalid_schema` for a tool that insists on its schema (`strict`); for others any object will do. */
function parametersRule(builder: GrammarBuilder, { function: f }: ToolDefinition): string {
  if (f.parameters === undefined) return ANY_OBJECT;
  try {
    return builder.schema({ type: 'object', ...f.parameters }, `tools.${f.name}.parameters`);
  } catch (error) {
    if (f.strict === true) throw error;
    return ANY_OBJECT; // what a grammar cannot hold to is left to the model, as in a call that it makes of its own accord
  }
}
