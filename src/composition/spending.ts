/** Calls that count in a budget. */
import type { ChatInput } from '../contracts/chat.ts';
import type { Budget, BudgetReservation, CallNeed, CallOptions, Model, ModelDescriptor } from '../contracts/model.ts';
import type { Operation, Operations } from '../contracts/operations.ts';
import type { Part } from '../contracts/part.ts';
import { costOf, type Usage } from '../contracts/usage.ts';
import { promptTokens } from './prompt-size.ts';

/**
 * The model, whose calls keep to the budget of whoever calls: none may write more than what is reserved for it. It was opened
 * with one `takeCall`, which is given back when the budget refuses the first of its calls: another model may fit.
 */
export function spending(model: Model): Model {
  let isCounted = false;
  const reserve = (budget: Budget, need: CallNeed): BudgetReservation => {
    try {
      return budget.reserve(need);
    } catch (error) {
      if (!isCounted) budget.giveCallBack();
      throw error;
    } finally {
      isCounted = true;
    }
  };
  return {
    descriptor: model.descriptor,
    call: (operation, input, options) => {
      const { budget } = options;
      if (budget?.isMetered !== true) return model.call(operation, input, options);
      return counted(model, { operation, input, options }, (need) => reserve(budget, need));
    },
  };
}

interface Call<O extends Operation> {
  readonly operation: O;
  readonly input: Operations[O]['input'];
  readonly options: CallOptions;
}

async function* counted<O extends Operation>(
  model: Model,
  { operation, input, options }: Call<O>,
  reserve: (need: CallNeed) => BudgetReservation,
): AsyncGenerator<Part> {
  const { descriptor } = model;
  const need = needOf(operation, input, descriptor);
  const reservation = reserve(need);
  let usage: Usage | null = null;
  let finishes = 0;
  const settle = (): void => reservation.settle(usage, usage && costOf(usage, descriptor.price));
  try {
    for await (const part of model.call(operation, limited(operation, input, need, reservation.maxTokens), options)) {
      if (part.type === 'usage') usage = part.usage;
      // Not only at the end: who reads the answer may call somebody, to mend its tool calls, before asking for what comes after it.
      if (part.type === 'finish' && ++finishes >= need.answers && usage !== null) settle();
      yield part;
    }
  } finally {
    settle();
  }
}

function needOf<O extends Operation>(operation: O, input: Operations[O]['input'], descriptor: ModelDescriptor): CallNeed {
  const chat = operation === 'chat' ? (input as ChatInput) : null;
  const { maxOutputTokens = Infinity, contextWindow = Infinity, price } = descriptor;
  return {
    promptTokens: promptTokens(operation, input),
    answers: chat === null ? 0 : (chat.n ?? 1),
    maxTokens: chat?.max_completion_tokens ?? chat?.max_tokens ?? undefined,
    mostTokens: Math.min(maxOutputTokens, contextWindow),
    price,
  };
}

/** The input with the limit of its answer, where the budget leaves less than the answer may have anyway. */
function limited<O extends Operation>(
  operation: O,
  input: Operations[O]['input'],
  { maxTokens = Infinity, mostTokens }: CallNeed,
  granted: number,
): Operations[O]['input'] {
  if (operation !== 'chat' || granted >= Math.min(maxTokens, mostTokens)) return input;
  const { max_completion_tokens: own } = input as ChatInput;
  return { ...input, ...(own == null ? { max_tokens: granted } : { max_completion_tokens: granted }) };
}
