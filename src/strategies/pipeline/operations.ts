import type { Operation, Operations } from '../../contracts/operations.ts';
import type { StrategyRequest } from '../../contracts/strategy.ts';
import { chatFor, type Member } from '../../contracts/member.ts';
import type { ChatInput } from '../../contracts/chat.ts';

type InputMaker<O extends Operation> = (text: string) => Operations[O]['input'];

/** What each operation is given that a text can be given to. */
const INPUTS: { readonly [O in Operation]?: InputMaker<O> } = {
  chat: (text) => ({ messages: [{ role: 'user', content: text }] }),
  embed: (text) => ({ input: text }),
};

/** Makes an operation's input of a text; null for operations that take none. */
export function inputFor(operation: string): InputMaker<Operation> | null {
  return (INPUTS as Readonly<Record<string, InputMaker<Operation>>>)[operation] ?? null;
}

/** The call of a stage: `chat` with all that a conversation has, other operations with the text alone. */
export function callOf(operation: string, text: string, chat: ChatInput, member: Member): StrategyRequest {
  if (operation === 'chat') return chatFor(chat, member);
  const input = inputFor(operation);
  // Stages of other operations were refused with the config.
  return input === null ? chatFor(chat, member) : { operation: operation as Operation, input: input(text) };
}
