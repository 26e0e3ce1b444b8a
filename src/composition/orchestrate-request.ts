/** From what a caller of `orchestrate` writes to an ordinary call, and the orchestration that it brings. */
import type { InlineOrchestration, OrchestrateRequest, RunRequest } from '../contracts/library.ts';
import { POLICIES, type Policy } from '../contracts/policy.ts';
import { TuttiError } from '../errors/error.ts';

/** The keys of a call; all others belong to the strategy. `capability` is the strategy's where there is one. */
const CALL_KEYS: ReadonlySet<string> = new Set<keyof RunRequest>([
  'input',
  'parameters',
  'toolChoice',
  'responseFormat',
  'backend',
  'priority',
  'signal',
  'timeout',
  'principal',
  'metadata',
  'complexity',
  'requiresSpeed',
  'requestedBy',
  'overrides',
  'images',
  'availableTools',
  'webSearchQuery',
  'workflow',
]);
/** What a call may change of a configured orchestration; beside a strategy these are the strategy's own. */
const CHANGED_KEYS: ReadonlySet<string> = new Set<keyof RunRequest>(['members', 'timeouts', 'budget']);
/** Names that strategies have, too: which values of them are the call's. An arbiter's own tools are names. */
const SHARED_KEYS: Readonly<Record<string, (value: unknown) => boolean>> = {
  tools: (value) => !Array.isArray(value) || value.some((tool) => typeof tool !== 'string'),
  confidence: (value) => typeof value === 'boolean',
  steps: (value) => typeof value === 'boolean',
  context: (value) => typeof value === 'string',
  verification: (value) => typeof value === 'boolean',
};

function isCallKey(key: string, value: unknown, isNamed: boolean): boolean {
  if (isNamed && CHANGED_KEYS.has(key)) return true;
  return Object.hasOwn(SHARED_KEYS, key) ? (SHARED_KEYS[key]?.(value) ?? false) : CALL_KEYS.has(key);
}

export interface OrchestrateCall {
  readonly request: RunRequest;
  /** null: the request names a model or orchestration, or a policy chooses one. */
  readonly orchestration: InlineOrchestration | null;
}

/** Errors: `invalid_request` when neither a strategy nor an orchestration is named, or both. */
export function toOrchestrateCall(given: OrchestrateRequest): OrchestrateCall {
  const { strategy, orchestration, ...rest } = given;
  const isCalls = ([key, value]: [string, unknown]): boolean => isCallKey(key, value, orchestration !== undefined);
  const own = Object.fromEntries(Object.entries(rest).filter((entry) => !isCalls(entry) && entry[1] !== undefined));
  const request = Object.fromEntries(Object.entries(rest).filter(isCalls)) as unknown as RunRequest; // `input` is in it
  if (orchestration !== undefined) {
    if (strategy !== undefined) {
      throw new TuttiError('invalid_request', 'Give either `strategy` or `orchestration`, not both.', { param: 'orchestration' });
    }
    refuse(own, 'the orchestration has its own');
    return { request: { ...request, model: orchestration }, orchestration: null };
  }
  if (strategy === undefined) {
    throw new TuttiError('invalid_request', 'Give `strategy`, or the name of an `orchestration`.', { param: 'strategy' });
  }
  if (!isPolicy(strategy)) return { request, orchestration: { ...own, strategy } };
  const { capability, ...others } = own;
  refuse(others, `\`${strategy}\` chooses one model for a capability`);
  return {
    request: { ...request, model: 'auto', policy: strategy, ...(typeof capability === 'string' && { capability }) },
    orchestration: null,
  };
}

function isPolicy(word: string): word is Policy {
  return (POLICIES as readonly string[]).includes(word);
}

function refuse(own: Readonly<Record<string, unknown>>, why: string): void {
  const [key] = Object.keys(own);
  if (key !== undefined) throw new TuttiError('invalid_request', `${key}: no such key here: ${why}.`, { param: key });
}
