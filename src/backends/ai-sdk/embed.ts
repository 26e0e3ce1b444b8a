import type { EmbedInput } from '../../contracts/operations.ts';
import type { Part } from '../../contracts/part.ts';
import type { StepPath } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import type { Refuser } from '../upstream/refusal.ts';
import { cutVector } from '../upstream/vectors.ts';
import { aiSdkError } from './errors.ts';
import type { AiSdkEmbeddingModel } from './models.ts';

/** One embed call of a wrapped model, in as many calls of the provider as its limit makes necessary. */
export async function* embedTexts(
  model: AiSdkEmbeddingModel,
  input: EmbedInput,
  { step, who, signal }: { readonly step: StepPath; readonly who: Refuser; readonly signal: AbortSignal },
): AsyncGenerator<Part> {
  const texts = textsOf(input.input);
  const size = Math.max(1, Math.min(texts.length, (await model.maxEmbeddingsPerCall) ?? texts.length));
  const vectors: number[][] = [];
  let tokens: number | null = 0;
  for (let start = 0; start < texts.length; start += size) {
    try {
      const { embeddings, usage } = await model.doEmbed({ values: texts.slice(start, start + size), abortSignal: signal });
      vectors.push(...embeddings.map((vector) => cutVector([...vector], input.dimensions ?? null)));
      tokens = tokens === null || usage === undefined ? null : tokens + usage.tokens;
    } catch (error) {
      throw aiSdkError(error, who, signal);
    }
  }
  if (vectors.length !== texts.length) {
    throw new TuttiError('upstream_invalid', `${who.name} gave ${vectors.length} vectors for ${texts.length} inputs.`);
  }
  yield { type: 'artifact', step, choice: 0, kind: 'embeddings', value: { vectors } };
  const estimate = Math.ceil(texts.reduce((sum, text) => sum + text.length, 0) / 4);
  yield {
    type: 'usage',
    step,
    usage:
      tokens === null ? { inputTokens: estimate, outputTokens: 0, estimated: true } : { inputTokens: tokens, outputTokens: 0 },
  };
  yield { type: 'finish', step, choice: 0, reason: 'stop' };
}

function textsOf(input: EmbedInput['input']): string[] {
  if (typeof input === 'string') return [input];
  const items: readonly (string | number | number[])[] = input;
  if (items.every((item): item is string => typeof item === 'string')) return [...items];
  throw new TuttiError('unsupported_input', 'An AI SDK model embeds texts, not token ids.', { param: 'input' });
}
