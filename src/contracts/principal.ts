/** On whose behalf a run is made. Every run has one. */
export interface Principal {
  /** The name of the API key, `local` for the library and the command line, `anonymous` without keys. */
  readonly id: string;
  readonly role: 'admin' | 'user';
}

/** The process itself: the library and the command line. */
export const LOCAL_PRINCIPAL: Principal = { id: 'local', role: 'admin' };

/** Who has no key: the process itself, and everybody where the server asks for none. No key may have such a name: it would see what is theirs. */
export const KEYLESS_PRINCIPALS: readonly string[] = ['local', 'anonymous'];
