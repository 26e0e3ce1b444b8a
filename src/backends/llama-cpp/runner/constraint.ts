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
        {
          param: 'tool_choice',
        },
      );
    return callGrammar(tools, format);
  }
  const response = input.response_format;
  switch (response?.type) {
    case undefined:
    case 'text':
      return null;
    case 'grammar':
      return response.grammar;
    case 'json_object':
      return new GrammarBuilder().finish(ANY_OBJECT);
    case 'json_schema': {
      const builder = new GrammarBuilder();
      return builder.finish(builder.schema(response.json_schema.schema, 'response_format.json_schema.schema'));
    }
    default:
      return response satisfies never;
  }
}

/** Exactly one call, in the form that the model was trained on. */
function callGrammar(tools: readonly ToolDefinition[], format: CallFormat): string {
  const builder = new GrammarBuilder();
  const calls = tools.map(({ function: f }) => {
    const path = `tools.${f.name}.parameters`;
    if (format === 'gemma')
      return builder.sequence([
        builder.text(`<start_function_call>call:${f.name}`),
        builder.gemmaObject(f.parameters ?? {}, path),
        builder.text('<end_function_call>'),
      ]);
    const parameters = f.parameters === undefined ? ANY_OBJECT : builder.schema({ type: 'object', ...f.parameters }, path);
    const key = format === 'llama' ? 'parameters' : 'arguments';
    return builder.sequence([builder.text(`{"name": ${JSON.stringify(f.name)}, "${key}": `), parameters, builder.text('}')]);
  });
  const call = builder.oneOf(calls);
  switch (format) {
    case 'hermes':
      return builder.finish(
        builder.sequence([builder.text('<tool_call>'), '"\\n"?', call, '"\\n"?', builder.text('</tool_call>')]),
      );
    case 'mistral':
      return builder.finish(builder.sequence([builder.text('[TOOL_CALLS]'), '" "?', builder.text('['), call, builder.text(']')]));
    case 'llama':
    case 'gemma':
      return builder.finish(call);
    default:
      return format satisfies never;
  }
}
