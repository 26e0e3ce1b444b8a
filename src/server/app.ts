/** The whole HTTP surface: one row for each route, in one table, from which `/openapi.json` is made, too. */
import { modelPatchSchema, modelRegistrationSchema } from '../registry/schema.ts';
import type { Tutti } from '../tutti.ts';
import { docsFile, docsPage, home } from './docs.ts';
import { createHttpServer, type ServerOptions, type TuttiServer } from './http-server.ts';
import { getMetrics } from './metrics/metrics.ts';
import { chatCompletions } from './openai/chat.ts';
import { chatRequest } from './openai/chat-request.ts';
import { embeddings, embeddingsRequest, embeddingsResponse } from './openai/embeddings.ts';
import * as openaiModels from './openai/models.ts';
import { openapiJson } from './openapi.ts';
import * as conversations from './rest/conversations.ts';
import * as events from './rest/events.ts';
import * as health from './rest/health.ts';
import * as inference from './rest/inference.ts';
import * as measured from './rest/measured.ts';
import { wireAnswer } from './rest/answers.ts';
import * as models from './rest/models.ts';
import { inferOrchestrated, orchestratedBody } from './rest/orchestrated.ts';
import * as pool from './rest/pool.ts';
import * as pull from './rest/pull.ts';
import * as runs from './rest/runs.ts';
import { streamBody, streamEvent, streamText } from './rest/stream.ts';
import * as system from './rest/system.ts';
import * as tools from './rest/tools.ts';
import { route, type Route } from './route.ts';
import type { ServerConfig } from './schema.ts';
import { chatChunk, chatCompletion } from './wire/chat.ts';
import { wireConversation } from './wire/conversations.ts';
import { openaiModel, openaiModelList, wireModel, wireModelStatus } from './wire/models.ts';
import { wireRun } from './wire/runs.ts';

export type { ServerOptions, TuttiServer };

const SSE = 'text/event-stream';

