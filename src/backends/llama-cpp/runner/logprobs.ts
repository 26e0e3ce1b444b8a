/**
 * Log-probabilities of the model's own distribution, and what they say about a whole answer.
 *
 * The binding only gives probabilities as a sampler leaves them, so a second sampler that changes nothing looks first.
 * Small vocabularies are read whole. For large ones that took up to 45 ms a token, so two short questions stand in: how
 * likely is the first token among all, and how do the leading ones compare with it.
 */
import type { Confidence } from '../../../contracts/confidence.ts';
import { confidenceOf } from '../../../contracts/logprob-meter.ts';
import type { TokenLogprob, TopLogprob } from '../../../contracts/part.ts';
import { newSampler, type Llama, type NativeContext, type NativeModel, type NativeSampler } from './native.ts';
import type { Vocabulary } from './vocabulary.ts';

const WHOLE = 4096;
/** Candidates kept of a large vocabulary: more than anybody may ask for. */
const LEADING = 64;
/** What a probability that rounds to zero is worth: the smallest positive float32. */
const SMALLEST = 1e-45;

/** Token → probability, most likely first, and how likely `token` is, which may be missing. */
export interface Distribution {
  readonly leading: readonly (readonly [token: number, p: number])[];
  of(token: number): Promise<number>;
}

/** The samplers that `RawProbabilities` asks with: the best token of all, and the leading ones at temperature 1. */
export interface RawSamplers {
  readonly best: NativeSampler;
  readonly leading: NativeSampler;
}

export function rawSamplers(llama: Llama, model: NativeModel): RawSamplers {
  return {
    best: newSampler(llama, model, { temperature: 0 }),
    leading: newSampler(llama, model, { temperature: 1, topK: LEADING, seed: 0 }),
  };
}

export class RawProbabilities implements Disposable {
  readonly #context: Pick<NativeContext, 'sampleToken'>;
  readonly #samplers: RawSamplers;
  readonly #whole: boolean;

  constructor(context: Pick<NativeContext, 'sampleToken'>, samplers: RawSamplers, vocabularySize: number) {
    this.#context = context;
    this.#samplers = samplers;
    this.#whole = vocabularySize <= WHOLE;
  }

  async read(index: number): Promise<Distribution> {
    if (this.#whole) return this.#all(index);
    const { best, leading: several } = this.#samplers;
    const [, , first = 0] = await this.#context.sampleToken(index, best, false, true);
    const [, among = []] = await this.#context.sampleToken(index, several, true, false);
    const scale = first / (among[1] ?? 1);
    const leading = pairs(among).map(([token, p]) => [token, p * scale] as const);
    const known = new Map(leading);
    return { leading, of: async (token) => known.get(token) ?? (await this.#all(index)).of(token) };
  }

  async #all(index: number): Promise<Distribution> {
    const [, flat = []] = await this.#context.sampleToken(index, this.#samplers.best, true, false);
    const leading = pairs(flat);
    const known = new Map(leading);
    return { leading, of: (token) => Promise.resolve(known.get(token) ?? 0) };
  }

  [Symbol.dispose](): void {
    this.#samplers.best.dispose();
    this.#samplers.leading.dispose();
  }
}

function pairs(flat: readonly number[]): (readonly [number, number])[] {
  const out: (readonly [number, number])[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) out.push([flat[i] ?? 0, flat[i + 1] ?? 0]);
  return out;
}

export function tokenLogprob(
  vocabulary: Vocabulary,
  token: number,
  p: number,
  distribution: Distribution,
  top: number,
): TokenLogprob {
  return { ...entry(vocabulary, token, p), top: distribution.leading.slice(0, top).map(([t, q]) => entry(vocabulary, t, q)) };
}

function entry(vocabulary: Vocabulary, token: number, p: number): TopLogprob {
  const { bytes } = vocabulary.piece(token);
  return { token: Buffer.from(bytes).toString('utf8'), logprob: Math.log(Math.max(p, SMALLEST)), bytes: Array.from(bytes) };
}

/** Gathers what an answer's tokens say together. Tokens that a grammar forced are never shown to it. */
export class ConfidenceMeter {
  #count = 0;
  #logSum = 0;
  #lowest = 1;
  #margin = 1;

  add(p: number, distribution: Distribution): void {
    this.#count++;
    this.#logSum += Math.log(Math.max(p, SMALLEST));
    this.#lowest = Math.min(this.#lowest, p);
    const rival = distribution.leading.find(([, q], i) => i > 0 || q !== p)?.[1] ?? 0;
    this.#margin = Math.min(this.#margin, p - rival);
  }

  result(): Confidence | null {
    // Weights that compute no numbers have no probabilities.
    if (this.#count === 0 || Number.isNaN(this.#logSum)) return null;
    return confidenceOf(Math.exp(this.#logSum / this.#count), this.#lowest, this.#margin);
  }
}
