/** A person's look at an answer before it is given. */
import type { Confidence } from '../contracts/confidence.ts';
import { isContent, type Part } from '../contracts/part.ts';
import { TuttiError } from '../errors/error.ts';
import type { Journal } from '../host/journal.ts';
import { reviewOf, type ReviewLimits } from '../runs/recorder.ts';
import { ROOT } from '../runs/run-tree.ts';

/** `review:` of the config. */
export interface ReviewSettings extends ReviewLimits {
  readonly ask: boolean;
}

/** By which the reply is kept. */
const STEP = `${ROOT}/review`;
const APPROVALS: ReadonlySet<string> = new Set(['ok', 'okay', 'yes', 'approve', 'approved']);

/**
 * The same parts; with `ask`, an answer that needs a review is held back until a person has approved or replaced it: the run
 * waits (`awaiting_input`, with the answer's confidence), and when it goes on, the journal has the reply.
 */
export async function* reviewed(parts: AsyncIterable<Part>, settings: ReviewSettings, journal: Journal): AsyncGenerator<Part> {
  if (!settings.ask) {
    yield* parts;
    return;
  }
  const held: Part[] = [];
  for await (const part of parts) {
    if (part.step === ROOT && (isContent(part) || part.type === 'finish')) held.push(part);
    else yield part;
  }
  const found = held.find((part) => part.type === 'finish')?.confidence ?? null;
  const score = found?.score ?? null;
  const reply = journal.reply(STEP);
  if (reviewOf(score, settings) !== 'needed' || (reply !== undefined && APPROVALS.has(reply.trim().toLowerCase()))) {
    yield* held;
    return;
  }
  if (reply !== undefined) {
    const confidence: Confidence = { score: 1, method: 'declared', calibrated: false };
    yield { type: 'text-delta', step: ROOT, choice: 0, text: reply };
    yield { type: 'finish', step: ROOT, choice: 0, reason: 'stop', confidence };
    return;
  }
  const text = held.flatMap((part) => (part.type === 'text-delta' ? [part.text] : [])).join('');
  const sure = score?.toFixed(2);
  const question = `The answer has a confidence of ${sure} only. Reply "ok" to give it as it is, or the right answer:\n\n${text}`;
  throw new TuttiError('awaiting_input', question, { details: { step: STEP, confidence: found } });
}
