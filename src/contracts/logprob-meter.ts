import type { Confidence } from './confidence.ts';
import type { TokenLogprob } from './part.ts';

/**
 * Confidence of an answer from the log-probabilities of its tokens (natural logarithms, of the model's own distribution;
 * tokens that a grammar forced must be left out by whoever collects them). null when there is no token to judge by.
 *
 * - `mean`: the geometric mean of the tokens' probabilities, that is exp of the mean log-probability: the likelihood of
 *   the answer, freed from its length.
 * - `lowest`: the probability of the least likely token.
 * - `margin`: the smallest lead of a chosen token over the best other one, -1..1; absent without alternatives.
 *
 * `score` is √(mean · lowest). The mean alone hides one doubtful token among many sure ones (0.2 among ten is still 0.85),
 * which in a sum or a tool call is the whole answer; the lowest alone condemns every long text. It is not calibrated:
 * it orders answers of one model, and is a probability of being right only after calibration.
 */
export function confidenceFromLogprobs(tokens: Iterable<TokenLogprob>): Confidence | null {
  const meter = new LogprobMeter();
  for (const token of tokens) meter.add(token);
  return meter.confidence();
}

/** The same, token by token, so that the tokens need not be kept. */
export class LogprobMeter {
  #count = 0;
  #sum = 0;
  #lowest = 0;
  #margin = Infinity;
  #unknown = false;

  add({ token, logprob, top }: TokenLogprob): void {
    if (Number.isNaN(logprob)) {
      this.#unknown = true;
      return;
    }
    // Rounding can take a certain token a little above 0.
    const log = Math.min(logprob, 0);
    this.#count++;
    this.#sum += log;
    this.#lowest = Math.min(this.#lowest, log);
    let best = -Infinity;
    for (const other of top) if (other.token !== token && other.logprob > best) best = other.logprob;
    if (best > -Infinity) this.#margin = Math.min(this.#margin, Math.exp(log) - Math.exp(Math.min(best, 0)));
  }

  /** Of the tokens so far. null when there were none, or one had no number. */
  confidence(): Confidence | null {
    if (this.#count === 0 || this.#unknown) return null;
    return confidenceOf(Math.exp(this.#sum / this.#count), Math.exp(this.#lowest), this.#margin < Infinity ? this.#margin : null);
  }
}

/** From the figures above, for those who gather them in another way. `margin` null: there were no alternatives. */
export function confidenceOf(mean: number, lowest: number, margin: number | null): Confidence {
  return {
    score: Math.sqrt(mean * lowest),
    method: 'logprobs',
    calibrated: false,
    parts: { mean, lowest, ...(margin !== null && { margin }) },
  };
}
