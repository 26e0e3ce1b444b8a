import { TuttiError } from '../../errors/error.ts';

interface Waiter {
  readonly priority: number;
  readonly grant: () => void;
}

/** At most so many requests at once; the others wait, larger priorities first, equal ones by arrival. */
export class Slots {
  #free: number;
  #waiting: Waiter[] = [];

  /** `count`: null for no limit. */
  constructor(count: number | null) {
    this.#free = count ?? Number.POSITIVE_INFINITY;
  }

  /** A slot, to be disposed of. Rejects as soon as the signal is aborted. */
  async take(priority: number, signal: AbortSignal): Promise<Disposable> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(priority, signal);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#release();
        held = false;
      },
    };
  }

  #wait(priority: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        reject(TuttiError.from(signal.reason, 'cancelled'));
      };
      const waiter: Waiter = {
        priority,
        grant: () => {
          signal.removeEventListener('abort', leave);
          resolve();
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      const behind = this.#waiting.findIndex((other) => other.priority < priority);
      this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, waiter);
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next) next.grant();
    else this.#free++;
  }
}
