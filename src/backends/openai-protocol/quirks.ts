/**
 * The OpenAI protocol, spoken by Tutti as a client: requests, streams, model lists and errors. It is a folder beside the
 * backends and not one of them, because two of them (`openai-compatible`, `process`) speak it and backends never import
 * each other. Pure conversions here; bytes come through `../upstream/`.
 * @module
 */

/** How a server's dialect differs from OpenAI's. All keys are optional: the default is what most compatible servers take. */
export interface Quirks {
  /** The field for the limit of the answer. Default `max_tokens`. */
  readonly maxTokensField?: 'max_tokens' | 'max_completion_tokens';
  /** Sent as the limit when the call gives none, for servers that require one or default to very few. */
  readonly defaultMaxTokens?: number;
  /** Whether `stream_options: {include_usage: true}` may be sent. Default true. */
  readonly streamOptions?: boolean;
  /** Settings that the server refuses or ignores: they are left out, as they are wishes and not part of the question. */
  readonly leaveOut?: readonly string[];
  /** The same for some of its models: those whose name, without the maker's prefix, the pattern fits. */
  readonly leaveOutFor?: readonly { readonly models: RegExp; readonly settings: readonly string[] }[];
  /** Whether `logprobs` is a number, how many alternatives are wanted, instead of true. Default false. */
  readonly logprobsAsCount?: boolean;
  /** Fields of messages that the server refuses. */
  readonly leaveOutOfMessages?: readonly string[];
  /** Settings under another name: `{ seed: 'random_seed' }`. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Whether it knows the role `developer`. Default false: sent as `system`. */
  readonly developerRole?: boolean;
  /** What becomes of an earlier answer's reasoning: the field it is sent back in, or null to leave it out. Default null. */
  readonly reasoningField?: string | null;
  /** The field that takes a GBNF grammar; null: none. Default null. */
  readonly grammarField?: string | null;
  /** Whether `n` choices come from one call. Default false: Tutti makes n calls. */
  readonly nativeChoices?: boolean;
  /** Sent with every chat request, below what the call gives. */
  readonly fixed?: Readonly<Record<string, unknown>>;
  /** Path of the model list, from the base URL; null: the server has none. Default `/models`. */
  readonly modelsPath?: string | null;
}
