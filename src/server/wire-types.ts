/**
 * What goes over the wire, as types only: nothing is imported at run time, so that a program for the browser can use them.
 * The schemas they come from are in `wire/` and `rest/`, and `/openapi.json` has them as JSON Schema.
 */
export type { ErrorBody } from '../errors/error.ts';
export type { WireConfidence, WireDetails, WireUsage } from './wire/answer.ts';
export type { ChatChunk, ChatCompletion, OpenaiUsage } from './wire/chat.ts';
export type { WireEvent } from './wire/events.ts';
export type { OpenaiModel, OpenaiModelList, WireModel, WireModelState, WireModelStatus } from './wire/models.ts';
export type { WireError, WireRoute, WireRun, WireRunSummary, WireStep } from './wire/runs.ts';
export type { ChatRequest, TuttiSettings } from './openai/chat-request.ts';
export type { EmbeddingsResponse } from './openai/embeddings.ts';
export type { WireAnswer, WireResults } from './rest/inference.ts';
export type { WireRankedModel } from './rest/models.ts';
export type { WirePool } from './rest/pool.ts';
export type { WireStats } from './rest/runs.ts';
export type { WireBackend, WireStatus } from './rest/system.ts';
