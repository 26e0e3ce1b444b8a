import { asArray, asNumber, asObject, asString, type JsonObject } from '../../lib/json-value.ts';

/** What a tool-call delta adds, before it has its step and choice. */
export interface CallDelta {
  readonly index: number;
  readonly id?: string;
  readonly name?: string;
  readonly arguments?: string;
}

interface CallDraft {
  readonly wireIndex: number | null;
  id: string;
  name: string;
  /** Arguments that came before the name. */
  held: string;
  begun: boolean;
}

/**
 * Puts the tool-call deltas of one choice in order. Servers leave out the index, send every call with index 0, repeat id
 * and name in each delta, or give no id at all; what comes out always begins with id and name and has running indexes.
 */
export class ToolCallReader {
  readonly #calls: CallDraft[] = [];
  readonly #newId: () => string;

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** How many calls have begun. */
  get count(): number {
    return this.#calls.length;
  }

  /** The first call that never got a name, as −1 or its index. */
  get unnamed(): number {
    return this.#calls.findIndex((call) => !call.begun);
  }

  read(value: unknown): CallDelta[] {
    return asArray(value).flatMap((entry) => {
      const wire = asObject(entry);
      return wire ? (this.#readOne(wire) ?? []) : [];
    });
  }

  #readOne(wire: JsonObject): CallDelta | null {
    const fn = asObject(wire['function']) ?? wire;
    const id = asString(wire['id']) ?? '';
    const name = asString(fn['name']) ?? '';
    const args = argumentsText(fn['arguments']);
    const index = this.#indexOf({ wireIndex: asNumber(wire['index']), id, name });
    const call = this.#calls[index]!; // #indexOf made it
    if (call.begun) return args === '' ? null : { index, arguments: args };
    call.id ||= id;
    call.name ||= name;
    if (call.name === '') {
      call.held += args;
      return null;
    }
    call.begun = true;
    call.id ||= this.#newId();
    return { index, id: call.id, name: call.name, arguments: call.held + args };
  }

  /** Which call a delta belongs to; a new one is made when it fits none. */
  #indexOf({ wireIndex, id, name }: { wireIndex: number | null; id: string; name: string }): number {
    // Only a delta with a name can begin a call; some servers send a new id with every delta of the same call.
    const sameCall = (call: CallDraft): boolean =>
      (wireIndex === null || call.wireIndex === wireIndex) && (name === '' || id === '' || call.id === '' || call.id === id);
    const found = this.#calls.findLastIndex(sameCall);
    // Without an index and an id, a name begins a new call.
    const isNew = found < 0 || (wireIndex === null && id === '' && name !== '' && this.#calls[found]?.begun === true);
    if (!isNew) return found;
    return this.#calls.push({ wireIndex, id, name: '', held: '', begun: false }) - 1;
  }
}

function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value == null ? '' : JSON.stringify(value);
}
