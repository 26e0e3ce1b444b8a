import type { EventType, TuttiEvent } from '../contracts/event.ts';
import { LOCAL_PRINCIPAL, type Principal } from '../contracts/principal.ts';

/** Admins see all; users what is theirs. No viewer is the process itself, which sees all. */
export function maySee(viewer: Principal | undefined, owner: string): boolean {
  return viewer === undefined || viewer.role === 'admin' || viewer.id === owner;
}

/** Whom a stored id means. Roles are not stored: what a principal may do is for its key to say on the day. */
export function storedPrincipal(id: string): Principal {
  return id === LOCAL_PRINCIPAL.id ? LOCAL_PRINCIPAL : { id, role: 'user' };
}

/** Which events someone asked for. */
export interface EventFilter {
  /** Names, or beginnings such as `run.*`. Default: all. */
  readonly types?: readonly (EventType | (string & {}))[];
  readonly viewer?: Principal;
  readonly runId?: string;
}

/** The filter as a function, made once for many events. */
export function eventMatcher({ types, viewer, runId }: EventFilter): (event: TuttiEvent) => boolean {
  const all = types === undefined || types.length === 0 || types.includes('*');
  const exact = new Set<string>(types);
  const beginnings = (types ?? []).filter((type) => type.endsWith('.*')).map((type) => type.slice(0, -1));
  return (event) => {
    if (event.principal !== null && !maySee(viewer, event.principal)) return false;
    if (runId !== undefined && event.runId !== runId) return false;
    return all || exact.has(event.type) || beginnings.some((beginning) => event.type.startsWith(beginning));
  };
}
