import type { Usage } from '../../contracts/usage.ts';
import { asArray, asNumber, asObject, type JsonObject } from '../../lib/json-value.ts';

/**
 * The counts in a chunk or an answer, wherever this provider puts them: `usage` (OpenAI and most), `choices[].usage`
 * (Moonshot), `x_groq.usage` (Groq), `timings` (llama-server). Null when there are none.
 */
export function readUsage(chunk: JsonObject): Usage | null {
  const usage =
    asObject(chunk['usage']) ??
    asObject(asObject(chunk['x_groq'])?.['usage']) ??
    asArray(chunk['choices'])
      .map((choice) => asObject(asObject(choice)?.['usage']))
      .find((found) => found !== null);
  if (usage) return usageOf(usage);
  const timings = asObject(chunk['timings']);
  const prompt = asNumber(timings?.['prompt_n']);
  const predicted = asNumber(timings?.['predicted_n']);
  if (prompt === null || predicted === null) return null;
  const cached = asNumber(timings?.['cache_n']) ?? 0;
  return { inputTokens: prompt + cached, outputTokens: predicted, ...(cached > 0 && { cachedInputTokens: cached }) };
}

function usageOf(usage: JsonObject): Usage | null {
  const inputTokens = asNumber(usage['prompt_tokens']) ?? asNumber(usage['input_tokens']);
  const total = asNumber(usage['total_tokens']);
  if (inputTokens === null && total === null) return null;
  const outputTokens =
    asNumber(usage['completion_tokens']) ?? asNumber(usage['output_tokens']) ?? Math.max(0, (total ?? 0) - (inputTokens ?? 0));
  const cached =
    asNumber(asObject(usage['prompt_tokens_details'])?.['cached_tokens']) ??
    asNumber(usage['prompt_cache_hit_tokens']) ??
    asNumber(usage['cached_tokens']);
  const reasoning =
    asNumber(asObject(usage['completion_tokens_details'])?.['reasoning_tokens']) ?? asNumber(usage['reasoning_tokens']);
  return {
    inputTokens: inputTokens ?? total ?? 0,
    outputTokens,
    ...(cached !== null && { cachedInputTokens: cached }),
    ...(reasoning !== null && { reasoningTokens: reasoning }),
  };
}
