/** What is done about a failure when no model can be asked: a table by the error's code. */
import { z } from 'zod';
import { ERROR_CODES, type Code } from '../errors/codes.ts';
import { TuttiError } from '../errors/error.ts';
import { asNumber, asObject, asString } from '../lib/json-value.ts';

/** What can be done about a failure. */
export const FAILURE_ACTIONS = [
  'retry_with_changes',
  'change_phase',
  'request_user_input',
  'rollback',
  'alternative_approach',
] as const;
/**
 * `retry_with_changes`: the same again with something changed. `change_phase`: go on with another phase or role.
 * `request_user_input`: only the user can help. `rollback`: return to an earlier step. `alternative_approach`: solve it another way.
 */
export type FailureAction = (typeof FAILURE_ACTIONS)[number];

/** Schema of the arguments of an action. Those that do not concern the action are absent. */
export const failureArguments = z.object({
  /** `retry_with_changes`: what to change, in words for a model. */
  changes: z.string().optional(),
  /** `retry_with_changes`: seconds to wait before. */
  delay_seconds: z.number().min(0).max(3600).optional(),
  /** `retry_with_changes`: the input must become shorter. */
  shorten: z.boolean().optional(),
  /** `retry_with_changes`: at another model. */
  other_model: z.boolean().optional(),
  /** `change_phase`: the phase to go on with. */
  phase: z.string().optional(),
  /** `request_user_input`: what to ask. */
  question: z.string().optional(),
  /** `rollback`: the step to return to; the one before when absent. */
  to: z.string().optional(),
  /** `alternative_approach`: what to do instead, in words for a model. */
  approach: z.string().optional(),
});
/** The arguments of an action, as on the wire: they go into prompts and traces. */
export type FailureArguments = z.infer<typeof failureArguments>;

/** What to do about it. */
export interface Diagnosis {
  readonly cause: string;
  readonly action: FailureAction;
  readonly arguments: FailureArguments;
  readonly changePhase: string | null;
  readonly needsUser: boolean;
  readonly source: 'model' | 'rule';
}

/** An error, whatever it came as. */
export interface Failure {
  readonly code: Code | null;
  readonly message: string;
  readonly retryable: boolean;
  /** Seconds. */
  readonly retryAfter: number | null;
}

/** The code of an error, from its own or from what foreign messages mostly mean. */
export function failureOf(error: unknown): Failure {
  if (TuttiError.isInstance(error)) {
    return { code: error.code, message: error.message, retryable: error.retryable, retryAfter: error.retryAfter ?? null };
  }
  const object = asObject(error);
  const message = error instanceof Error ? error.message : (asString(object?.['message']) ?? String(error));
  const given = asString(object?.['code']);
  const code = given !== null && Object.hasOwn(ERROR_CODES, given) ? (given as Code) : codeOf(message); // a key of that table
  const retryAfter = asNumber(object?.['retry_after'] ?? object?.['retryAfter']);
  return { code, message, retryable: code === null || ERROR_CODES[code].retryable, retryAfter };
}

/** What foreign messages mostly mean. */
const MESSAGES: readonly (readonly [RegExp, Code])[] = [
  [/context.{0,12}(?:length|window)|too many tokens|prompt is too long/i, 'context_length_exceeded'],
  [/rate.?limit|too many requests|\b429\b|quota/i, 'upstream_rate_limited'],
  [/time.?out|timed out/i, 'upstream_timeout'],
  [/unauthori[sz]ed|invalid (?:api )?key|\b401\b/i, 'upstream_unauthorized'],
  [/forbidden|permission|not allowed|\b403\b/i, 'forbidden'],
  [/ECONN|ENOTFOUND|unreachable|network/i, 'upstream_unreachable'],
  [/out of memory|\bOOM\b/i, 'out_of_memory'],
];

function codeOf(message: string): Code | null {
  return MESSAGES.find(([pattern]) => pattern.test(message))?.[1] ?? null;
}

type FirstAid = { readonly action: FailureAction; readonly arguments: FailureArguments };

