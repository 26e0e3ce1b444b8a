/** Which role comes next, when an arbiter says. */
import { readPick } from '../../answers/choice.ts';
import { contextPrompt, joinContext } from '../../answers/framing.ts';
import { forJudge } from '../../contracts/asking.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import { chatFor, type Member } from '../../contracts/member.ts';
import { questionOf, type StrategyContext } from '../../contracts/strategy.ts';
import type { Role, WorkflowConfig } from './config.ts';

/** A turn that a role had, and what came of it. */
export interface Done {
  readonly role: string;
  readonly text: string;
}

/** Where the work stands. */
export interface Progress {
  /** Those that may come next. */
  readonly roles: readonly Role[];
  readonly done: readonly Done[];
  readonly order: readonly string[];
  /** Whether there is anything to give by now. */
  readonly mayEnd: boolean;
}

/** What the arbiter needs to see of each result. */
const MAX_CHARACTERS = 600;
const FINISHED = 'done';

/**
 * The next role, or null when the work is finished. An arbiter that fails or cannot be understood is passed over: then it is the
 * first role of `order` that has not had its turn.
 */
export async function nextRole(
  context: StrategyContext<WorkflowConfig>,
  arbiter: Member,
  turn: number,
  { roles, done, order, mayEnd }: Progress,
): Promise<string | null> {
  const names = [...roles.map(({ name }) => name), ...(mayEnd ? [FINISHED] : [])];
  const byOrder = order.find((name) => !done.some(({ role }) => role === name)) ?? null;
  const prompt = nextPrompt(questionOf(context.request), names, roles, done);
  let said: string;
  try {
    const request = chatFor(forJudge(context.request.input as ChatInput, prompt), arbiter);
    const child = context.call(`next${turn}`, arbiter.model, request, { role: 'arbiter', confidence: false, optional: true });
    said = (await child.answer()).text;
  } catch (thrown) {
    const { code } = context.rethrow(thrown);
    return decide(context, byOrder, `the arbiter failed (${code}): by the order of the steps`);
  }
  const picked = readPick(said, names);
  const name = picked === null ? undefined : names[picked];
  if (name === undefined) return decide(context, byOrder, 'the arbiter names no role: by the order of the steps');
  return decide(context, name === FINISHED ? null : name, 'the arbiter’s choice');
}

function decide({ report }: StrategyContext<WorkflowConfig>, name: string | null, why: string): string | null {
  report({ type: 'decision', message: `${name === null ? 'the work is finished' : `next: ${name}`} (${why})` });
  return name;
}

function nextPrompt(question: string, names: readonly string[], roles: readonly Role[], done: readonly Done[]): string {
  const pieces = done.map(({ role, text }) => ({ source: role, text: text.slice(0, MAX_CHARACTERS) }));
  const list = names.map((name, i) => {
    const about = name === FINISHED ? 'the work is finished' : roles.find((role) => role.name === name)?.member.instructions;
    return `${i + 1}. ${name}${about === undefined ? '' : `: ${about}`}`;
  });
  const task = contextPrompt(joinContext(pieces), question);
  return `${task}\n\nDone so far: ${done.map(({ role }) => role).join(', ') || 'nothing'}\nRoles:\n${list.join('\n')}\nWhich role is next? Reply with its number.`;
}
