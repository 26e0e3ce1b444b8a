/** Carries a conversation on by itself until it has gone far enough. */
import type { Conversation, Reply } from './conversation.ts';
import type { FailedMember } from '../errors/members.ts';
import { isSame, type HealthProblem } from './health.ts';

export interface DialogueOptions {
  readonly question: string;
  /** How many answers there may be. */
  readonly maxTurns: number;
  /** Throws what ends the whole run; gives back why a participant failed otherwise. */
  readonly rethrow: (error: unknown) => { readonly code: string; readonly message: string };
  /** Told of each contradiction. */
  readonly onContradiction?: (problem: HealthProblem) => void;
}

/** How it went. */
export interface Dialogue {
  /** What was said, oldest first. */
  readonly replies: readonly Reply[];
  /** Why it ended, in a sentence. */
  readonly ended: string;
  readonly failures: readonly FailedMember[];
}

/**
 * Direct: everyone gets the question, the first answers, and each answer goes on to the next. Arbitrated: each in turn is
 * consulted with the question. It ends after `maxTurns`, when the arbiter stops it, when all say the same, when it repeats
 * itself or makes no progress, or when too few are left. A participant that fails is passed over from then on.
 */
export async function holdDialogue(conversation: Conversation, options: DialogueOptions): Promise<Dialogue> {
  const talk = new Talk(conversation, options);
  const ended = await (conversation.mode === 'direct' ? talk.direct() : talk.arbitrated());
  return { replies: talk.replies, ended, failures: talk.failures };
}

class Talk {
  readonly replies: Reply[] = [];
  readonly failures: FailedMember[] = [];
  readonly #conversation: Conversation;
  readonly #options: DialogueOptions;

  constructor(conversation: Conversation, options: DialogueOptions) {
    this.#conversation = conversation;
    this.#options = options;
  }

  async direct(): Promise<string> {
    const { question } = this.#options;
    for (const to of this.#conversation.participants) {
      await this.#conversation.route({ from: 'user', to, message: question, includeHistory: false });
    }
    let speaker = this.#conversation.participants[0] ?? '';
    for (;;) {
      const ended = this.#isOver();
      if (ended !== null) return ended;
      const reply = await this.#attempt(speaker, () => this.#conversation.respond(speaker));
      const next = this.#after(speaker);
      // Whoever comes next has the question before it, also when nothing was said to it.
      if (next === null) return 'Nobody is left to answer.';
      if (reply === null || reply.response.trim() === '') {
        speaker = next;
        continue;
      }
      const problem = this.#ill();
      if (problem !== null) return problem;
      if (next === speaker) return 'Nobody else is left to answer.';
      if (this.#isOver() !== null) continue;
      const routed = await this.#conversation.route({ from: speaker, to: next, message: reply.response });
      if (routed.action === 'stopped') return `The arbiter stopped it${routed.reason === undefined ? '.' : `: ${routed.reason}`}`;
      speaker = this.#isOut(routed.to) ? next : routed.to;
    }
  }

  async arbitrated(): Promise<string> {
    const { question } = this.#options;
    let speaker = this.#conversation.participants[0] ?? '';
    for (;;) {
      const ended = this.#isOver();
      if (ended !== null) return ended;
      const asked = speaker;
      await this.#attempt(asked, () => this.#conversation.consult(asked, question));
      const next = this.#after(speaker);
      if (next === null) return 'Nobody is left to answer.';
      const problem = this.#ill();
      if (problem !== null) return problem;
      speaker = next;
    }
  }

  /** The turn of one participant; null when it failed. */
  async #attempt(speaker: string, act: () => Promise<Reply>): Promise<Reply | null> {
    try {
      const reply = await act();
      if (reply.response.trim() !== '') this.replies.push(reply);
      return reply;
    } catch (error) {
      const { code, message } = this.#options.rethrow(error);
      this.failures.push({ member: speaker, code, message });
      return null;
    }
  }

  #isOver(): string | null {
    const { maxTurns } = this.#options;
    if (this.#isAgreed()) return 'All say the same.';
    if (this.#turns >= maxTurns || this.#conversation.turnsLeft === 0) return `The limit of ${maxTurns} turns is reached.`;
    return null;
  }

  /** Turns that were taken, also those without an answer: nobody may be asked without end. */
  get #turns(): number {
    return (
      this.#conversation.history.filter(({ type }) => type === 'response' || type === 'consult').length + this.failures.length
    );
  }

  /** Whether each of those who are left has spoken, and their latest answers are the same. */
  #isAgreed(): boolean {
    const left = this.#conversation.participants.filter((name) => !this.#isOut(name));
    const latest = left.map((name) => this.replies.findLast(({ model }) => model === name)?.response);
    const [first] = latest;
    return left.length > 1 && first !== undefined && latest.every((text) => text !== undefined && isSame(text, first));
  }

  #ill(): string | null {
    const { problems } = this.#conversation.health;
    for (const problem of problems) if (problem.kind === 'contradiction') this.#options.onContradiction?.(problem);
    return problems.find(({ kind }) => kind !== 'contradiction')?.message ?? null;
  }

  #isOut(name: string): boolean {
    return this.failures.some(({ member }) => member === name);
  }

  /** The next one who has not failed, the same one where it is the only one left; null when nobody is. */
  #after(speaker: string): string | null {
    const { participants } = this.#conversation;
    const at = participants.indexOf(speaker);
    const order = [...participants.slice(at + 1), ...participants.slice(0, at + 1)];
    return order.find((name) => !this.#isOut(name)) ?? null;
  }
}

/** What was said, for a model to read. */
export function transcriptOf(replies: readonly Reply[]): string {
  return replies.map(({ model, response }) => `[${model}]\n${response}`).join('\n\n');
}
