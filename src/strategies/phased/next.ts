/** Which phase comes next, when an arbiter says. */
import { readPick } from '../../answers/choice.ts';
import { contextPrompt, joinContext, type ContextPiece } from '../../answers/framing.ts';
import { forJudge } from '../../contracts/asking.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import { chatFor, type Member } from '../../contracts/member.ts';
import { questionOf, type StrategyContext } from '../../contracts/strategy.ts';
import type { Phase, PhasedConfig } from './config.ts';

/** A phase, or the end: what there is is given. */
export type Choice = Phase | typeof FINISHED;

/** Where the work stands. */
export interface Progress {
  /** The turn that is to be given. */
  readonly turn: number;
  /** What may come next. */
  readonly choices: readonly Choice[];
  /** What would come next without an arbiter. */
  readonly byOrder: Choice;
  /** The phases that had their turn, in order. */
  readonly done: readonly Phase[];
  /** What has come of them. */
  readonly pieces: readonly ContextPiece[];
  /** Milliseconds that the arbiter has. */
  readonly limit: number;
}

export const FINISHED = 'done';
/** What the arbiter needs to see of each result. */
const MAX_CHARACTERS = 600;
/** The last phase asks no model: whoever wants it wants the answer that there is. */
const SYNTHESIS = /\bsynthesi[sz]/i;

const WHAT: Readonly<Record<Choice, string>> = {
  context: 'the sources are asked what is missing',
  reasoning: 'the answer is written, with what is known',
  verification: 'another model checks the answer',
  done: 'the answer is given as it is',
};

/** The arbiter's choice. One that fails or cannot be understood is passed over: then it is the order of the phases. */
export async function nextPhase(context: StrategyContext<PhasedConfig>, arbiter: Member, progress: Progress): Promise<Choice> {
  const { turn, choices, byOrder, limit } = progress;
  const request = chatFor(forJudge(context.request.input as ChatInput, promptOf(questionOf(context.request), progress)), arbiter);
  let said: string;
  try {
    const options = { role: 'arbiter', confidence: false, optional: true, timeoutMs: limit };
    said = (await context.call(`next${turn}`, arbiter.model, request, options).answer()).text;
  } catch (thrown) {
    const { code } = context.rethrow(thrown);
    return decide(context, byOrder, `the arbiter failed (${code}): by the order of the phases`);
  }
  const choice = read(said, choices);
  if (choice === null) return decide(context, byOrder, 'the arbiter names no phase that may come: by their order');
  return decide(context, choice, 'the arbiter’s choice');
}

function read(said: string, choices: readonly Choice[]): Choice | null {
  const picked = readPick(said, choices);
  if (picked !== null) return choices[picked] ?? null;
  return SYNTHESIS.test(said) && choices.includes(FINISHED) ? FINISHED : null;
}

function decide({ report }: StrategyContext<PhasedConfig>, choice: Choice, why: string): Choice {
  report({ type: 'decision', message: `${choice === FINISHED ? 'the answer is finished' : `next: ${choice}`} (${why})` });
  return choice;
}

function promptOf(question: string, { choices, done, pieces }: Progress): string {
  const shown = pieces.map(({ source, text }) => ({ source, text: text.slice(0, MAX_CHARACTERS) }));
  const list = choices.map((choice, i) => `${i + 1}. ${choice}: ${WHAT[choice]}`);
  const task = contextPrompt(joinContext(shown), question);
  return `${task}\n\nDone so far: ${done.join(', ')}\nPhases:\n${list.join('\n')}\nWhich phase is next? Reply with its number.`;
}
