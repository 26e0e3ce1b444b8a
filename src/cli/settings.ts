/** The settings of a call, from the options of `run` and `chat`. */
import { TuttiError } from '../errors/error.ts';

export interface AskOptions {
  readonly temperature?: number;
  readonly maxTokens?: number;
  readonly seed?: number;
  readonly backend?: string;
  readonly priority?: number;
  readonly logprobs?: boolean;
  readonly members?: readonly string[];
  readonly availableTools?: readonly string[];
  readonly context?: string;
  readonly webSearch?: string;
  /** Commander's `--no-verification`: true unless it was given. */
  readonly verification?: boolean;
  readonly timeoutContext?: number;
  readonly timeoutReasoning?: number;
  readonly timeoutVerification?: number;
  readonly workflow?: readonly string[];
}

/** Sampling and length, by OpenAI's names. */
export function parameters(options: AskOptions): Record<string, unknown> {
  return withoutUndefined({ temperature: options.temperature, max_tokens: options.maxTokens, seed: options.seed });
}

/** Tutti's own settings: the object `tutti` of a chat completion, and the top level of Tutti's own routes. */
export function tuttiSettings(options: AskOptions): Record<string, unknown> {
  const timeouts = withoutUndefined({
    context: options.timeoutContext,
    reasoning: options.timeoutReasoning,
    verification: options.timeoutVerification,
  });
  return withoutUndefined({
    backend: options.backend,
    priority: options.priority,
    members: options.members,
    available_tools: options.availableTools,
    context: options.context,
    web_search_query: options.webSearch,
    verification: options.verification === false ? false : undefined,
    timeouts: Object.keys(timeouts).length === 0 ? undefined : timeouts,
    workflow: options.workflow,
  });
}

/** Both, as a chat completion takes them. */
export function settings(options: AskOptions): Record<string, unknown> {
  const tutti = tuttiSettings(options);
  return { ...parameters(options), ...(Object.keys(tutti).length > 0 && { tutti }) };
}

/** `auto`, `none`, `required`, or the name of a tool. */
export function toolChoice(choice: string): unknown {
  if (choice.trim() === '')
    throw new TuttiError('invalid_request', '--tool-choice takes auto, none, required, or a tool’s name.');
  return ['auto', 'none', 'required'].includes(choice) ? choice : { type: 'function', function: { name: choice } };
}

function withoutUndefined(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
