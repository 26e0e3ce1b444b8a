import type { ModelId } from '../contracts/vocabulary.ts';

/** Moving averages of a model's speed. null until measured. */
export interface Speed {
  /** Milliseconds from the call of the ready model to its first content; loading is not in it. */
  readonly firstTokenMs: number | null;
  /** After the first content. */
  readonly tokensPerSecond: number | null;
}

/** The weight of a new value: half of the average is from the last three calls or so. */
const ALPHA = 0.2;

/** How fast each model really is: exponentially weighted moving averages of its successful calls. */
export class Measurements {
  #speeds = new Map<ModelId, Speed>();
  #listeners = new Set<(model: ModelId) => void>();

  get(model: ModelId): Speed | undefined {
    return this.#speeds.get(model);
  }

  /** null leaves that average as it is. */
  record(model: ModelId, sample: Speed): void {
    if (sample.firstTokenMs === null && sample.tokensPerSecond === null) return;
    const before = this.#speeds.get(model);
    this.#speeds.set(model, {
      firstTokenMs: average(before?.firstTokenMs ?? null, sample.firstTokenMs),
      tokensPerSecond: average(before?.tokensPerSecond ?? null, sample.tokensPerSecond),
    });
    for (const listener of this.#listeners) listener(model);
  }

  forget(model: ModelId): void {
    if (!this.#speeds.delete(model)) return;
    for (const listener of this.#listeners) listener(model);
  }

  /** Called back with each model whose averages changed. Dispose to stop. */
  onChange(listener: (model: ModelId) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

function average(before: number | null, value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return before;
  return before === null ? value : before + ALPHA * (value - before);
}
