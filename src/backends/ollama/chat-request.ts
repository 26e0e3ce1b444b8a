import type { ChatInput, ChatMessage, ContentPart } from '../../contracts/chat.ts';
import type { ModelDescriptor } from '../../contracts/model.ts';
import { TuttiError } from '../../errors/error.ts';
import { asObject, parseJson, type JsonObject } from '../../lib/json-value.ts';

/**
 * The body of a streaming `/api/chat` request. Pure. Ollama cannot force a tool: a named `tool_choice` leaves only that
 * tool to choose from, `required` is left to the model.
 * Errors: `unsupported_input` for images to a model without `vision` (Ollama would ignore them) and for what is no text and no image in bytes, `unsupported_parameter` for a grammar.
 */
export function chatRequest(model: ModelDescriptor, input: ChatInput, keepAlive: string | number | undefined): JsonObject {
  const { options: extraOptions, ...extra } = input.extra ?? {};
  const tools = chosenTools(input);
  const format = formatOf(input, model);
  const think = thinkOf(input, model);
  return {
    ...extra,
    model: model.name,
    messages: messagesOf(input.messages, model),
    stream: true,
    ...(tools.length > 0 && { tools }),
    ...(format !== undefined && { format }),
    ...(think !== undefined && { think }),
    ...(keepAlive !== undefined && { keep_alive: keepAlive }),
    ...(input.logprobs && { logprobs: true, ...(input.top_logprobs != null && { top_logprobs: input.top_logprobs }) }),
    options: { ...optionsOf(input, model), ...asObject(extraOptions) },
  };
}

/** Ollama's names for the settings, and for how the model is loaded. */
function optionsOf(input: ChatInput, { load }: ModelDescriptor): JsonObject {
  const options = {
    temperature: input.temperature,
    top_p: input.top_p,
    top_k: input.top_k,
    min_p: input.min_p,
    num_predict: input.max_completion_tokens ?? input.max_tokens,
    stop: input.stop == null ? null : [input.stop].flat(),
    seed: input.seed,
    presence_penalty: input.presence_penalty,
    frequency_penalty: input.frequency_penalty,
    num_ctx: load?.contextSize,
    num_gpu: typeof load?.gpuLayers === 'number' ? load.gpuLayers : load?.device === 'cpu' ? 0 : null,
    num_thread: load?.threads,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value != null));
}

function chosenTools({ tools, tool_choice: choice }: ChatInput): readonly unknown[] {
  if (choice === 'none' || !tools) return [];
  return typeof choice === 'object' && choice !== null
    ? tools.filter((tool) => tool.function.name === choice.function.name)
    : tools;
}

function formatOf({ response_format: format }: ChatInput, { id }: ModelDescriptor): unknown {
  switch (format?.type) {
    case 'json_object':
      return 'json';
    case 'json_schema':
      return format.json_schema.schema;
    case 'grammar':
      throw new TuttiError('unsupported_parameter', `${id} cannot be constrained to a grammar. Use a JSON schema.`, {
        param: 'response_format',
      });
    default:
      return undefined;
  }
}

/** gpt-oss takes a level, other models yes or no; models that do not think refuse both. */
function thinkOf({ reasoning_effort: effort }: ChatInput, model: ModelDescriptor): string | boolean | undefined {
  if (effort == null || !model.capabilities.includes('reasoning')) return undefined;
  if (effort === 'none') return false;
  return model.name.includes('gpt-oss') && ['low', 'medium', 'high'].includes(effort) ? effort : true;
}

function messagesOf(messages: readonly ChatMessage[], model: ModelDescriptor): unknown[] {
  const toolNames = new Map<string, string>();
  return messages.map((message, index) => {
    switch (message.role) {
      case 'system':
      case 'developer':
        return { role: 'system', ...contentOf(message.content, { index, model }) };
      case 'user':
        return { role: 'user', ...contentOf(message.content, { index, model }) };
      case 'tool': {
        const name = toolNames.get(message.tool_call_id);
        return { role: 'tool', ...contentOf(message.content, { index, model }), ...(name !== undefined && { tool_name: name }) };
      }
      case 'assistant': {
        for (const call of message.tool_calls ?? []) toolNames.set(call.id, call.function.name);
        const calls = message.tool_calls?.map(({ function: fn }) => ({
          function: { name: fn.name, arguments: argumentsOf(fn.arguments) },
        }));
        return {
          role: 'assistant',
          ...contentOf(message.content ?? '', { index, model }),
          ...(message.reasoning_content && { thinking: message.reasoning_content }),
          ...(calls?.length && { tool_calls: calls }),
        };
      }
      default:
        return message satisfies never;
    }
  });
}

/** Ollama wants an object; what a model wrote that is none is shown to it under a name that says so. */
function argumentsOf(text: string): JsonObject {
  return asObject(parseJson(text)) ?? (text.trim() === '' ? {} : { unparsed: text });
}

function contentOf(
  content: string | readonly ContentPart[],
  { index, model }: { index: number; model: ModelDescriptor },
): { content: string; images?: string[] } {
  if (typeof content === 'string') return { content };
  const texts: string[] = [];
  const images: string[] = [];
  for (const part of content) {
    if (part.type === 'text') texts.push(part.text);
    else if (part.type === 'refusal') texts.push(part.refusal);
    else if (part.type === 'image_url') images.push(imageBytes(part.image_url.url, index));
    else {
      throw new TuttiError('unsupported_input', `Ollama takes text and images, no ${part.type}.`, {
        param: `messages[${index}].content`,
      });
    }
  }
  if (images.length > 0 && !model.capabilities.includes('vision')) {
    throw new TuttiError('unsupported_input', `${model.id} takes no images.`, { param: `messages[${index}].content` });
  }
  return { content: texts.join('\n'), ...(images.length > 0 && { images }) };
}

function imageBytes(url: string, index: number): string {
  const base64 = /^data:[^,]*;base64,(.*)$/s.exec(url)?.[1];
  if (base64 !== undefined) return base64;
  throw new TuttiError('unsupported_input', 'Ollama takes images as bytes: send a data URL (data:image/png;base64,…).', {
    param: `messages[${index}].content`,
  });
}
