/**
 * Members that were made bad: they know the answers and mostly say another one, with great confidence, and half of the time
 * two of them say the same wrong thing. A vote must not fall for them.
 */
import { createHash } from 'node:crypto';
import type { BackendDefinition } from '../../src/contracts/backend.ts';
import type { ChatInput, ChatMessage } from '../../src/contracts/chat.ts';
import type { EvalItem } from '../../src/eval/items.ts';
import { FakeBackend, type FakeAnswer } from '../../src/testing/index.ts';
import { z } from 'zod';

/** How often a liar lies. */
export const LIE_SHARE = 0.85;
/** Of its lies, how many it shares with the others. */
const SHARED = 0.5;
/** Each word is said with this probability. */
const LOGPROB = Math.log(0.97);

const config = z.strictObject({});

/** The kind of backend `liars`, whose models `one` and `two` lie about the answers to these items. */
export function liarsBackend(items: readonly EvalItem[]): BackendDefinition<z.infer<typeof config>> {
  const answers = new Map(items.map(({ messages, answers: [answer = ''] }) => [lastOf(messages), answer]));
  const lie =
    (who: string) =>
    ({ messages }: ChatInput): FakeAnswer => {
      const asked = lastOf(messages);
      const text = answers.get(asked);
      const said =
        text === undefined
          ? 'What?'
          : chance(who, asked) >= LIE_SHARE
            ? text
            : wrong(text, chance(`${who}2`, asked) < SHARED ? '' : who);
      return { tokens: [{ text: said, logprob: LOGPROB }] };
    };
  return {
    type: 'liars',
    config,
    create: async (_config, { id }) =>
      new FakeBackend({
        id,
        models: Object.fromEntries(['one', 'two'].map((who) => [who, { answer: lie(who), descriptor: { parameters: 870_000 } }])),
      }),
  };
}

const lastOf = (messages: readonly ChatMessage[]): string => JSON.stringify(messages.at(-1)?.content ?? '');

/** 0 ≤ x < 1, the same for the same words. */
function chance(who: string, asked: string): number {
  return createHash('sha256').update(`${who}\n${asked}`).digest().readUInt32BE() / 2 ** 32;
}

/** Another answer of the same make: the other verdict, the next numbers, or the letters turned round. `who` makes it another one for each. */
function wrong(text: string, who: string): string {
  const step = who.length + 1;
  const turned = text.replace(/\b(yes|no)\b/i, (word) => (/^y/i.test(word) ? 'No' : 'Yes'));
  if (turned !== text) return turned;
  const other = /\d/.test(text)
    ? text.replaceAll(/\d+/g, (digits) => String(Number(digits) + step))
    : text.split('').reverse().join('') + who;
  return other === text ? `${text}${step}` : other;
}
