/**
 * Failure assistance at work: when a member has failed for good, what the diagnosis advises is carried out.
 *
 *  1. `retry_with_changes`: the same again, after a wait, shorter, with a hint, or at another model
 *  2. `alternative_approach`: again with another approach, at another model where there is one
 *  3. `request_user_input`: the run waits for a person, whose reply goes with the request; not where the strategy goes on without
 *     the member
 *  4. `rollback`, `change_phase`: the strategy's affair; the error carries the advice (`details.advice`)
 *
 * What was said already is never taken back: a member that fails after that is not helped. Each intervention is a decision of
 * the run; `failures.max_interventions` limits them.
 */
import type { Diagnosis, FailureArguments } from '../arbiter/first-aid.ts';
import { fitMessages, messageTokens } from '../arbiter/context-fit.ts';
import type { ChatInput, ChatMessage } from '../contracts/chat.ts';
import type { Clock } from '../contracts/clock.ts';
import { isContent, type Part } from '../contracts/part.ts';
import type { StrategyRequest } from '../contracts/strategy.ts';
import type { StepPath } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { deferred } from '../lib/deferred.ts';

export interface Assistance {
  readonly step: StepPath;
  readonly target: string;
  readonly request: StrategyRequest;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Whether a person may be asked. */
  readonly mayAsk: boolean;
  /** Whether another intervention is allowed; counts it. */
  allowed(): boolean;
  diagnose(error: TuttiError, recentActions: readonly string[]): Promise<Diagnosis>;
  /** Calls at a step below. `besides`: not that model. */
  call(step: StepPath, target: string, request: StrategyRequest): AsyncIterable<Part>;
  /** The best other model for the kind of work; null when there is none. */
  another(): string | null;
  /** A person's reply to the question; throws `awaiting_input` while there is none. */
  askUser(step: StepPath, question: string): string;
  decided(message: string, diagnosis: Diagnosis): void;
  /** Another model is asked in place of the one that failed. */
  fellBack(from: string, to: string, error: TuttiError): void;
}

/** A longer wait is not for a request that somebody waits for. Seconds. */
const LONGEST_WAIT = 30;
/** Errors that end the run, or say that enough was tried. */
const BEYOND_HELP: ReadonlySet<string> = new Set([
  'cancelled',
  'awaiting_input',
  'deadline_exceeded',
  'run_budget_exceeded',
  'member_timeout',
]);

/** The parts of the first call, or of those that help it. */
export async function* assisted(first: AsyncIterable<Part>, help: Assistance): AsyncGenerator<Part> {
  const actions: string[] = [];
  let parts = first;
  let { request, target } = help;
  for (let number = 1; ; number++) {
    let said = false;
    try {
      for await (const part of parts) {
        said ||= part.step === help.step && isContent(part);
        yield part;
      }
      return;
    } catch (thrown) {
      const error = TuttiError.from(thrown, 'backend_error');
      if (said || help.signal.aborted || BEYOND_HELP.has(error.code) || request.operation !== 'chat' || !help.allowed())
        throw error;
      const diagnosis = await help.diagnose(error, actions);
      const { action, arguments: advice } = diagnosis;
      actions.push(`${action}: ${error.message}`);
      const isPassedOver = action === 'request_user_input' && !help.mayAsk;
      const what = isPassedOver ? `${action}, but it goes on without` : action;
      help.decided(`${help.target} failed (${error.code}): ${what}`, diagnosis);
      if (isPassedOver) throw error;
      const step = `${help.step}/help${number}`;
      const failed = target;
      switch (action) {
        case 'retry_with_changes':
          await pause(Math.min(advice.delay_seconds ?? 0, LONGEST_WAIT) * 1000, help);
          request = changed(request, advice);
          if (advice.other_model === true) target = help.another() ?? target;
          break;
        case 'alternative_approach':
          request = changed(request, { changes: advice.approach ?? advice.changes });
          target = help.another() ?? target;
          break;
        case 'request_user_input':
          request = changed(request, { changes: `The user says: ${help.askUser(step, advice.question ?? error.message)}` });
          break;
        case 'rollback':
        case 'change_phase':
          throw error.with({ advice: { action, phase: diagnosis.changePhase ?? advice.to ?? null, cause: diagnosis.cause } });
        default:
          action satisfies never;
      }
      if (target !== failed) help.fellBack(failed, target, error);
      parts = relabelled(help.call(step, target, request), step, help.step);
    }
  }
}

async function* relabelled(parts: AsyncIterable<Part>, from: StepPath, to: StepPath): AsyncGenerator<Part> {
  for await (const part of parts) {
    yield part.step === from && (isContent(part) || part.type === 'finish') ? { ...part, step: to } : part;
  }
}

async function pause(ms: number, { clock, signal }: Assistance): Promise<void> {
  if (ms <= 0) return;
  const over = deferred();
  const stop = (): void => over.reject(signal.reason);
  using _timer = clock.after(ms, () => over.resolve());
  signal.addEventListener('abort', stop, { once: true });
  try {
    await over.promise;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The request with the hint at its end, and half as long when it is to be shorter. */
function changed(
  { operation, input }: StrategyRequest,
  { changes, shorten }: Pick<FailureArguments, 'changes' | 'shorten'>,
): StrategyRequest {
  const chat = input as ChatInput;
  let messages: readonly ChatMessage[] = chat.messages;
  if (shorten === true) {
    const tokens = messages.reduce((sum, message) => sum + messageTokens(message), 0);
    messages = fitMessages(messages, { maxTokens: Math.ceil(tokens / 2) });
  }
  if (changes !== undefined && changes !== '') messages = hinted(messages, changes);
  return { operation, input: { ...chat, messages: [...messages] } };
}

function hinted(messages: readonly ChatMessage[], hint: string): ChatMessage[] {
  const at = messages.findLastIndex(({ role }) => role === 'user');
  return messages.map((message, i): ChatMessage => {
    if (i !== at || message.role !== 'user') return message;
    const { content } = message;
    const note = `\n\n${hint}`;
    return typeof content === 'string'
      ? { ...message, content: content + note }
      : { ...message, content: [...content, { type: 'text', text: hint }] };
  });
}
