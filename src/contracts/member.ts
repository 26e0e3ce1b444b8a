/** A member of an orchestration: a model's id, or the model with settings of its own. One model may be a member several times. */
import { z } from 'zod';
import { chatSettings, type ChatInput, type ChatMessage } from './chat.ts';
import type { StrategyRequest } from './strategy.ts';

/** Settings that a member, stage or role may have of its own. */
export const memberSettings = chatSettings.pick({
  temperature: true,
  top_p: true,
  top_k: true,
  min_p: true,
  max_tokens: true,
  seed: true,
  stop: true,
  reasoning_effort: true,
});

/** Schema of `Member`: an id, or an object with settings. */
export const memberConfig = z
  .union([
    z.string().min(1),
    memberSettings
      .extend({
        /** An id, alias, orchestration or capability. */
        model: z.string().min(1),
        /** Put before the conversation as a system message. */
        instructions: z.string().min(1).optional(),
        /** What this member is called in traces and results. Default: the model's name, numbered when it occurs twice. */
        name: z.string().min(1).optional(),
        /** Ids, aliases or orchestrations that it may ask while it answers: each is a tool `consult_<name>` for it. */
        consult: z.array(z.string().min(1)).min(1).optional(),
      })
      .strict(),
  ])
  .transform((value) => (typeof value === 'string' ? { model: value } : value));

/** A member of an orchestration, with its own settings. */
export type Member = z.infer<typeof memberConfig> & {
  readonly instructions?: string;
  readonly name?: string;
  readonly consult?: readonly string[];
};

/** The member's own settings over the request's, and its instructions before the conversation. */
export function inputForMember(input: ChatInput, member: Member): ChatInput {
  const { model: _model, instructions, name: _name, consult: _consult, ...own } = member;
  const set = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined && value !== null));
  const result: ChatInput = { ...input, ...set };
  return instructions === undefined ? result : { ...result, messages: withInstructions(input.messages, instructions) };
}

/** Joined with a system message that is already there: many chat templates take one only, and only at the start. */
function withInstructions(messages: readonly ChatMessage[], instructions: string): ChatMessage[] {
  const [first, ...rest] = messages;
  if (first?.role === 'system' && typeof first.content === 'string') {
    return [{ ...first, content: `${instructions}\n\n${first.content}` }, ...rest];
  }
  return [{ role: 'system', content: instructions }, ...messages];
}

/** Step keys of members: the name or the model's, made unique by a number from the second on. */
export function memberKeys(members: readonly Member[]): string[] {
  const used = new Map<string, number>();
  return members.map((member) => {
    const base = member.name ?? member.model;
    const count = (used.get(base) ?? 0) + 1;
    used.set(base, count);
    return count === 1 ? base : `${base}#${count}`;
  });
}

/** The request as the member gets it: with its settings and instructions. Operations other than `chat` have none. */
export function requestFor(request: StrategyRequest, member: Member): StrategyRequest {
  return request.operation === 'chat' ? chatFor(request.input as ChatInput, member) : request;
}

/** A chat call of the member. */
export function chatFor(input: ChatInput, member: Member): StrategyRequest<'chat'> {
  const { consult } = member;
  return { operation: 'chat', input: inputForMember(input, member), ...(consult !== undefined && { consult }) };
}

/** Whatever the members call: for `StrategyDescription.members`. */
export function targetsOf(members: readonly Member[]): string[] {
  return members.flatMap(({ model, consult = [] }) => [model, ...consult]);
}

/**
 * The members that take part: all, or those that the call names (by name or model), in the order of the call. Names of
 * nobody were refused before the run.
 */
export function takingPart<M extends Member>(members: readonly M[], named: readonly string[] | undefined): readonly M[] {
  if (named === undefined) return members;
  return named.flatMap((name) => members.filter((member) => member.name === name || member.model === name));
}

/** The names by which a call may choose among these members, for `StrategyDescription.names`. */
export function namesOf(members: readonly Member[]): string[] {
  return members.flatMap(({ name }) => name ?? []);
}
