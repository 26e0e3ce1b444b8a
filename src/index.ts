/**
 * Tutti: many models, one system. The public interface of the library.
 * @module
 */
export { createTutti, getTutti, readConfig, configJsonSchema, Tutti } from './tutti.ts';
export type { TuttiOptions, TuttiConfig, BatchResult } from './tutti.ts';
export { TuttiError, toErrorBody } from './errors/error.ts';
export type { ErrorBody, TuttiErrorOptions } from './errors/error.ts';
export { ERROR_CODES } from './errors/codes.ts';
export type { Code, ErrorCode } from './errors/codes.ts';
export { definePlugin } from './contracts/plugin.ts';
export type { Plugin } from './contracts/plugin.ts';
export { createServer } from './server/app.ts';
export { aiSdkBackend } from './backends/ai-sdk/backend.ts';
export { aiSdkKind } from './backends/ai-sdk/schema.ts';
export { aiSdkProvider } from './ai-sdk/provider.ts';
export type { AiSdkProvider } from './ai-sdk/provider.ts';
export { version } from './version.ts';

export { CAPABILITIES, operationOf } from './contracts/vocabulary.ts';
export type {
  Capability,
  KnownCapability,
  ModelId,
  BackendId,
  DeviceId,
  Priority,
  RunId,
  StepPath,
} from './contracts/vocabulary.ts';
export type * from './contracts/library.ts';
export type * from './contracts/chat.ts';
export type * from './contracts/operations.ts';
export type * from './contracts/part.ts';
export type * from './contracts/model.ts';
export type * from './contracts/backend.ts';
export type * from './contracts/strategy.ts';
export { partsOf, questionOf } from './contracts/strategy.ts';
export type * from './contracts/orchestrated.ts';
export type { Policy } from './contracts/policy.ts';
export { memberConfig, memberKeys, inputForMember, namesOf, requestFor, takingPart } from './contracts/member.ts';
export type { Member } from './contracts/member.ts';
export type * from './contracts/registration.ts';
export type * from './contracts/run.ts';
export type * from './contracts/event.ts';
export type * from './contracts/confidence.ts';
export type * from './contracts/usage.ts';
export { addUsage, costOf } from './contracts/usage.ts';
export type * from './contracts/principal.ts';
export type * from './contracts/clock.ts';
export type * from './contracts/logger.ts';
export type { Lease, ModelStatus, PoolMemory, Eviction } from './pool/contract.ts';
export type { RankedModel } from './registry/ranking.ts';
export type { RunStats, StatsQuery } from './runs/run-stats.ts';
export type { ResumeRequest } from './composition/engine.ts';
export type { Status } from './composition/status.ts';
export type { BackendStatus } from './composition/backends.ts';
export type { ServerMemory } from './composition/servers.ts';
export type {
  ConversationLimits,
  ConversationOptions,
  ConversationState,
  Reply,
  ReviewedReply,
  Routed,
} from './arbiter/conversation.ts';
export type { ConversationListQuery, ConversationPage, ConversationSummary } from './composition/conversation-list.ts';
export type { LedConversation } from './composition/led-conversation.ts';
export type { FailuresFace, InterpreterFace, MediatorFace } from './composition/assistants.ts';
export type { WorkOptions } from './composition/perform.ts';
export type { WireDetails } from './server/wire/answer.ts';
