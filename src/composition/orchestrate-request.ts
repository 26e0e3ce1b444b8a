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
]);
/** Names that strategies have, too: which values of them are the call's. An arbiter's own tools are names. */
const SHARED_KEYS: Readonly<Record<string, (value: unknown) => boolean>> = {
  tools: (value) => !Array.isArray(value) || value.some((tool) => typeof tool !== 'string'),
  confidence: (value) => typeof value === 'boolean',
  steps: (value) => typeof value === 'boolean',
};

function isCallKey(key: string, value: unknown): boolean {
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
  const own = Object.fromEntries(Object.entries(rest).filter(([key, value]) => !isCallKey(key, value) && value !== undefined));
  const request = Object.fromEntries(
    Object.entries(rest).filter(([key, value]) => isCallKey(key, value)),
  ) as unknown as RunRequest; // `input` is in it
  if (orchestration !== undefined) {
    if (strategy !== undefined) {
      throw new TuttiError('invalid_request', 'Give either `strategy` or `orchestration`, not both.', { param: 'orchestration' });
    }
    refuse(own, 'the orchestration has its own; give `overrides` for what one call may change');
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
