/** Calls that count in a budget. */
import type { ChatInput } from '../contracts/chat.ts';
import type { CallOptions, Model } from '../contracts/model.ts';
import type { Part } from '../contracts/part.ts';
import type { StrategyRequest } from '../contracts/strategy.ts';
import { costOf, type Usage } from '../contracts/usage.ts';

/** No member may write more than what is left of the budget. */
export function withinBudget({ operation, input }: StrategyRequest, { budget }: CallOptions): StrategyRequest['input'] {
  const left = budget?.tokensLeft ?? Infinity;
  if (operation !== 'chat' || left === Infinity) return input;
  const chat = input as ChatInput;
  const asked = chat.max_tokens ?? chat.max_completion_tokens ?? Infinity;
  return { ...chat, max_tokens: Math.max(1, Math.min(asked, left)) };
}

/** What the model's calls take counts in the budget of whoever called. */
export function spending(model: Model): Model {
  const { descriptor } = model;
  return {
    descriptor,
    call: (operation, input, options) => {
      const parts = model.call(operation, input, options);
      const { budget } = options;
      return budget === undefined ? parts : spent(parts, (usage) => budget.spend(usage, costOf(usage, descriptor.price)));
    },
  };
}

async function* spent(parts: AsyncIterable<Part>, spend: (usage: Usage) => void): AsyncGenerator<Part> {
  let usage: Usage | null = null;
  try {
    for await (const part of parts) {
      if (part.type === 'usage') usage = part.usage;
      yield part;
    }
  } finally {
    if (usage !== null) spend(usage);
  }
}