const retry = (changes: string, more: FailureArguments = {}): FirstAid => ({
  action: 'retry_with_changes',
  arguments: { changes, ...more },
});
const askUser = (question: string): FirstAid => ({ action: 'request_user_input', arguments: { question } });
const otherwise = (approach: string): FirstAid => ({ action: 'alternative_approach', arguments: { approach } });
const later = retry('Wait, then try the same again.', { delay_seconds: 5 });
const elsewhere = retry('Try the same at another model.', { other_model: true });
const shorter = retry('Shorten the input: leave out what the question does not need.', { shorten: true });
const plainer = retry('Leave out the setting or field that the message names.');
const accessNeeded = askUser('Access was refused. Which key, permission or file is to be used?');
const limitReached = askUser('A limit of money, calls or time is reached. May it go on, and how far?');

/** What is done without a model, by the error's code. For codes that are not here: retry once if that can help, else another way. */
export const FIRST_AID: Readonly<Partial<Record<Code, FirstAid>>> = {
  rate_limited: later,
  upstream_rate_limited: later,
  queue_timeout: later,
  storage_unavailable: later,
  upstream_timeout: elsewhere,
  upstream_unreachable: elsewhere,
  upstream_error: elsewhere,
  upstream_invalid: elsewhere,
  stream_truncated: elsewhere,
  backend_error: elsewhere,
  runner_crashed: elsewhere,
  load_failed: elsewhere,
  invalid_model_file: elsewhere,
  out_of_memory: elsewhere,
  model_too_large: elsewhere,
  member_timeout: elsewhere,
  context_length_exceeded: shorter,
  body_too_large: shorter,
  unsupported_parameter: plainer,
  invalid_request: plainer,
  invalid_schema: plainer,
  upstream_rejected: plainer,
  unsupported_input: otherwise('Describe the input in text first, or use a model that takes it.'),
  no_model_for_capability: otherwise('Solve it with the models that there are.'),
  model_not_found: otherwise('Use another model.'),
  unknown_backend: otherwise('Use another backend.'),
  all_models_failed: otherwise('Split the task into smaller ones, or answer with what is known so far.'),
  all_members_failed: otherwise('Split the task into smaller ones, or answer with what is known so far.'),
  no_consensus: otherwise('Let one model decide between the answers.'),
  orchestration_loop: { action: 'rollback', arguments: {} },
  unauthorized: accessNeeded,
  upstream_unauthorized: accessNeeded,
  forbidden: accessNeeded,
  file_not_allowed: accessNeeded,
  file_not_found: accessNeeded,
  no_local_model: askUser('Only local models are allowed and none fits. May a remote one be used?'),
  feature_disabled: askUser('The config switches this off. Should it be allowed?'),
  budget_exceeded: limitReached,
  run_budget_exceeded: limitReached,
  deadline_exceeded: limitReached,
  cancelled: askUser('The work was stopped. Should it go on?'),
};

/** How often the same remedy is tried before another one. */
const MOST_RETRIES = 2;

/** The table's advice. A retry that has been tried twice becomes another approach. */
export function firstAid(failure: Failure, recentActions: readonly string[] = []): Diagnosis {
  const { code, message, retryable, retryAfter } = failure;
  const aid = (code === null ? undefined : FIRST_AID[code]) ?? (retryable ? elsewhere : otherwise('Solve it another way.'));
  const tried = recentActions.filter((action) => action.includes('retry_with_changes')).length;
  const cause = code === null ? message : `${message} (${code})`;
  if (aid.action === 'retry_with_changes' && tried >= MOST_RETRIES) {
    return diagnosis(cause, 'alternative_approach', { approach: 'Trying again did not help. Solve it another way.' }, 'rule');
  }
  const given =
    aid === later && retryAfter !== null ? { ...aid.arguments, delay_seconds: Math.min(retryAfter, 3600) } : aid.arguments;
  return diagnosis(cause, aid.action, given, 'rule');
}

/** A diagnosis, with what follows from the action. */
export function diagnosis(cause: string, action: FailureAction, given: FailureArguments, source: 'model' | 'rule'): Diagnosis {
  return {
    cause,
    action,
    arguments: given,
    changePhase: action === 'change_phase' ? (given.phase ?? null) : null,
    needsUser: action === 'request_user_input',
    source,
  };
}
