/** How `tutti eval` asks: through the HTTP interface like every command, and then looks at the run for the calls that it took. */
import type { Confidence } from '../contracts/confidence.ts';
import type { Usage } from '../contracts/usage.ts';
import { TuttiError } from '../errors/error.ts';
import type { Ask, Reply } from '../eval/evaluate.ts';
import type { EvalItem } from '../eval/items.ts';
import type { WireConfidence, WireUsage } from '../server/wire/answer.ts';
import type { WireAnswer } from '../server/rest/inference.ts';
import type { WireStep } from '../server/wire/runs.ts';
import type { Api } from './api.ts';

/** Settings of every call, by OpenAI's names. */
export type AskSettings = Readonly<Record<string, unknown>>;

/** Codes by which a model says that it gives no probabilities. */
const NO_PROBABILITIES: readonly string[] = ['unsupported_parameter', 'invalid_request', 'upstream_rejected'];

/**
 * Asks for token probabilities, too, because without them a single model has no confidence; one that refuses is asked without
 * from then on.
 */
export function askOver(api: Api, settings: AskSettings): Ask {
  const silent = new Set<string>();
  const send = (target: string, item: EvalItem, more: AskSettings, signal: AbortSignal): Promise<WireAnswer> =>
    api.call<WireAnswer>(
      'POST',
      '/api/inference',
      {
        model: target,
        input: item.messages,
        ...(item.tools.length > 0 && { tools: item.tools }),
        parameters: { ...settings, ...more },
      },
      signal,
    );
  return async (target, item, signal) => {
    if (silent.has(target)) return replyOf(api, await send(target, item, {}, signal), signal);
    let answer: WireAnswer;
    try {
      answer = await send(target, item, { logprobs: true }, signal);
    } catch (error) {
      if (!TuttiError.isInstance(error) || !NO_PROBABILITIES.includes(error.code)) throw error;
      answer = await send(target, item, {}, signal);
      silent.add(target);
    }
    return replyOf(api, answer, signal);
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
