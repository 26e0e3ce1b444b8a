/** What the AI SDK asks, as the input of a chat call. Pure. */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4TextPart,
  LanguageModelV4ToolResultPart,
  SharedV4Warning,
} from '@ai-sdk/provider';
import type { ChatInput, ChatMessage, ContentPart, ResponseFormat, ToolChoice, ToolDefinition } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';

/** Errors: `unsupported_input` for a file that only another provider has. */
export function chatInputOf(options: LanguageModelV4CallOptions): ChatInput {
  const { maxOutputTokens, temperature, topP, topK, presencePenalty, frequencyPenalty, seed, stopSequences, reasoning } = options;
  const tools = toolsOf(options);
  const format = formatOf(options);
  // A provider's options go through as fields that Tutti does not know: to remote models, under their own names.
  const extra = options.providerOptions?.['tutti'];
  return {
    messages: options.prompt.flatMap(messagesOf),
    ...(maxOutputTokens !== undefined && { max_tokens: maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(topK !== undefined && { top_k: topK }),
    ...(presencePenalty !== undefined && { presence_penalty: presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequency_penalty: frequencyPenalty }),
    ...(seed !== undefined && { seed }),
    ...(stopSequences !== undefined && stopSequences.length > 0 && { stop: stopSequences }),
    ...(reasoning !== undefined && reasoning !== 'provider-default' && { reasoning_effort: reasoning }),
    ...(tools.length > 0 && { tools, tool_choice: toolChoiceOf(options) }),
    ...(format !== null && { response_format: format }),
    ...(extra !== undefined && { extra }),
  };
}

/** What of it no model here does. */
export function warningsOf({ tools = [] }: LanguageModelV4CallOptions): SharedV4Warning[] {
  return tools
    .filter((tool) => tool.type === 'provider')
    .map(({ id }) => ({ type: 'unsupported', feature: `the provider's tool ${id}` }));
}

function toolsOf({ tools = [] }: LanguageModelV4CallOptions): ToolDefinition[] {
  return tools
    .filter((tool) => tool.type === 'function')
    .map(({ name, description, inputSchema, strict }) => ({
      type: 'function',
      function: {
        name,
        ...(description !== undefined && { description }),
        parameters: inputSchema as Record<string, unknown>,
        ...(strict !== undefined && { strict }),
      },
    }));
}

function toolChoiceOf({ toolChoice }: LanguageModelV4CallOptions): ToolChoice {
  if (toolChoice === undefined) return 'auto';
  return toolChoice.type === 'tool' ? { type: 'function', function: { name: toolChoice.toolName } } : toolChoice.type;
}

function formatOf({ responseFormat }: LanguageModelV4CallOptions): ResponseFormat | null {
  if (responseFormat?.type !== 'json') return null;
  const { schema, name = 'answer' } = responseFormat;
  if (schema === undefined) return { type: 'json_object' };
  return { type: 'json_schema', json_schema: { name, schema: schema as Record<string, unknown> } };
}

function messagesOf(message: LanguageModelV4Message): ChatMessage[] {
  switch (message.role) {
    case 'system':
      return [{ role: 'system', content: message.content }];
    case 'user':
      return [{ role: 'user', content: message.content.map(userPart) }];
    case 'assistant': {
      const texts = message.content.flatMap((part) => (part.type === 'text' ? part.text : []));
      const thoughts = message.content.flatMap((part) => (part.type === 'reasoning' ? part.text : []));
      const calls = message.content.flatMap((part) => (part.type === 'tool-call' && part.providerExecuted !== true ? part : []));
      return [
        {
          role: 'assistant',
          content: texts.length === 0 && calls.length > 0 ? null : texts.join(''),
          ...(thoughts.length > 0 && { reasoning_content: thoughts.join('') }),
          ...(calls.length > 0 && {
            tool_calls: calls.map(({ toolCallId, toolName, input }) => ({
              id: toolCallId,
              type: 'function' as const,
              function: { name: toolName, arguments: typeof input === 'string' ? input : JSON.stringify(input) },
            })),
          }),
        },
      ];
    }
    case 'tool':
      return message.content.flatMap((part): ChatMessage[] =>
        part.type === 'tool-result' ? [{ role: 'tool', tool_call_id: part.toolCallId, content: resultText(part) }] : [],
      );
    default:
      return message satisfies never;
  }
}

function userPart(part: LanguageModelV4TextPart | LanguageModelV4FilePart): ContentPart {
  return part.type === 'text' ? { type: 'text', text: part.text } : filePart(part);
}

function filePart({ mediaType, data, filename }: LanguageModelV4FilePart): ContentPart {
  if (data.type === 'text') return { type: 'text', text: data.text };
  if (data.type === 'reference') {
    throw new TuttiError('unsupported_input', 'A file that another provider keeps cannot be read. Send its bytes.', {
      param: 'prompt',
    });
  }
  const [kind] = mediaType.split('/');
  const source = data.type === 'url' ? data.url.href : toBase64(data.data);
  const url = data.type === 'url' ? source : `data:${mediaType};base64,${source}`;
  if (kind === 'image') return { type: 'image_url', image_url: { url } };
  if (kind === 'audio' && data.type === 'data') {
    const format = /mpeg|mp3/.test(mediaType) ? 'mp3' : mediaType.replace(/^audio\/(x-)?/, '');
    return { type: 'input_audio', input_audio: { data: source, format } };
  }
  return { type: 'file', file: { file_data: url, ...(filename !== undefined && { filename }) } };
}

function toBase64(data: Uint8Array | string): string {
  return typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}

function resultText({ output }: LanguageModelV4ToolResultPart): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'json':
    case 'error-json':
      return JSON.stringify(output.value);
    case 'execution-denied':
      return output.reason ?? 'The user did not allow this call.';
    case 'content':
      return output.value.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n');
    default:
      return output satisfies never;
  }
}
