/**
 * The composition root's face, and the library's front door.
 *
 * @example
 * await using tutti = await createTutti();
 * const answer = await tutti.run({ model: 'embedded:base', input: 'What is 2 + 2?' });
 */
import { isDeepStrictEqual } from 'node:util';
import type { CountInput, PullProgress } from './contracts/backend.ts';
import type {
  Answer,
  CallRequest,
  ExecuteRequest,
  Execution,
  OrchestrateRequest,
  RunInput,
  RunRequest,
} from './contracts/library.ts';
import type { Logger } from './contracts/logger.ts';
import type { EmbedInput, Operation } from './contracts/operations.ts';
import type { Part } from './contracts/part.ts';
import type { Plugin } from './contracts/plugin.ts';
import type { Principal } from './contracts/principal.ts';
import type { ModelId, RunId } from './contracts/vocabulary.ts';
import { TuttiError } from './errors/error.ts';
import type { ConversationOptions } from './arbiter/conversation.ts';
import { createContextWindow, type ContextWindow, type ContextWindowOptions } from './arbiter/context-window.ts';
import { estimateTokens } from './arbiter/prompts/estimate.ts';
import { isSmall } from './arbiter/team.ts';
import { collectAnswer } from './composition/answer.ts';
import {
  createAssistants,
  type Assistants,
  type AssistantsOptions,
  type FailuresFace,
  type InterpreterFace,
  type MediatorFace,
} from './composition/assistants.ts';
import { Conversations } from './composition/conversations.ts';
import type { LedConversation } from './composition/led-conversation.ts';
import type { Backends } from './composition/backends.ts';
import { callOf } from './composition/call-of.ts';
import { toChatInput } from './composition/chat-request.ts';
import type { TuttiConfig } from './composition/config-schema.ts';
import { cpuMeter, findGpus, systemMemory } from './composition/devices.ts';
import { pullModel } from './composition/downloads.ts';
import type { ResumeRequest } from './composition/engine.ts';
import type { Measured } from './composition/measured.ts';
import { LOCAL_MEDIA, type MediaAccess } from './composition/media.ts';
import { toOrchestrateCall } from './composition/orchestrate-request.ts';
import { sourceOf, type TuttiOptions } from './composition/options.ts';
import { readSettings, type Settings, type SettingsSource } from './composition/settings.ts';
import { gpuStatus, memoryStatus, type Status } from './composition/status.ts';
import { System } from './composition/system.ts';
import type { Pool } from './pool/pool.ts';
import type { Registry } from './registry/registry.ts';
import type { Router } from './router/router.ts';
import type { RunStats, StatsQuery } from './runs/run-stats.ts';
import type { Runs } from './runs/runs.ts';
import { version } from './version.ts';

export { configJsonSchema } from './composition/json-schema.ts';
export type { TuttiConfig } from './composition/config-schema.ts';
export type { TuttiOptions } from './composition/options.ts';
export type { Settings } from './composition/settings.ts';

/** Reads and checks the config without starting anything. Errors: those of the config; `plugin_invalid`. */
export function readConfig(source: SettingsSource = {}): Promise<Settings> {
  return readSettings(source);
}

/** Starts a Tutti: reads the config, makes the parts, lists the local models. Remote ones are listed in the background. */
export async function createTutti(options: TuttiOptions = {}): Promise<Tutti> {
  const system = new System(options.settings ?? (await readSettings(sourceOf(options))), options);
  try {
    await system.start();
  } catch (error) {
    await system.close();
    throw error;
  }
  return new Tutti(system);
}

let shared: { readonly options: TuttiOptions; readonly tutti: Promise<Tutti> } | null = null;

/**
 * The one Tutti of this process, made at the first call. Later calls take no options, or the same.
 * Errors: `already_configured`.
 */
export async function getTutti(options?: TuttiOptions): Promise<Tutti> {
  if (shared === null) {
    const made = { options: options ?? {}, tutti: createTutti(options) };
    shared = made;
    const forget = (): void => {
      if (shared === made) shared = null;
    };
    made.tutti.then((tutti) => tutti.closed.then(forget), forget);
  } else if (options !== undefined && !isDeepStrictEqual(options, shared.options)) {
    throw new TuttiError(
      'already_configured',
      '`getTutti()` was called before with another config. Close that one first, or use `createTutti()`.',
    );
  }
  return shared.tutti;
}

