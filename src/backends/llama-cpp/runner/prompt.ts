/** Messages and tools as the prompt that a model was trained on: its own Jinja template, rendered. */
import { createHash } from 'node:crypto';
import { Template } from '@huggingface/jinja';
import type { ChatMessage, ContentPart, ToolDefinition } from '../../../contracts/chat.ts';
import { TuttiError } from '../../../errors/error.ts';

export interface PromptOptions {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  readonly reasoningEffort?: string | null;
}

/** How the model writes calls, as far as its template tells. */
export type CallFormat = 'hermes' | 'mistral' | 'llama' | 'gemma';

export interface Rendered {
  readonly text: string;
  /** The prompt ends inside `<think>`. */
  readonly opensReasoning: boolean;
}

const CHATML =
  "{%- for message in messages -%}{{- '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' -}}{%- endfor -%}" +
  "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}";

export class PromptTemplate {
  readonly callFormat: CallFormat;
  /** Texts that end an answer where the model has no token for it. */
  readonly stops: readonly string[];
  readonly #template: Template;
  readonly #takesTools: boolean;
  readonly #tokens: Readonly<Record<string, string>>;

  /** `source` null: the model has no template and gets ChatML, the most common one. */
  constructor(source: string | null, tokens: Readonly<Record<string, string>>) {
    try {
      this.#template = new Template(source ?? CHATML);
    } catch (error) {
      throw new TuttiError(
        'invalid_model_file',
        `The chat template cannot be read: ${reason(error)}. Set chat_template for this model.`,
        {
          cause: error,
        },
      );
    }
    this.#tokens = tokens;
    this.#takesTools = /\btools\b/.test(source ?? '');
    this.callFormat = callFormat(source ?? '');
    this.stops = source === null ? ['<|im_end|>', '<|im_start|>'] : [];
  }

  /** `inert` makes text from outside safe; see `Vocabulary.inert`. Errors: `unsupported_input`. */
  render({ messages, tools, reasoningEffort }: PromptOptions, inert: (text: string) => string): Rendered {
    const plain = withNames(
      messages.map((message, i) => this.#message(message, i, inert)),
      messages,
    );
    const offered = tools.length > 0 && this.#takesTools;
    if (tools.length > 0 && !this.#takesTools) explainTools(plain, tools, inert);
    let text: string;
    try {
      text = this.#template.render({
        ...this.#tokens,
        messages: plain,
        ...(offered && { tools: tools.map(({ type, function: f }) => ({ type, function: f })) }),
        add_generation_prompt: true,
        ...(reasoningEffort != null && { reasoning_effort: reasoningEffort, enable_thinking: reasoningEffort !== 'none' }),
      });
    } catch (error) {
      throw new TuttiError('unsupported_input', `The model’s chat template does not take these messages: ${reason(error)}`, {
        cause: error,
        param: 'messages',
      });
    }
    return { text, opensReasoning: /<think>\s*$/.test(text) };
  }

  #message(message: ChatMessage, index: number, inert: (text: string) => string): TemplateMessage {
    const content = inert(textOf(message.content, index));
    switch (message.role) {
      case 'developer':
      case 'system':
        return { role: 'system', content };
      case 'user':
        return { role: 'user', content };
      case 'tool':
        return { role: 'tool', content, tool_call_id: this.#callId(message.tool_call_id) };
      case 'assistant':
        return {
          role: 'assistant',
          content,
          ...(typeof message.reasoning_content === 'string' && { reasoning_content: inert(message.reasoning_content) }),
          ...(message.tool_calls != null &&
            message.tool_calls.length > 0 && {
              tool_calls: message.tool_calls.map((call) => ({
                id: this.#callId(call.id),
                type: 'function',
                function: { name: call.function.name, arguments: asObject(call.function.arguments) },
              })),
            }),
        };
      default:
        return message satisfies never;
    }
  }

  /** Mistral's templates insist on ids of nine letters or digits. */
  #callId(id: string): string {
    if (this.callFormat !== 'mistral' || /^[a-zA-Z0-9]{9}$/.test(id)) return id;
    return createHash('sha256').update(id).digest('hex').slice(0, 9);
  }
}

interface TemplateMessage {
  readonly role: string;
  content: string;
  readonly name?: string;
  readonly tool_call_id?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly unknown[];
}

function callFormat(source: string): CallFormat {
  if (source.includes('<start_function_call>')) return 'gemma';
  if (source.includes('[TOOL_CALLS]')) return 'mistral';
  if (!source.includes('<tool_call>') && /<\|python_tag\|>|"parameters"/.test(source)) return 'llama';
  return 'hermes';
}

function textOf(content: string | readonly ContentPart[] | null | undefined, index: number): string {
  if (content == null) return '';
  if (typeof content === 'string') return content;
  return content.map((part, i) => partText(part, `messages[${index}].content[${i}]`)).join('');
}

const INPUT_NAME = { image_url: 'images', input_audio: 'audio', file: 'files' } as const;

function partText(part: ContentPart, param: string): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'refusal':
      return part.refusal;
    case 'image_url':
    case 'input_audio':
    case 'file':
      throw new TuttiError('unsupported_input', `This model reads text only, not ${INPUT_NAME[part.type]}.`, { param });
    default:
      return part satisfies never;
  }
}

/** Templates take arguments as an object; text that is none stays text. */
function asObject(json: string): unknown {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : json;
  } catch {
    return json; // written by a model: shown to it as it was
  }
}

/** Some templates name the function beside its result, where OpenAI's messages only have the call's id. */
function withNames(plain: TemplateMessage[], messages: readonly ChatMessage[]): TemplateMessage[] {
  const names = new Map<string, string>();
  return plain.map((message, i) => {
    const original = messages[i];
    if (original?.role === 'assistant') for (const call of original.tool_calls ?? []) names.set(call.id, call.function.name);
    const name = original?.role === 'tool' ? names.get(original.tool_call_id) : undefined;
    return name === undefined ? message : { ...message, name };
  });
}

/** For models whose template knows no tools: the form that most were trained on (Hermes), in the system message. */
function explainTools(messages: TemplateMessage[], tools: readonly ToolDefinition[], inert: (text: string) => string): void {
  const text = [
    'You may call these functions:',
    ...tools.map((tool) => inert(JSON.stringify(tool.function))),
    'To call one, answer only with: <tool_call>{"name": "<function>", "arguments": {…}}</tool_call>',
  ].join('\n');
  const first = messages[0];
  if (first?.role === 'system') first.content += `\n\n${text}`;
  else messages.unshift({ role: 'system', content: text });
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
