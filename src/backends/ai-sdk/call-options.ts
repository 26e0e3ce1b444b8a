import type {
  JSONSchema7,
  LanguageModelV4CallOptions,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4TextPart,
} from '@ai-sdk/provider';
import type { ChatInput, ChatMessage, ContentPart } from '../../contracts/chat.ts';
import { TuttiError } from '../../errors/error.ts';
import { asObject, parseJson } from '../../lib/json-value.ts';
import type { AiSdkLanguageModel } from './models.ts';

/** What every version of the specification takes: they differ in how files are written, and V4 knows `reasoning`. */
export type AnyCallOptions = Parameters<AiSdkLanguageModel['doStream']>[0];

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

/**
 * A chat input as the AI SDK's call options. Pure. Unknown fields become the provider's own options; with
 * `provider_options` they can be given by provider.
 * Errors: `unsupported_parameter` for a grammar, `unsupported_input` for a file without bytes.
 */
export function callOptions(model: AiSdkLanguageModel, input: ChatInput, signal: AbortSignal): AnyCallOptions {
  const isV4 = model.specificationVersion === 'v4';
  const effort = EFFORTS.find((word) => word === input.reasoning_effort);
  const options = withoutUndefined({
    prompt: promptOf(input.messages),
    maxOutputTokens: input.max_completion_tokens ?? input.max_tokens ?? undefined,
    temperature: input.temperature ?? undefined,
    stopSequences: input.stop == null ? undefined : [input.stop].flat(),
    topP: input.top_p ?? undefined,
    topK: input.top_k ?? undefined,
    presencePenalty: input.presence_penalty ?? undefined,
    frequencyPenalty: input.frequency_penalty ?? undefined,
    seed: input.seed ?? undefined,
    responseFormat: formatOf(input),
    tools: toolsOf(input),
    toolChoice: toolChoiceOf(input),
    reasoning: isV4 ? effort : undefined,
    providerOptions: providerOptionsOf(model, input.extra),
    abortSignal: signal,
  }) as unknown as LanguageModelV4CallOptions; // withoutUndefined keeps the types of what is left
  return (isV4 ? options : { ...options, prompt: options.prompt.map(withBareFiles) }) as AnyCallOptions; // V2 and V3 differ in files only
}

function withoutUndefined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<T>;
}

function formatOf({ response_format: format }: ChatInput): LanguageModelV4CallOptions['responseFormat'] {
  switch (format?.type) {
    case 'json_object':
      return { type: 'json' };
    case 'json_schema':
      return { type: 'json', schema: format.json_schema.schema as JSONSchema7, name: format.json_schema.name };
    case 'grammar':
      throw new TuttiError('unsupported_parameter', 'An AI SDK model cannot be constrained to a grammar. Use a JSON schema.', {
        param: 'response_format',
      });
    default:
      return undefined;
  }
}

function toolsOf({ tools }: ChatInput): LanguageModelV4CallOptions['tools'] {
  if (!tools?.length) return undefined;
  return tools.map(({ function: fn }) => ({
    type: 'function',
    name: fn.name,
    ...(fn.description !== undefined && { description: fn.description }),
    inputSchema: (fn.parameters ?? { type: 'object', properties: {} }) as JSONSchema7,
    ...(fn.strict != null && { strict: fn.strict }),
  }));
}

function toolChoiceOf({ tools, tool_choice: choice }: ChatInput): LanguageModelV4CallOptions['toolChoice'] {
  if (!tools?.length || choice == null) return undefined;
  return typeof choice === 'string' ? { type: choice } : { type: 'tool', toolName: choice.function.name };
}

function providerOptionsOf(
  { provider }: AiSdkLanguageModel,
  extra: ChatInput['extra'],
): LanguageModelV4CallOptions['providerOptions'] {
  if (!extra) return undefined;
  const { provider_options: byProvider, ...rest } = extra;
  const key = provider.split('.')[0] ?? provider; // `openai.chat` takes the options of `openai`
  const own = Object.keys(rest).length > 0 ? { [key]: rest } : {};
  return { ...own, ...asObject(byProvider) } as LanguageModelV4CallOptions['providerOptions'];
}

