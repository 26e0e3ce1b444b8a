/** From the answer of a run to a `chat.completion`. */
import type { Answer, Choice } from '../../contracts/library.ts';
import type { WireDetails } from '../wire/answer.ts';
import type { ChatCompletion } from '../wire/chat.ts';
import { toOpenaiUsage, toWireLogprobs } from './chat-chunks.ts';

export interface CompletionFacts {
  readonly id: string;
  /** Epoch seconds. */
  readonly created: number;
  readonly tutti: WireDetails | null;
}

export function toChatCompletion(answer: Answer, facts: CompletionFacts): ChatCompletion {
  return {
    id: facts.id,
    object: 'chat.completion',
    created: facts.created,
    model: answer.model,
    choices: answer.choices.map(toWireChoice),
    usage: toOpenaiUsage(answer.usage),
    ...(facts.tutti !== null && { tutti: facts.tutti }),
  };
}

function toWireChoice(choice: Choice): ChatCompletion['choices'][number] {
  const { index, text, reasoning, toolCalls, finishReason, logprobs } = choice;
  return {
    index,
    message: {
      role: 'assistant',
      content: text === '' && toolCalls.length > 0 ? null : text,
      refusal: null,
      ...(reasoning !== null && { reasoning_content: reasoning }),
      ...(toolCalls.length > 0 && {
        tool_calls: toolCalls.map((call) => ({
          id: call.id,
          type: 'function' as const,
          function: { name: call.function.name, arguments: call.function.arguments },
        })),
      }),
    },
    logprobs: logprobs === null ? null : toWireLogprobs(logprobs),
    finish_reason: finishReason,
  };
}
