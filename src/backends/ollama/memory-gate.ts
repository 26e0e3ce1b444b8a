import { TuttiError } from '../../errors/error.ts';
import { deferred, type Deferred } from '../../lib/deferred.ts';
import { makeRoom, type Holding } from './make-room.ts';
import type { Resident } from './models.ts';

export interface MemoryGateEffects {
  running(signal: AbortSignal): Promise<readonly Resident[]>;
  unload(name: string, signal: AbortSignal): Promise<void>;
}

interface Use {
  calls: number;
  lastUsed: number;
  /** Until the server says how much it really is. */
  readonly estimatedBytes: number;
}

/**
 * Keeps an Ollama server's models inside `gpu_memory_limit_mb`. Every call enters before it is sent and leaves when it
 * has ended. One entry is decided at a time, so that two loads never count on the same room; the decision is `makeRoom`.
 */
export class MemoryGate {
  readonly #limitBytes: number;
  readonly #effects: MemoryGateEffects;
  readonly #uses = new Map<string, Use>();
  /** The last sizes that the server told, for models that it has since unloaded. */
  readonly #measured = new Map<string, number>();
  #turn: Promise<unknown> = Promise.resolve();
  #order = 0;
  #callEnded: Deferred<void> = deferred();

  constructor(limitBytes: number, effects: MemoryGateEffects) {
    this.#limitBytes = limitBytes;
    this.#effects = effects;
  }

  /** Settles when the model is loaded or may be. Dispose when the call has ended. Errors: `model_too_large`, `cancelled`. */
  async enter(wanted: { readonly name: string; readonly estimatedBytes: number }, signal: AbortSignal): Promise<Disposable> {
    const before = this.#turn;
    const done = deferred();
    this.#turn = done.promise;
    try {
      await abortable(before, signal);
      for (;;) {
        const callEnded = this.#callEnded.promise; // taken before the look, so that a call that ends meanwhile is not missed
        const decision = makeRoom(
          { name: wanted.name, gpuBytes: this.#sizeOf(wanted) },
          await this.#holdings(signal),
          this.#limitBytes,
        );
        if (decision.kind === 'too large') throw this.#tooLarge(wanted);
        if (decision.kind === 'go') {
          for (const name of decision.unload) await this.#effects.unload(name, signal);
          return this.#begin(wanted);
        }
        await abortable(callEnded, signal);
      }
    } finally {
      // A turn that is given up must not let the next one pass those before it.
      void before.then(() => done.resolve());
    }
  }

  #begin({ name, estimatedBytes }: { name: string; estimatedBytes: number }): Disposable {
    const use = this.#uses.get(name) ?? { calls: 0, lastUsed: 0, estimatedBytes };
    this.#uses.set(name, use);
    use.calls++;
    let running = true;
    return {
      [Symbol.dispose]: () => {
        if (!running) return;
        running = false;
        use.calls--;
        use.lastUsed = ++this.#order;
        this.#callEnded.resolve();
        this.#callEnded = deferred();
      },
    };
  }

  async #holdings(signal: AbortSignal): Promise<Holding[]> {
    const residents = await this.#effects.running(signal);
    for (const { name, gpuBytes } of residents) this.#measured.set(name, gpuBytes);
    const held = residents.map(({ name, gpuBytes }): Holding => {
      const use = this.#uses.get(name);
      return { name, gpuBytes, inUse: (use?.calls ?? 0) > 0, lastUsed: use?.lastUsed ?? 0 };
    });
    // Let through, but not loaded yet.
    for (const [name, use] of this.#uses) {
      if (use.calls === 0 || residents.some((resident) => resident.name === name)) continue;
      held.push({
        name,
        gpuBytes: this.#sizeOf({ name, estimatedBytes: use.estimatedBytes }),
        inUse: true,
        lastUsed: use.lastUsed,
      });
    }
    return held;
  }

  #sizeOf({ name, estimatedBytes }: { name: string; estimatedBytes: number }): number {
    return this.#measured.get(name) ?? estimatedBytes;
  }

  #tooLarge(wanted: { name: string; estimatedBytes: number }): TuttiError {
    const mb = (bytes: number): number => Math.round(bytes / 2 ** 20);
    const [needs, limit] = [mb(this.#sizeOf(wanted)), mb(this.#limitBytes)];
    return new TuttiError(
      'model_too_large',
      `${wanted.name} needs ${needs} MiB of GPU memory; gpu_memory_limit_mb of this server is ${limit}.`,
      {
        details: { needs_mb: needs, limit_mb: limit },
      },
    );
  }
}

async function abortable(wait: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
  const aborted = deferred<never>();
  const onAbort = (): void => aborted.reject(TuttiError.from(signal.reason, 'cancelled'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([wait, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
