/**
 * What goes over the wire, as types only: nothing is imported at run time, so that a program for the browser can use them.
 * The schemas they come from are in `wire/` and `rest/`, and `/openapi.json` has them as JSON Schema.
 */
import type { z } from 'zod';
import type { ErrorBody } from '../errors/error.ts';
import type { chatRequest, TuttiSettings } from './openai/chat-request.ts';
import type { embeddingsRequest, EmbeddingsResponse } from './openai/embeddings.ts';
import type { readiness } from './rest/health.ts';
import type { WireAnswer } from './rest/answers.ts';
import type {
  consultBody,
  consulted,
  conversationPage,
  forkBody,
  messageBody,
  respondBody,
  responded,
  routed,
  startBody,
  toolResultBody,
} from './rest/conversations.ts';
import type { batchBody, inferenceBody, parallelBody, WireResults } from './rest/inference.ts';
import type { WireModelList, WireRankedModel } from './rest/models.ts';
import type { orchestratedBody } from './rest/orchestrated.ts';
import type { WirePull } from './rest/pull.ts';
import type { evicted, WireMemory, WirePool, WireServer } from './rest/pool.ts';
import type { cancelled, replyBody, resumeBody, runPage, WireStats } from './rest/runs.ts';
import type { capabilityList, counted, pluginList, reloaded, WireBackend, WireStatus } from './rest/system.ts';
import type {
  diagnoseBody,
  diagnosed,
  interpretBody,
  interpreted,
  mediateBody,
  mediated,
  reinterpretBody,
  reinterpreted,
} from './rest/tools.ts';
import type { WireConfidence, WireDetails, WireUsage } from './wire/answer.ts';
import type { ChatChunk, ChatCompletion, OpenaiUsage } from './wire/chat.ts';
import type { WireConversation } from './wire/conversations.ts';
import type { WireEvent } from './wire/events.ts';
import type { OpenaiModel, OpenaiModelList, WireModel, WireModelState, WireModelStatus } from './wire/models.ts';
import type { WireError, WireRoute, WireRun, WireRunSummary, WireStep } from './wire/runs.ts';
import type { WireStepEvent } from './wire/steps.ts';

export type {
  ChatChunk,
  ChatCompletion,
  EmbeddingsResponse,
  ErrorBody,
  OpenaiModel,
  OpenaiModelList,
  OpenaiUsage,
  TuttiSettings,
};
export type {
  WireAnswer,
  WireBackend,
  WireConversation,
  WireConfidence,
  WireDetails,
  WireError,
  WireEvent,
  WireModel,
  WireModelState,
};
export type { WireModelStatus, WirePool, WirePull, WireRankedModel, WireResults, WireRoute, WireRun, WireRunSummary, WireStats };
export type { WireMemory, WireServer, WireStatus, WireStep, WireStepEvent, WireUsage };

/** What each route that answers JSON takes and gives, for typed clients. Bodies are as they are sent: defaults may be left out. */
export interface Endpoints {
  'POST /v1/chat/completions': { body: z.input<typeof chatRequest>; answer: ChatCompletion };
  'POST /v1/embeddings': { body: z.input<typeof embeddingsRequest>; answer: EmbeddingsResponse };
  'GET /v1/models': { answer: OpenaiModelList };
  'GET /v1/models/{model}': { answer: OpenaiModel };
  'GET /api/models': { answer: WireModelList };
  'POST /api/models': { body: Partial<WireModel> & { id: string }; answer: WireModel };
  'GET /api/models/{model}': { answer: WireModel };
  'PATCH /api/models/{model}': { body: Partial<WireModel>; answer: WireModel };
  'GET /api/models/{model}/status': { answer: WireModelStatus };
  'POST /api/models/{model}/load': { body?: { wait?: boolean }; answer: WireModelStatus };
  'POST /api/models/{model}/unload': { body?: { force?: boolean; wait?: boolean }; answer: WireModelStatus };
  'POST /api/models/{model}/swap': { body: { to: string }; answer: { from: string; to: string } };
  'GET /api/capabilities': { answer: z.infer<typeof capabilityList> };
  'GET /api/capabilities/{capability}': {
    answer: { capability: string; models: WireRankedModel[]; best: WireRankedModel | null };
  };
  'GET /api/pool': { answer: WirePool };
  'POST /api/pool/evict': { body: { target_memory_mb: number }; answer: z.infer<typeof evicted> };
  'POST /api/inference': { body: z.input<typeof inferenceBody>; answer: WireAnswer };
  'POST /api/inference/batch': { body: z.input<typeof batchBody>; answer: WireResults };
  'POST /api/inference/parallel': { body: z.input<typeof parallelBody>; answer: WireResults };
  'POST /api/inference/orchestrated': { body: z.input<typeof orchestratedBody>; answer: WireAnswer };
  'POST /api/tokens/count': { body: { model: string; input: unknown; tools?: unknown[] }; answer: z.infer<typeof counted> };
  'POST /api/tools/interpret': { body: z.input<typeof interpretBody>; answer: z.infer<typeof interpreted> };
  'POST /api/tools/mediate': { body: z.input<typeof mediateBody>; answer: z.infer<typeof mediated> };
  'POST /api/tools/diagnose': { body: z.input<typeof diagnoseBody>; answer: z.infer<typeof diagnosed> };
  'POST /api/tools/reinterpret': { body: z.input<typeof reinterpretBody>; answer: z.infer<typeof reinterpreted> };
  'POST /api/conversations': { body: z.input<typeof startBody>; answer: WireConversation };
  'GET /api/conversations': { answer: z.infer<typeof conversationPage> };
  'GET /api/conversations/{conversation}': { answer: WireConversation };
  'POST /api/conversations/{conversation}/messages': { body: z.input<typeof messageBody>; answer: z.infer<typeof routed> };
  'POST /api/conversations/{conversation}/respond': { body: z.input<typeof respondBody>; answer: z.infer<typeof responded> };
  'POST /api/conversations/{conversation}/tool-results': { body: z.input<typeof toolResultBody>; answer: null };
  'POST /api/conversations/{conversation}/consult': { body: z.input<typeof consultBody>; answer: z.infer<typeof consulted> };
  'POST /api/conversations/{conversation}/fork': { body: z.input<typeof forkBody>; answer: WireConversation };
  'GET /api/runs': { answer: z.infer<typeof runPage> };
  'GET /api/runs/{run}': { answer: WireRun };
  'POST /api/runs/{run}/cancel': { answer: z.infer<typeof cancelled> };
  'POST /api/runs/{run}/reply': { body: z.input<typeof replyBody>; answer: WireAnswer };
  'POST /api/runs/{run}/resume': { body?: z.input<typeof resumeBody>; answer: WireAnswer };
  'GET /api/stats': { answer: WireStats };
  'GET /api/status': { answer: WireStatus };
  'GET /api/backends': { answer: { backends: WireBackend[] } };
  'GET /api/plugins': { answer: z.infer<typeof pluginList> };
  'POST /api/config/reload': { answer: z.infer<typeof reloaded> };
  'GET /readyz': { answer: z.infer<typeof readiness> };
}