function promptOf(messages: readonly ChatMessage[]): LanguageModelV4Prompt {
  const toolNames = new Map<string, string>();
  return messages.map((message, index): LanguageModelV4Message => {
    switch (message.role) {
      case 'system':
      case 'developer':
        return { role: 'system', content: plainText(message.content) };
      case 'user':
        return { role: 'user', content: partsOf(message.content, index) };
      case 'assistant': {
        for (const call of message.tool_calls ?? []) toolNames.set(call.id, call.function.name);
        const text = plainText(message.content ?? '');
        return {
          role: 'assistant',
          content: [
            ...(message.reasoning_content ? [{ type: 'reasoning' as const, text: message.reasoning_content }] : []),
            ...(text === '' ? [] : [{ type: 'text' as const, text }]),
            ...(message.tool_calls ?? []).map(({ id, function: fn }) => ({
              type: 'tool-call' as const,
              toolCallId: id,
              toolName: fn.name,
              input: parseJson(fn.arguments) ?? fn.arguments,
            })),
          ],
        };
      }
      case 'tool': {
        const output = { type: 'text' as const, value: plainText(message.content) };
        const toolName = toolNames.get(message.tool_call_id) ?? 'unknown';
        return { role: 'tool', content: [{ type: 'tool-result', toolCallId: message.tool_call_id, toolName, output }] };
      }
      default:
        return message satisfies never;
    }
  });
}

function plainText(content: string | readonly ContentPart[]): string {
  if (typeof content === 'string') return content;
  return content.map((part) => (part.type === 'text' ? part.text : part.type === 'refusal' ? part.refusal : '')).join('\n');
}

type UserPart = LanguageModelV4TextPart | LanguageModelV4FilePart;

function partsOf(content: string | readonly ContentPart[], index: number): UserPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return content.map((part): UserPart => {
    switch (part.type) {
      case 'text':
        return { type: 'text', text: part.text };
      case 'refusal':
        return { type: 'text', text: part.refusal };
      case 'image_url':
        return filePart(part.image_url.url, 'image/*');
      case 'input_audio':
        return {
          type: 'file',
          mediaType: `audio/${part.input_audio.format}`,
          data: { type: 'data', data: part.input_audio.data },
        };
      case 'file': {
        const { file_data: data, filename } = part.file;
        if (data === undefined) {
          throw new TuttiError('unsupported_input', 'An AI SDK model takes files as bytes: give file_data as a data URL.', {
            param: `messages[${index}].content`,
          });
        }
        return { ...filePart(data, 'application/octet-stream'), ...(filename !== undefined && { filename }) };
      }
      default:
        return part satisfies never;
    }
  });
}

/** From a data URL, an address, or bare base64. */
function filePart(source: string, mediaType: string): LanguageModelV4FilePart {
  const inline = /^data:([^;,]*)[^,]*,(.*)$/s.exec(source);
  if (inline) return { type: 'file', mediaType: inline[1] || mediaType, data: { type: 'data', data: inline[2] ?? '' } };
  if (/^https?:\/\//.test(source)) return { type: 'file', mediaType, data: { type: 'url', url: new URL(source) } };
  return { type: 'file', mediaType, data: { type: 'data', data: source } };
}

/** V2 and V3 write a file's data without saying of which kind it is. */
function withBareFiles(message: LanguageModelV4Message): unknown {
  if (message.role !== 'user') return message;
  return {
    ...message,
    content: message.content.map((part) => {
      if (part.type !== 'file') return part;
      const { data } = part;
      return { ...part, data: data.type === 'data' ? data.data : data.type === 'url' ? data.url : data };
    }),
  };
}
