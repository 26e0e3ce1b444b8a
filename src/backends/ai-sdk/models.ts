/** The models of the Vercel AI SDK that can be wrapped, as types only: nothing of the SDK is loaded by Tutti. */
import type {
  EmbeddingModelV2,
  EmbeddingModelV3,
  EmbeddingModelV4,
  LanguageModelV2,
  LanguageModelV2StreamPart,
  LanguageModelV3,
  LanguageModelV3StreamPart,
  LanguageModelV4,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider';
import type { ModelDescriptor } from '../../contracts/model.ts';

export type AiSdkLanguageModel = LanguageModelV2 | LanguageModelV3 | LanguageModelV4;
export type AiSdkEmbeddingModel = EmbeddingModelV2<string> | EmbeddingModelV3 | EmbeddingModelV4;
export type AiSdkModel = AiSdkLanguageModel | AiSdkEmbeddingModel;
export type AiSdkStreamPart = LanguageModelV2StreamPart | LanguageModelV3StreamPart | LanguageModelV4StreamPart;

/** A model, or a model with what is to be known of it beyond its name. */
export type AiSdkEntry =
  | AiSdkModel
  | ({ readonly model: AiSdkModel } & Partial<Omit<ModelDescriptor, 'id' | 'backend' | 'name' | 'operations'>>);

export function isEmbeddingModel(model: AiSdkModel): model is AiSdkEmbeddingModel {
  return 'doEmbed' in model;
}

export function modelOf(entry: AiSdkEntry): AiSdkModel {
  return 'specificationVersion' in entry ? entry : entry.model;
}
