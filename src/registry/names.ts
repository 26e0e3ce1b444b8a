/** Which names an orchestration or an alias may have: those that resolve to nothing else. */
import { TuttiError } from '../errors/error.ts';
import type { BackendId } from '../contracts/vocabulary.ts';
import { isKnownCapability } from '../contracts/vocabulary.ts';

/** The target that leaves the choice to the router. */
export const AUTO = 'auto';

/** The reason why an orchestration or an alias cannot have this name, or null when it can. */
export function nameProblem(
  name: string,
  backends: ReadonlySet<BackendId>,
  capabilities: (word: string) => boolean,
): string | null {
  if (name === '') return 'a name cannot be empty';
  if (name === AUTO) return '`auto` leaves the choice to the router, so nothing else can have that name';
  if (isKnownCapability(name) || capabilities(name)) return `\`${name}\` is a capability`;
  if (backends.has(name)) return `\`${name}\` is a backend`;
  const prefix = backendPrefix(name, backends);
  return prefix === null ? null : `\`${name}\` names a model of the backend \`${prefix}\``;
}

/** Errors: `config_invalid`. */
export function checkName(
  kind: 'orchestration' | 'alias',
  name: string,
  backends: ReadonlySet<BackendId>,
  capabilities: (word: string) => boolean,
): void {
  const problem = nameProblem(name, backends, capabilities);
  if (problem !== null) {
    throw new TuttiError('config_invalid', `The ${kind} \`${name}\` needs another name: ${problem}.`, { details: { name } });
  }
}

/** The configured backend that stands before the first colon, or null. */
export function backendPrefix(target: string, backends: { has(id: BackendId): boolean }): BackendId | null {
  const colon = target.indexOf(':');
  if (colon <= 0 || colon === target.length - 1) return null;
  const prefix = target.slice(0, colon);
  return backends.has(prefix) ? prefix : null;
}
