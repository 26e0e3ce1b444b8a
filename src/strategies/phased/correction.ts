/** `on_reject: correct`: the verifier's own answer in place of one that it does not approve. */
import { agree } from '../../answers/comparing.ts';
import { jsonIn } from '../../answers/data.ts';
import { readQuestion } from '../../answers/kind.ts';
import { isVerdict } from '../../answers/verdict.ts';
import { declines } from '../../answers/wording.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import { chatFor } from '../../contracts/member.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import { asObject } from '../../lib/json-value.ts';
import { askVerifier, decide, type Case, type Check, type Checked } from './checking.ts';
import { seenBy } from './reasoning.ts';

/** The verifier's own answer where it is at least as sure of it; the author's where both come to the same, or the verifier has none. */
export async function corrected(checked: Case, check: Check): Promise<Checked> {
  const { answer } = checked.reasoned;
  const { verdict, reply } = check;
  const kept: Checked = { answer, verdict: verdict.verdict, verifier: reply.confidence };
  const own = await ownAnswer(checked, check);
  if (own === null) return kept;
  if (agree(own, answer, readQuestion(checked.task.input)) || (declines(own.text) && declines(answer.text))) {
    decide(checked, 'the verifier itself comes to the same answer');
    return { answer, verdict: verdict.verdict === 'rejected' ? 'uncertain' : 'approved', verifier: own.confidence };
  }
  const disputed = { ...kept, isDisputed: true } as const;
  const [author, verifier] = [answer.confidence?.score, own.confidence?.score];
  if (author !== undefined && (verifier === undefined || verifier < author)) {
    decide(
      checked,
      `the answer is kept: the verifier (${figure(verifier)}) is less sure of another than the author (${figure(author)})`,
    );
    return disputed;
  }
  if (!hasForm(own.text, answer.text, checked.task.input)) {
    decide(checked, 'the answer is kept: the verifier’s has not the form that is asked for');
    return disputed;
  }
  decide(checked, 'the verifier’s own answer is given');
  return { ...disputed, answer: own, verifier: own.confidence };
}

const figure = (score: number | undefined): string => score?.toFixed(2) ?? 'unknown';

/**
 * What the verifier takes for the answer. Models that state it beside a verdict are right less often than when they are asked for it alone
 * (58 against 84 of 100 of the embedded ones), so it is asked for where the two can then be compared by how sure they are.
 */
async function ownAnswer(checked: Case, { verdict, reply }: Check): Promise<ChildAnswer | null> {
  const { answer } = checked.reasoned;
  if (answer.toolCalls.length > 0) return null;
  const { correction } = verdict;
  const isStructured = asObject(jsonIn(reply.text)?.value) !== null;
  if (answer.confidence === null || (correction !== undefined && isStructured)) {
    return correction === undefined ? null : { ...reply, text: styledAs(answer.text, correction), reasoning: null };
  }
  const own = await solve(checked);
  if (own === null || own.text.trim() === '') return null;
  // One that can only judge judges again; one that declines has to be sure of that.
  const isAnswer = !isVerdict(own.text, answer.text) && (own.confidence !== null || !declines(own.text));
  return isAnswer ? own : null;
}

async function solve(checked: Case): Promise<ChildAnswer | null> {
  const { context, verifier, task } = checked;
  const {
    tools: _tools,
    tool_choice: _choice,
    logprobs: _logprobs,
    top_logprobs: _top,
    ...input
  } = seenBy(context, verifier, task);
  // Its instructions are for judging.
  const { instructions: _instructions, ...member } = verifier;
  return askVerifier(checked, 'correction', chatFor(input, member));
}

/** JSON of the same kind as the author's, where JSON is asked for. */
function hasForm(text: string, author: string, { response_format: format }: ChatInput): boolean {
  if (format?.type !== 'json_object' && format?.type !== 'json_schema') return format?.type !== 'grammar';
  const [own, other] = [jsonIn(text), jsonIn(author)];
  return own?.form === 1 && (asObject(own.value) !== null) === (asObject(other?.value) !== null);
}

/** Yes and no as the author writes them: beside a verdict they are said inside a sentence. */
function styledAs(model: string, text: string): string {
  const style = /^(y|n)(?:es|o)(\.?)$/i.exec(model.trim());
  if (style === null || !/^(?:yes|no)$/i.test(text)) return text;
  const word = text.toLowerCase();
  const isCapital = /^[YN]/.test(model.trim());
  return `${isCapital ? word.charAt(0).toUpperCase() + word.slice(1) : word}${style[2] ?? ''}`;
}