/** Everything by one name. Made by `createTutti`; close it, or hold it with `await using`. */
export class Tutti implements AsyncDisposable {
  readonly version = version;
  readonly #system: System;
  readonly #cpu = cpuMeter();
  readonly #assistants: Assistants;
  /** The conversations that were begun, the thousand used last; with `runs.store_content` also those before a restart. */
  readonly conversations: Conversations;

  /** Use `createTutti`. */
  constructor(system: System) {
    this.#system = system;
    const perform: AssistantsOptions['perform'] = (work, options) => system.engine.perform(work, options);
    const resolve = (target: string): unknown => system.registry.resolve(target);
    this.conversations = new Conversations({
      perform,
      resolve,
      stored: system.conversations,
      clock: system.clock,
      log: system.log,
    });
    this.#assistants = createAssistants({
      perform,
      models: () => system.assistantModels,
      doubts: () => system.doubts,
      contextWindow: (target) => system.contextWindow(target),
      countOwn: (target, text) => system.ownTokens(target, text),
    });
    this.#cpu(); // so that the first look has something to compare with
  }

  /** Which model can do what, and what a name means. */
  get registry(): Registry {
    return this.#system.registry;
  }

  /** What evaluations measured: reliabilities and calibrations, kept in the data folder. */
  get measured(): Measured {
    return this.#system.measured;
  }

  /** Loaded models inside the memory budget. */
  get pool(): Pool {
    return this.#system.pool;
  }

  /** Runs under way and past ones. */
  get runs(): Runs {
    return this.#system.runs;
  }

  /** Every event: `tutti.events.on('run.completed', …)`; `since(id)` resumes. */
  get events(): Runs['events'] {
    return this.#system.runs.events;
  }

  get backends(): Backends {
    return this.#system.backends;
  }

  /** What a text is about, and how requests are routed. */
  get router(): Router {
    return this.#system.current.router;
  }

  /** The validated config, frozen. After a reload another object. */
  get config(): TuttiConfig {
    return this.#system.config;
  }

  /** Where relative paths of the config start: the folder of its file. */
  get directory(): string {
    return this.#system.settings.loaded.directory;
  }

  get log(): Logger {
    return this.#system.log;
  }

  /** Settles when this Tutti has been closed. */
  get closed(): Promise<void> {
    return this.#system.closed;
  }

  // --- Asking -----------------------------------------------------------------------------------------------------------

  /**
   * Asks a model, alias, orchestration or capability and gives the whole answer.
   * Errors: those of the request; `all_models_failed`; `cancelled`; `deadline_exceeded`.
   */
  async run(request: RunRequest, access: MediaAccess = LOCAL_MEDIA): Promise<Answer> {
    return collectAnswer(
      this.execute({
        ...callOf(request),
        operation: 'chat',
        input: await toChatInput(request, this.#within(access)),
        commit: 'finish',
      }),
    );
  }

  /** The same, part by part. Leaving the iteration stops the run. Parts of the step `root` are the answer. */
  async *stream(request: RunRequest, access: MediaAccess = LOCAL_MEDIA): AsyncGenerator<Part> {
    yield* this.execute({ ...callOf(request), operation: 'chat', input: await toChatInput(request, this.#within(access)) }).parts;
  }

  /**
   * Asks an orchestration that is given with the call, or a configured one by name. With `capability` and `numModels` in
   * place of members the best models for the capability take part.
   * Errors: `invalid_request` with the wrong key; those of `run`; `all_members_failed`, `no_consensus`.
   *
   * @example
   * await tutti.orchestrate({ strategy: 'consensus', capability: 'reasoning', numModels: 3, input: 'What is 12 + 30?' });
   */
  async orchestrate(request: OrchestrateRequest, access: MediaAccess = LOCAL_MEDIA): Promise<Answer> {
    return collectAnswer({ ...(await this.executeOrchestrated(request, 'finish', access)) });
  }

  /** The same as an execution, for those who want its parts. */
  async executeOrchestrated(
    given: OrchestrateRequest,
    commit: ExecuteRequest['commit'] = 'first-content',
    access: MediaAccess = LOCAL_MEDIA,
  ): Promise<Execution> {
    const { request, orchestration } = toOrchestrateCall(given);
    const input = await toChatInput(request, this.#within(access));
    return this.execute({ ...callOf(request), operation: 'chat', input, ...(orchestration && { orchestration }), commit });
  }

  /** Where nothing may leave this machine, nothing is fetched. */
  #within(access: MediaAccess): MediaAccess {
    return this.router.isLocalOnly ? { ...access, offline: true } : access;
  }

  /**
   * A model asks another: the best for the capability answers, never the one that asks.
   * Errors: `feature_disabled` (`orchestrator.enable_collaboration`), those of `run`.
   */
  collaborate(
    { from, ...request }: Omit<RunRequest, 'model' | 'requestedBy'> & { readonly from: ModelId },
    access?: MediaAccess,
  ): Promise<Answer> {
    this.checkCollaboration();
    return this.run({ ...request, requestedBy: this.#one(from).id }, access);
  }

  /** Throws `feature_disabled` when models may not ask each other. */
  checkCollaboration(): void {
    if (this.config.orchestrator.enable_collaboration) return;
    throw new TuttiError('feature_disabled', 'Collaboration is switched off: orchestrator.enable_collaboration is false.');
  }

  /**
   * Answers the question with which a run waits (its `status` is `waiting`); the run goes on under the same id.
   * Errors: `run_not_found`, `not_waiting`, `run_not_kept`, `stored_data_unreadable`, those of `run`.
   */
  async reply(id: RunId, reply: string, options: Omit<ResumeRequest, 'reply'> = {}): Promise<Answer> {
    return collectAnswer(this.resume(id, { commit: 'finish', ...options, reply }));
  }

  /**
   * Goes on with a run of an orchestration that waits for a reply, or failed: calls that had succeeded are not made again.
   * Such runs are kept in memory for a day; with `runs.store_content` in the database, also over a restart.
   * Errors: `run_not_found`, `not_waiting`, `run_not_kept`, `stored_data_unreadable`.
   */
  resume(id: RunId, options: ResumeRequest = {}): Execution {
    return this.#system.engine.resume(id, options);
  }

  /** The question with which a run waits; null when it does not wait. */
  questionOf(id: RunId): string | null {
    return this.#system.engine.questionOf(id);
  }

  /** One model, many inputs, at once. A result for each, in order; an input that fails does not stop the others. */
  async runBatch(
    request: Omit<RunRequest, 'input'> & { readonly inputs: readonly RunInput[] },
    access?: MediaAccess,
  ): Promise<BatchResult[]> {
    const { inputs, ...common } = request;
    return this.#settleAll(
      inputs.map((input) => ({ ...common, input })),
      access,
    );
  }

  /** Several requests at once, or one input for several models. A result for each, in order. */
  async runParallel(
    request: { readonly requests: readonly RunRequest[] } | (Omit<RunRequest, 'model'> & { readonly models: readonly string[] }),
    access?: MediaAccess,
  ): Promise<BatchResult[]> {
    if ('requests' in request) return this.#settleAll(request.requests, access);
    const { models, ...common } = request;
    return this.#settleAll(
      models.map((model) => ({ ...common, model })),
      access,
    );
  }

  async #settleAll(requests: readonly RunRequest[], access?: MediaAccess): Promise<BatchResult[]> {
    return Promise.all(
      requests.map(async (request, index): Promise<BatchResult> => {
        try {
          return { index, answer: await this.run(request, access) };
        } catch (error) {
          return { index, error: TuttiError.from(error) };
        }
      }),
    );
  }

  /** Vectors for texts. `model` default: the best with the capability `embedding`. */
  async embed(request: CallRequest & EmbedInput): Promise<Answer & { readonly vectors: readonly (readonly number[])[] }> {
    const { input, dimensions, user, extra, ...call } = request;
    const answer = await collectAnswer(
      this.execute({
        capability: 'embedding',
        ...call,
        operation: 'embed',
        input: { input, dimensions, user, ...(extra && { extra }) },
        commit: 'finish',
      }),
    );
    return { ...answer, vectors: (answer.output as { vectors: readonly (readonly number[])[] }).vectors };
  }

  /** The typed call below all others. Errors of routing are thrown at once, later ones come through `parts`. */
  execute<O extends Operation>(request: ExecuteRequest<O>): Execution {
    return this.#system.engine.execute(request);
  }

  /**
   * How many tokens a text or conversation is for a model, by its own tokenizer and chat template; nothing is loaded.
   * Errors: `model_not_found`; `unsupported_input` when only the provider can count.
   */
  async countTokens({ model, input }: { readonly model: string; readonly input: string | CountInput }): Promise<number> {
    const descriptor = this.#one(model);
    const backend = this.backends.of(descriptor);
    if (backend.countTokens === undefined) {
      throw new TuttiError('unsupported_input', `Only the provider can count the tokens of ${descriptor.id}.`, {
        param: 'model',
      });
    }
    return backend.countTokens(descriptor, input);
  }

  /**
   * A conversation that never outgrows this model's context window, counted by its own tokenizer where that can be asked: see
   * `createContextWindow` of `tutti/prompts`. `maxTokens` is the model's window by default; leave room for the answer.
   * Errors: `model_not_found`; `invalid_request` for options out of range.
   */
  contextWindow({ model, ...options }: { readonly model: string } & ContextWindowOptions): ContextWindow {
    const { id, contextWindow } = this.#one(model);
    return createContextWindow({
      ...(contextWindow !== undefined && { maxTokens: contextWindow }),
      countTokens: async (text) => (await this.#system.ownTokens(id, text)) ?? estimateTokens(text),
      ...options,
    });
  }

  /** Which tool calls a model meant, and what was wrong with those that failed. */
  get interpreter(): InterpreterFace {
    return this.#assistants.interpreter;
  }

  /** Rewrites one model's answer for another's context window and format. */
  get mediator(): MediatorFace {
    return this.#assistants.mediator;
  }

  /** What to do about a failure. */
  get failures(): FailuresFace {
    return this.#assistants.failures;
  }

  /**
   * A conversation between models, led by the caller: `route`, `respond`, `consult`.
   * Errors: `invalid_request` without participants, with more than `maxModels`, or with one twice; `model_not_found`.
   *
   * @example
   * const talk = tutti.conversation({ mode: 'direct', arbiter: 'embedded:base', participants: ['embedded:mini-a', 'embedded:mini-b'] });
   * await talk.route({ from: 'user', to: 'embedded:mini-a', message: 'What is 12 + 30?' });
   * const { response } = await talk.respond('embedded:mini-a');
   */
  conversation(options: ConversationOptions, who: { readonly principal?: Principal } = {}): LedConversation {
    const { arbiter, limits } = options;
    const target = typeof arbiter === 'object' ? arbiter?.model : arbiter;
    // One that is too small to judge would review at random.
    const arbiterReviewsAll = !isSmall(target === undefined ? null : this.#system.describe(target));
    return this.conversations.start({ ...options, limits: { arbiterReviewsAll, ...limits } }, who);
  }

  // --- Models -----------------------------------------------------------------------------------------------------------

  /**
   * Replaces a loaded model by another without a failed request. A remote one must be listed by its backend, or answer.
   * Errors: `feature_disabled`, `model_not_found`, those of loading; the old one then stays.
   */
  async swap(from: ModelId, to: ModelId): Promise<void> {
    if (!this.config.orchestrator.enable_hot_swap) {
      throw new TuttiError('feature_disabled', 'Swapping is switched off: orchestrator.enable_hot_swap is false.');
    }
    await this.pool.swap(this.#one(from, { ignoreSwaps: true }).id, this.#one(to, { ignoreSwaps: true }).id);
  }

  /** Who answers when the model cannot, in order. Replaces what the config said, until restart. Errors: `model_not_found`. */
  setFallbacks(id: ModelId, fallbacks: readonly string[]): void {
    for (const fallback of fallbacks) this.registry.resolve(fallback);
    this.registry.update(this.#one(id).id, { fallbacks: [...fallbacks] });
  }

  /**
   * Downloads a model: `hf:org/repo:Q4_K_M` into the folder of the llama-cpp backend, or `backend:name` by that backend.
   * Errors: `pull_failed`, `model_not_found`, `unknown_backend`.
   */
  pull(
    reference: string,
    { signal = new AbortController().signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncIterable<PullProgress> {
    return pullModel(this.#system, reference, signal);
  }

  /** The last lines that a model's runner wrote. Errors: `model_not_found`; `unsupported_input` for models without a runner. */
  logs(
    model: string,
    { follow = false, signal = new AbortController().signal }: { readonly follow?: boolean; readonly signal?: AbortSignal } = {},
  ): AsyncIterable<string> {
    const descriptor = this.#one(model);
    const backend = this.backends.of(descriptor);
    if (backend.logs === undefined)
      throw new TuttiError('unsupported_input', `${descriptor.id} has no runner here, so there is no log of it.`, {
        param: 'model',
      });
    return backend.logs(descriptor.name, { follow, signal });
  }

  #one(target: string, how: { readonly ignoreSwaps?: boolean } = {}): ReturnType<Registry['describe']> {
    const resolution = this.registry.resolve(target, how);
    if ('model' in resolution) return resolution.model;
    const model = resolution.by === 'alias' ? resolution.models[0] : undefined;
    if (model === undefined) throw new TuttiError('model_not_found', `${target} is no single model.`, { param: 'model' });
    return model;
  }

  // --- Looking ----------------------------------------------------------------------------------------------------------

  /** Figures over past runs. */
  stats(query: StatsQuery = {}): RunStats {
    return this.runs.stats(query);
  }

  /** What is loaded, what it takes, and how the machine is doing. Never rejects; waits at most a second for a server that does not answer. */
  async status(): Promise<Status> {
    const [servers, gpus] = await Promise.all([this.backends.servers(), findGpus()]);
    return {
      version,
      uptimeMs: this.#system.clock.now() - this.#system.startedAt,
      loadedModels: this.pool
        .list()
        .filter((model) => model.state === 'loaded')
        .map((model) => model.id),
      memoryUsage: this.pool.memory(),
      servers,
      activeRuns: this.runs.active().length,
      resources: { cpuPercent: this.#cpu(), memory: memoryStatus(systemMemory()), gpus: gpuStatus(gpus) },
      backends: this.backends.list(),
      circuits: this.#system.breakers.list(),
      storage: this.runs.status,
    };
  }

  /** Until a local Ollama has been looked for and every remote backend has listed its models, or failed to. Never rejects. */
  settled(): Promise<void> {
    return this.#system.settled();
  }

  /** Whether requests can be served now, and if not, why. */
  ready(): { readonly ok: boolean; readonly reasons: readonly string[] } {
    const reasons: string[] = [];
    if (this.#system.isClosing) reasons.push('Tutti is shutting down.');
    if (!this.#system.isStarted) reasons.push('Tutti is starting.');
    if (this.registry.list().length === 0) reasons.push('No model is registered.');
    return { ok: reasons.length === 0, reasons };
  }

  // --- Plug-ins ---------------------------------------------------------------------------------------------------------

  readonly plugins = {
    /** Loads a plug-in and registers what it brings. Errors: `plugin_invalid`. */
    load: (spec: string | Plugin): Promise<Plugin> => this.#system.loadPlugin(spec),
    list: (): { name: string; spec: string; backends: string[]; models: string[]; strategies: string[] }[] =>
      this.#system.plugins.map(({ spec, plugin }) => ({
        name: plugin.name,
        spec,
        backends: (plugin.backends ?? []).map((definition) => definition.type),
        models: (plugin.models ?? []).map((model) => model.id),
        strategies: (plugin.strategies ?? []).map((definition) => definition.strategy),
      })),
  };

  // --- Life -------------------------------------------------------------------------------------------------------------

  /**
   * Reads the config again; when it is good, swaps to it. What was changed while running lies over it. `changed` are sections;
   * `waiting` are keys that were read at the start, so that only a restart makes them count. Errors: those of the config.
   */
  reload(): Promise<{ readonly changed: readonly string[]; readonly waiting: readonly string[] }> {
    return this.#system.reload();
  }

  /** Takes no new requests, gives those that run `graceMs` (default 0) to end, then stops everything. May be called twice. */
  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    return this.#system.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** One result of `runBatch` and `runParallel`. */
export type BatchResult =
  | { readonly index: number; readonly answer: Answer; readonly error?: undefined }
  | { readonly index: number; readonly error: TuttiError; readonly answer?: undefined };
