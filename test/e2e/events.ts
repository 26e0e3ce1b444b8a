/** `GET /api/events` of a server, so that tests wait for what happens. */
import { parseSse } from '../../src/lib/sse.ts';

export interface SeenEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export class Events implements AsyncDisposable {
  readonly #seen: SeenEvent[] = [];
  readonly #taken = new Set<SeenEvent>();
  readonly #leave: AbortController;
  readonly #reading: Promise<void>;
  #wake = Promise.withResolvers<void>();
  #over = false;

  constructor(body: ReadableStream<Uint8Array>, leave: AbortController) {
    this.#leave = leave;
    this.#reading = this.#read(body);
  }

  /** From now on. */
  static async open(url: string): Promise<Events> {
    const leave = new AbortController();
    const response = await fetch(`${url}/api/events`, { signal: leave.signal });
    if (response.body === null) throw new Error('the stream of events has no body');
    return new Events(response.body, leave);
  }

  /** The first event that fits and that no earlier `next` gave. */
  async next(type: string, fits: (data: SeenEvent['data']) => boolean = () => true): Promise<SeenEvent> {
    for (;;) {
      const found = this.#seen.find((event) => event.type === type && !this.#taken.has(event) && fits(event.data));
      if (found !== undefined) {
        this.#taken.add(found);
        return found;
      }
      if (this.#over) throw new Error(`the stream of events ended before ${type}`);
      await this.#wake.promise;
    }
  }

  /** All of this type so far. */
  all(type: string): readonly SeenEvent[] {
    return this.#seen.filter((event) => event.type === type);
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const { data } of parseSse(body)) {
        this.#seen.push(JSON.parse(data) as SeenEvent);
        this.#stir();
      }
    } catch {
      // We left, or the server has ended: `next` says so to who still waits.
    }
    this.#over = true;
    this.#stir();
  }

  #stir(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leave.abort();
    await this.#reading;
  }
}
