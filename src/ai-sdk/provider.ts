/** Tutti as a provider of the Vercel AI SDK: its models and orchestrations for `generateText`, `streamText`, `embedMany` … */
import type {
  EmbeddingModelV4,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4StreamPart,
  SharedV4Warning,
} from '@ai-sdk/provider';
import { collectAnswer } from '../composition/answer.ts';
import type { Answer, Execution, RunDetails } from '../contracts/library.ts';
import type { Tutti } from '../tutti.ts';
import { chatInputOf, warningsOf } from './call-options.ts';
import { finishPart, StreamWriter, usageOf } from './stream-writer.ts';

/** What `aiSdkProvider` gives: call it, or its methods, with a model's id, an alias, an orchestration or a capability. */
export interface AiSdkProvider {
  (model: string): LanguageModelV4;
  languageModel(model: string): LanguageModelV4;
  embeddingModel(model: string): EmbeddingModelV4;
}

/**
 * The models of this Tutti for the Vercel AI SDK (its specification V4). Nothing of the SDK is loaded. Errors are Tutti's;
 * what the SDK shows as `providerMetadata.tutti` has `runId`, `status`, `modelsUsed`, `confidence` and `review`. A
 * run that waits for a person (`status: 'waiting'`) gives its question as the text; `tutti.reply(runId, …)` goes on with it.
 *
 * @example
 * const provider = aiSdkProvider(tutti);
 * const { text } = await generateText({ model: provider('panel'), prompt: 'What is 12 + 30?' });
 */
export function aiSdkProvider(tutti: Tutti): AiSdkProvider {
  const provider = (model: string): LanguageModelV4 => languageModel(tutti, model);
  return Object.assign(provider, {
    languageModel: provider,
    embeddingModel: (model: string): EmbeddingModelV4 => embeddingModel(tutti, model),
  });
}

function languageModel(tutti: Tutti, model: string): LanguageModelV4 {
  const execute = (options: LanguageModelV4CallOptions, commit: 'first-content' | 'finish'): Execution =>
    tutti.execute({
      operation: 'chat',
      model,
      input: chatInputOf(options),
      commit,
      ...(options.abortSignal !== undefined && { signal: options.abortSignal }),
    });
  return {
    specificationVersion: 'v4',
    provider: 'tutti',
    modelId: model,
    // The SDK fetches what is not in this list; Tutti leaves web addresses to the models that take them.
    supportedUrls: { 'image/*': [/^https?:/] },
    async doGenerate(options) {
      const answer = await collectAnswer(execute(options, 'finish'));
      const { finishReason, usage, providerMetadata } = finishPart(answer.finishReason, answer.usage, metadataOf(answer));
      return {
        content: contentOf(answer),
        finishReason,
        usage,
        ...(providerMetadata !== undefined && { providerMetadata }),
        response: { id: answer.runId, modelId: answer.model },
        warnings: warningsOf(options),
      };
    },
    async doStream(options) {
      const warnings = warningsOf(options);
      return { stream: ReadableStream.from(streamOf(() => execute(options, 'first-content'), warnings)) };
    },
  };
}

/**
 * An error is a part of the stream there, and its last one. The run begins when the stream is read: of a stream that is
 * cancelled unread it would never end.
 */
async function* streamOf(execute: () => Execution, warnings: SharedV4Warning[]): AsyncGenerator<LanguageModelV4StreamPart> {
  const writer = new StreamWriter();
  yield { type: 'stream-start', warnings };
  let execution: Execution;
  try {
    execution = execute();
    for await (const part of execution.parts) yield* writer.write(part);
  } catch (error) {
    yield { type: 'error', error };
    return;
  }
  const { model, usage } = execution.record();
  yield { type: 'response-metadata', id: execution.runId, ...(model !== null && { modelId: model }) };
  yield* writer.end(usage, metadataOf(execution.details()));
}

function contentOf({ choices, text, toolCalls }: Answer): LanguageModelV4Content[] {
  const reasoning = choices[0]?.reasoning ?? null;
  return [
    ...(reasoning === null ? [] : [{ type: 'reasoning' as const, text: reasoning }]),
    ...(text === '' ? [] : [{ type: 'text' as const, text }]),
    ...toolCalls.map(({ id, function: { name, arguments: input } }) => ({
      type: 'tool-call' as const,
      toolCallId: id,
      toolName: name,
      input,
    })),
  ];
}

function metadataOf({ runId, status, modelsUsed, confidence, review }: RunDetails) {
  return {
    runId,
    status,
    modelsUsed: [...modelsUsed],
    confidence: confidence === null ? null : { score: confidence.score, method: confidence.method },
    review,
  };
}

function embeddingModel(tutti: Tutti, model: string): EmbeddingModelV4 {
  return {
    specificationVersion: 'v4',
    provider: 'tutti',
    modelId: model,
    maxEmbeddingsPerCall: MOST_TEXTS,
    supportsParallelCalls: true,
    async doEmbed({ values, dimensions, abortSignal }) {
      const { vectors, usage } = await tutti.embed({
        model,
        input: values,
        ...(dimensions !== undefined && { dimensions }),
        ...(abortSignal !== undefined && { signal: abortSignal }),
      });
      return {
        embeddings: vectors.map((vector) => [...vector]),
        usage: { tokens: usageOf(usage).inputTokens.total ?? 0 },
        warnings: [],
      };
    },
  };
}

/** As many as an `embed` call takes. */
const MOST_TEXTS = 2048;
