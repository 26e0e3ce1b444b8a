import type { TokenLogprob, TopLogprob } from '../../contracts/part.ts';
import { asArray, asNumber, asObject, asString, type JsonObject } from '../../lib/json-value.ts';

/**
 * A choice's `logprobs`: OpenAI's `{content: [{token, logprob, bytes, top_logprobs}]}`, or the older
 * `{tokens, token_logprobs, top_logprobs}`. Undefined when there are none.
 */
export function readLogprobs(value: unknown): TokenLogprob[] | undefined {
  const logprobs = asObject(value);
  if (!logprobs) return undefined;
  const content = asArray(logprobs['content']);
  if (content.length > 0) {
    const tokens = content.map((entry) => readToken(asObject(entry))).filter((token) => token !== null);
    return tokens.length > 0 ? tokens : undefined;
  }
  const texts = asArray(logprobs['tokens']);
  if (texts.length === 0) return undefined;
  const odds = asArray(logprobs['token_logprobs']);
  const tops = asArray(logprobs['top_logprobs']);
  return texts.map((text, index) => ({
    token: asString(text) ?? '',
    logprob: asLogprob(odds[index]),
    bytes: null,
    top: Object.entries(asObject(tops[index]) ?? {}).map(([token, odd]) => ({ token, logprob: asLogprob(odd), bytes: null })),
  }));
}

function readToken(entry: JsonObject | null): TokenLogprob | null {
  const token = readTop(entry);
  if (!entry || !token) return null;
  return {
    ...token,
    top: asArray(entry['top_logprobs'])
      .map((other) => readTop(asObject(other)))
      .filter((top) => top !== null),
  };
}

function readTop(entry: JsonObject | null): TopLogprob | null {
  const token = asString(entry?.['token']);
  if (!entry || token === null) return null;
  const bytes = Array.isArray(entry['bytes']) ? entry['bytes'].map((byte) => asNumber(byte) ?? 0) : null;
  return { token, logprob: asLogprob(entry['logprob']), bytes };
}

/** Servers write −∞ as null or as a large negative number; rounding may leave a probability a hair above one. */
function asLogprob(value: unknown): number {
  return Math.min(0, Math.max(-9999, asNumber(value) ?? -9999));
}