// oxfmt-ignore
export const ROUTES: readonly Route[] = [
  // OpenAI's API.
  route('POST', '/v1/chat/completions', { role: 'user', spends: true, summary: 'Answer a conversation, whole or streamed', body: chatRequest, response: chatCompletion, events: chatChunk, handle: chatCompletions }),
  route('POST', '/v1/embeddings', { role: 'user', spends: true, summary: 'Vectors of texts', body: embeddingsRequest, response: embeddingsResponse, handle: embeddings }),
  route('GET', '/v1/models', { role: 'user', summary: 'All models', response: openaiModelList, handle: openaiModels.listModels }),
  route('GET', '/v1/models/{model}', { role: 'user', summary: 'One model', response: openaiModel, handle: openaiModels.getModel }),

  // Models: what is known of them, and what the pool does with them.
  route('GET', '/api/models', { role: 'user', summary: 'All models, or those with a capability, best first', query: models.modelsQuery, response: models.modelList, handle: models.listModels }),
  route('POST', '/api/models', { role: 'admin', summary: 'Register a model until restart', body: modelRegistrationSchema, response: wireModel, handle: models.registerModel }),
  route('POST', '/api/models/pull', { role: 'admin', summary: 'Download a model', body: pull.pullBody, response: SSE, handle: pull.pullNamed }),
  route('GET', '/api/models/{model}', { role: 'user', summary: 'What is known of a model', response: wireModel, handle: models.getModel }),
  route('PATCH', '/api/models/{model}', { role: 'admin', summary: 'Change single fields, ratings and fallbacks', body: modelPatchSchema, response: wireModel, handle: models.updateModel }),
  route('DELETE', '/api/models/{model}', { role: 'admin', summary: 'Unregister a model until restart', handle: models.unregisterModel }),
  route('GET', '/api/models/{model}/status', { role: 'user', summary: 'Where a model is between disk and memory', response: wireModelStatus, handle: models.modelStatus }),
  route('POST', '/api/models/{model}/load', { role: 'admin', summary: 'Load a model', body: models.loadBody, response: wireModelStatus, handle: models.loadModel }),
  route('POST', '/api/models/{model}/unload', { role: 'admin', summary: 'Unload a model', body: models.unloadBody, response: wireModelStatus, handle: models.unloadModel }),
  route('POST', '/api/models/{model}/swap', { role: 'admin', summary: 'Let another model answer in its place, without a failed call', body: models.swapBody, response: models.swapped, handle: models.swapModel }),
  route('POST', '/api/models/{model}/measured', { role: 'admin', summary: 'Keep what an evaluation measured, for routing and voting', body: measured.measuredBody, response: wireModel, handle: measured.recordMeasured }),
  route('POST', '/api/models/{model}/pull', { role: 'admin', summary: 'Download this model', response: SSE, handle: pull.pullModel }),
  route('GET', '/api/models/{model}/logs', { role: 'admin', summary: 'What the runner of a model wrote', query: pull.logsQuery, response: 'text/plain', handle: pull.modelLogs }),
  route('GET', '/api/capabilities', { role: 'user', summary: 'All capabilities and who has them', response: system.capabilityList, handle: system.listCapabilities }),
  route('GET', '/api/capabilities/{capability}', { role: 'user', summary: 'The models with a capability, best first', response: system.capabilityModels, handle: system.getCapability }),
  route('GET', '/api/pool', { role: 'user', summary: 'What is in memory, and the limits', response: pool.wirePool, handle: pool.getPool }),
  route('POST', '/api/pool/evict', { role: 'admin', summary: 'Unload idle models until enough is free', body: pool.evictBody, response: pool.evicted, handle: pool.evict }),

  // Asking.
  route('POST', '/api/inference', { role: 'user', spends: true, summary: 'One question', body: inference.inferenceBody, response: wireAnswer, events: chatChunk, handle: inference.infer }),
  route('POST', '/api/inference/batch', { role: 'user', spends: true, summary: 'Many questions to one model', body: inference.batchBody, response: inference.wireResults, handle: inference.inferBatch }),
  route('POST', '/api/inference/parallel', { role: 'user', spends: true, summary: 'One question to many models, or many requests at once', body: inference.parallelBody, response: inference.wireResults, handle: inference.inferParallel }),
  route('POST', '/api/inference/orchestrated', { role: 'user', spends: true, summary: 'One question to several models that work together', body: orchestratedBody, response: wireAnswer, events: chatChunk, handle: inferOrchestrated }),
  route('POST', '/stream', { role: 'user', spends: true, summary: 'One question; the answer as plain text while it is written', body: streamBody, response: 'text/plain', events: streamEvent, handle: streamText }),
  route('POST', '/api/tokens/count', { role: 'user', summary: 'Count tokens without loading the model', body: system.countBody, response: system.counted, handle: system.countTokens }),

  // Tool calls, and what goes wrong.
  route('POST', '/api/tools/interpret', { role: 'user', spends: true, summary: 'Which tool calls a text means, or what a failed one should have been', body: tools.interpretBody, response: tools.interpreted, handle: tools.interpret }),
  route('POST', '/api/tools/mediate', { role: 'user', spends: true, summary: 'Make one model’s answer fit for another', body: tools.mediateBody, response: tools.mediated, handle: tools.mediate }),
  route('POST', '/api/tools/diagnose', { role: 'user', spends: true, summary: 'What to do about a failure', body: tools.diagnoseBody, response: tools.diagnosed, handle: tools.diagnose }),
  route('POST', '/api/tools/reinterpret', { role: 'user', spends: true, summary: 'What an answer that could not be used was to say', body: tools.reinterpretBody, response: tools.reinterpreted, handle: tools.reinterpret }),

  // Conversations between models.
  route('POST', '/api/conversations', { role: 'user', summary: 'Begin a conversation between models', body: conversations.startBody, response: wireConversation, handle: conversations.startConversation }),
  route('GET', '/api/conversations', { role: 'user', summary: 'The conversations that are kept, the one that changed last first', query: conversations.listQuery, response: conversations.conversationPage, handle: conversations.listConversations }),
  route('GET', '/api/conversations/{conversation}', { role: 'user', summary: 'A conversation: threads, what was said, and its health', response: wireConversation, handle: conversations.getConversation }),
  route('POST', '/api/conversations/{conversation}/messages', { role: 'user', spends: true, summary: 'Send a message to a participant', body: conversations.messageBody, response: conversations.routed, handle: conversations.routeMessage }),
  route('POST', '/api/conversations/{conversation}/respond', { role: 'user', spends: true, summary: 'Let a participant answer', body: conversations.respondBody, response: conversations.responded, handle: conversations.respond }),
  route('POST', '/api/conversations/{conversation}/tool-results', { role: 'user', summary: 'What a tool that a participant called has returned', body: conversations.toolResultBody, handle: conversations.addToolResult }),
  route('POST', '/api/conversations/{conversation}/consult', { role: 'user', spends: true, summary: 'Ask a participant outside its thread', body: conversations.consultBody, response: conversations.consulted, handle: conversations.consult }),
  route('POST', '/api/conversations/{conversation}/fork', { role: 'user', summary: 'A conversation of its own that goes on from a message', body: conversations.forkBody, response: wireConversation, handle: conversations.forkConversation }),

  // What ran, and what happens.
  route('GET', '/api/runs', { role: 'user', summary: 'Runs, the newest first', query: runs.runsQuery, response: runs.runPage, handle: runs.listRuns }),
  route('GET', '/api/runs/{run}', { role: 'user', summary: 'A run explained: its route and its steps', response: wireRun, handle: runs.getRun }),
  route('POST', '/api/runs/{run}/cancel', { role: 'user', summary: 'Stop a run', response: runs.cancelled, handle: runs.cancelRun }),
  route('POST', '/api/runs/{run}/reply', { role: 'user', spends: true, summary: 'Answer the question with which a run waits', body: runs.replyBody, response: wireAnswer, events: chatChunk, handle: runs.replyToRun }),
  route('POST', '/api/runs/{run}/resume', { role: 'user', spends: true, summary: 'Go on with a run that failed', body: runs.resumeBody, response: wireAnswer, events: chatChunk, handle: runs.resumeRun }),
  route('GET', '/api/stats', { role: 'user', summary: 'Figures over the runs', query: runs.statsQuery, response: runs.wireStats, handle: runs.getStats }),
  route('GET', '/api/events', { role: 'user', summary: 'What happens, as it happens', query: events.eventsQuery, response: SSE, handle: events.followEvents }),

  // The system.
  route('GET', '/api/status', { role: 'user', summary: 'Models, memory, processors, GPUs, backends, circuits', response: system.wireStatus, handle: system.getStatus }),
  route('GET', '/api/backends', { role: 'user', summary: 'The backends, and whether they answer', response: system.backendList, handle: system.listBackends }),
  route('GET', '/api/plugins', { role: 'user', summary: 'The plug-ins that are loaded', response: system.pluginList, handle: system.listPlugins }),
  route('POST', '/api/config/reload', { role: 'admin', summary: 'Read the config again', response: system.reloaded, handle: system.reloadConfig }),
  route('GET', '/', { role: 'public', summary: 'Leads to /docs', response: 'text/html', handle: home }),
  route('GET', '/healthz', { role: 'public', summary: 'Whether the process lives', response: health.alive, handle: health.healthz }),
  route('GET', '/readyz', { role: 'public', summary: 'Whether it can answer requests; 503 while not', response: health.readiness, handle: health.readyz }),
  route('GET', '/metrics', { role: 'user', summary: 'Figures for Prometheus', response: 'text/plain', handle: getMetrics }),
  route('GET', '/openapi.json', { role: 'public', summary: 'This list, for programs', response: 'application/json', handle: openapiJson }),
  route('GET', '/docs', { role: 'public', summary: 'This list, for people', response: 'text/html', handle: docsPage }),
  route('GET', '/docs/{file}', { role: 'public', summary: 'What the page loads', response: 'text/html', handle: docsFile }),
];

/** A server for `tutti`. It does not own it: closing the server leaves `tutti` open. */
export function createServer(tutti: Tutti, config: ServerConfig, options: ServerOptions = {}): TuttiServer {
  return createHttpServer(ROUTES, tutti, config, options);
}
