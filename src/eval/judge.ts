/** Whether a reply is right: compared with the right answers by kind, as votes compare answers with each other. */
import type { AnswerKind, Reading } from '../answers/answer.ts';
import type { Option } from '../answers/choice.ts';
import { decideKind, readQuestion, type Question } from '../answers/kind.ts';
import { readAnswer } from '../answers/read.ts';
import { lexicalSimilarity, SAME_WORDS } from '../answers/wording.ts';
import type { Judge, Reply } from './evaluate.ts';
import type { EvalItem } from './items.ts';

/** `auto`: by what the right answer is, item by item. */
export type JudgeKind = 'auto' | AnswerKind;

/**
 * A judge for answers of a kind. An item whose right answer is to decline ("I don't know.") wants any way of declining; one
 * with `expected` wants these calls and no others, whatever the kind.
 */
export function judgeBy(kind: JudgeKind): Judge {
  return (item, reply) => {
    if (item.calls !== null) return sameCalls(item, reply);
    const question = readQuestion({ messages: [...item.messages] });
    return item.answers.some((answer) =>
      matches(reply.text, answer, kind === 'auto' ? kindOf(answer, question) : kind, question.options),
    );
  };
}

/** As a vote would compare answers that look like the right one; but what is close to a sentence in meaning is not yet right. */
function kindOf(answer: string, question: Question): AnswerKind {
  const kind = decideKind([{ text: answer }], question);
  return kind === 'semantic' ? 'exact' : kind;
}

function sameCalls({ calls }: EvalItem, { text, toolCalls }: Reply): boolean {
  const wanted = readAnswer({ text: '', toolCalls: calls ?? [] }, 'tool_call');
  const made = readAnswer({ text, toolCalls }, 'tool_call');
  // To expect no call and to be told nothing at all are both read as nothing.
  return (wanted.key ?? '') === (made.key ?? '');
}

function matches(said: string, wanted: string, kind: AnswerKind, options: readonly Option[]): boolean {
  const context = { options };
  const right = readAnswer(wanted, kind, context);
  const reading = readAnswer(said, kind, context);
  if (right.key === null) return sameAbstention(said, wanted, reading, right);
  if (reading.key === null) return false;
  if (kind === 'semantic') return lexicalSimilarity(reading.key, right.key) >= SAME_WORDS;
  return reading.key === right.key;
}

/** A right answer that cannot be read as its kind is compared as it is written. */
function sameAbstention(said: string, wanted: string, reading: Reading, right: Reading): boolean {
  if (right.key === null && right.reason === 'declined') return reading.key === null && reading.reason === 'declined';
  return readAnswer(said, 'exact').key === readAnswer(wanted, 'exact').key;
}
