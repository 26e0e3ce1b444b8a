/** Who asks: from the Authorization header to a principal. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Principal } from '../../contracts/principal.ts';
import { TuttiError } from '../../errors/error.ts';
import type { ApiKey } from '../schema.ts';

export interface Caller {
  readonly principal: Principal;
  /** The key that was sent; null without keys. */
  readonly key: ApiKey | null;
}

/** Everybody, where no keys are configured: only this machine can reach the server then. */
const ANYBODY: Caller = { principal: { id: 'anonymous', role: 'admin' }, key: null };

/**
 * Recognises callers. Every configured key is compared, by its digest and in constant time, so that neither a key's
 * text nor its place in the list shows in how long an answer takes.
 */
export class KeyRing {
  readonly #entries: readonly { readonly digest: Buffer; readonly caller: Caller }[];

  constructor(keys: readonly ApiKey[]) {
    this.#entries = keys.map((key) => ({
      digest: digest(key.key),
      caller: { principal: { id: key.name, role: key.role }, key },
    }));
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Throws `unauthorized` for a key that is missing or wrong. */
  recognise(authorization: string | undefined): Caller {
    if (this.isEmpty) return ANYBODY;
    const sent = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (sent === undefined) {
      throw new TuttiError('unauthorized', 'This server needs an API key: send `Authorization: Bearer <key>`.');
    }
    const sentDigest = digest(sent);
    let found: Caller | null = null;
    for (const entry of this.#entries) if (timingSafeEqual(entry.digest, sentDigest)) found = entry.caller;
    if (found === null) throw new TuttiError('unauthorized', 'The API key is not one of this server’s.');
    return found;
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
