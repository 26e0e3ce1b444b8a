/** What a request of the library says beside its input. Pure. */
import type { CallRequest, RunRequest } from '../contracts/library.ts';
import type { CallOverrides } from '../contracts/orchestrated.ts';

/** The names of what a call may change of the orchestration that answers it. */
const OVERRIDES = [
  'members',
  'availableTools',
  'context',
  'webSearchQuery',
  'verification',
  'timeouts',
  'workflow',
] as const satisfies readonly (keyof CallOverrides)[];
const IS_OVERRIDE: ReadonlySet<string> = new Set(OVERRIDES);
const INPUT: ReadonlySet<string> = new Set<keyof RunRequest>([
  'input',
  'images',
  'parameters',
  'tools',
  'toolChoice',
  'responseFormat',
]);

/** The call, its changes of the orchestration gathered: those at the top level go before those in `overrides`. */
export function callOf(request: RunRequest): CallRequest {
  const call: Record<string, unknown> = {};
  const changes: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(request)) {
    if (INPUT.has(key)) continue;
    if (!IS_OVERRIDE.has(key)) call[key] = value;
    else if (value !== undefined) changes[key] = value;
  }
  if (Object.keys(changes).length === 0) return call;
  return { ...call, overrides: { ...request.overrides, ...changes } };
}
