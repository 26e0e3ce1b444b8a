/** The ways of coming by a confidence. */
export const CONFIDENCE_METHODS = ['logprobs', 'agreement', 'verifier', 'self_report', 'declared'] as const;
/** How a confidence was obtained: token probabilities, members that agree, a verifier, the model’s own word, or as configured. */
export type ConfidenceMethod = (typeof CONFIDENCE_METHODS)[number];

/** A number in 0..1 and how it was obtained. `null` where there is none, rather than an invented number. */
export interface Confidence {
  readonly score: number;
  readonly method: ConfidenceMethod;
  /** True when `score` was mapped through recorded outcomes of this model. */
  readonly calibrated: boolean;
  /** The figures behind the score, e.g. `{mean, lowest, margin}` for logprobs (probabilities, not logs). */
  readonly parts?: Readonly<Record<string, number>>;
  /** Rules that changed the score, in the order of their application. */
  readonly adjustments?: readonly { readonly rule: string; readonly factor: number }[];
}
