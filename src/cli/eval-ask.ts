/** How `tutti eval` asks: through the HTTP interface like every command, and then looks at the run for the calls that it took. */
import type { Confidence } from '../contracts/confidence.ts';
import type { Usage } from '../contracts/usage.ts';
import type { Ask, Reply } from '../eval/evaluate.ts';
import type { WireConfidence, WireUsage } from '../server/wire/answer.ts';
import type { WireAnswer } from '../server/rest/answers.ts';
import type { WireStep } from '../server/wire/runs.ts';
import type { Api } from './api.ts';

/** Settings of every call, by OpenAI's names. */
export type AskSettings = Readonly<Record<string, unknown>>;

/** Asks for a confidence, too, which a single model gives only when it is wanted. */
export function askOver(api: Api, settings: AskSettings): Ask {
  return async (target, { messages, tools }, signal) => {
    const body = {
      model: target,
      input: messages,
      ...(tools.length > 0 && { tools }),
      parameters: settings,
      confidence: true,
    };
    return replyOf(api, await api.call<WireAnswer>('POST', '/api/inference', body, signal), signal);
  };
}

async function replyOf(api: Api, { output, tool_calls, tutti }: WireAnswer, signal: AbortSignal): Promise<Reply> {
  const run = await api.call<{ readonly steps: readonly WireStep[] }>('GET', `/api/runs/${tutti.run_id}`, undefined, signal);
  return {
    text: typeof output === 'string' ? output : JSON.stringify(output),
    toolCalls: tool_calls ?? [],
    confidence: tutti.confidence === null ? null : toConfidence(tutti.confidence),
    modelCalls: countCalls(run.steps),
    usageByModel: Object.fromEntries(Object.entries(tutti.usage_by_model).map(([model, usage]) => [model, toUsage(usage)])),
    costUsd: tutti.cost_usd,
  };
}

/** Steps at which a model of a backend was called. */
function countCalls(steps: readonly WireStep[]): number {
  return steps.reduce((sum, step) => sum + (step.model !== null && step.backend !== null ? 1 : 0) + countCalls(step.steps), 0);
}

function toConfidence({ score, method, calibrated, parts }: WireConfidence): Confidence {
  return { score, method, calibrated, ...(parts !== undefined && { parts }) };
}

function toUsage({ input_tokens, output_tokens, cached_input_tokens, reasoning_tokens, images, seconds }: WireUsage): Usage {
  return {
    inputTokens: input_tokens,
    outputTokens: output_tokens,
    ...(cached_input_tokens !== undefined && { cachedInputTokens: cached_input_tokens }),
    ...(reasoning_tokens !== undefined && { reasoningTokens: reasoning_tokens }),
    ...(images !== undefined && { images }),
    ...(seconds !== undefined && { seconds }),
  };
}
