/** What a call consumed. Absent fields were not reported; zero means none. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The part of `inputTokens` that was read from a prompt cache. */
  readonly cachedInputTokens?: number;
  /** The part of `outputTokens` that was reasoning. */
  readonly reasoningTokens?: number;
  /** Images made. */
  readonly images?: number;
  /** Seconds of audio or video, in or out. */
  readonly seconds?: number;
  /** True when the numbers are Tutti's own count because the provider sent none. */
  readonly estimated?: boolean;
}

/** US dollars. A price that is not given is unknown, not zero; give 0 for what is free. */
export interface Price {
  readonly inputPerMtok?: number;
  readonly cachedInputPerMtok?: number;
  readonly outputPerMtok?: number;
  readonly perImage?: number;
  readonly perSecond?: number;
  readonly perCall?: number;
}
