/**
 * What the systems before Tutti could do in the fields of the foundation and of orchestrations, and under which names it is
 * here: the library, the HTTP interface, the command line. `names.test.ts` checks that all names exist, and that each row has a test of its own.
 */
export interface Row {
  /** Below a Tutti (`registry.find`), or an export of the package (`createTutti`). */
  readonly library: readonly string[];
  /** Keys of the config. */
  readonly config?: readonly string[];
  readonly http?: readonly string[];
  /** Commands with their options: `models add --device`. */
  readonly cli?: readonly string[];
}

export const ROWS = {
  // Registry, pool, orchestrator.
  'get_orchestrator(config)': { library: ['createTutti', 'getTutti'], cli: ['serve'] },
  'get_capability_registry()': { library: ['registry'], http: ['GET /api/capabilities'], cli: ['models'] },
  'register_model(model_id, capabilities, metadata, load_args)': {
    library: ['registry.register', 'registry.unregister'],
    config: [
      'models.m.capabilities',
      'models.m.metadata',
      'models.m.load',
      'models.m.price',
      'models.m.quality',
      'models.m.speed',
      'models.m.fallbacks',
    ],
    http: ['POST /api/models', 'PATCH /api/models/{model}', 'DELETE /api/models/{model}'],
    cli: ['models add', 'models set', 'models remove'],
  },
  'metadata {size, device}': {
    library: ['registry.get', 'registry.find'],
    http: ['GET /api/models/{model}'],
    cli: ['models info'],
  },
  'load_args {device}': {
    library: ['registry.register'],
    config: [
      'models.m.load.device',
      'models.m.load.gpu_layers',
      'models.m.load.context_size',
      'models.m.load.threads',
      'models.m.pinned',
      'models.m.preload',
      'models.m.idle_unload_seconds',
    ],
    http: ['POST /api/models'],
    cli: ['models add --device'],
  },
  'find_models_with_capability(c)': {
    library: ['registry.find'],
    http: ['GET /api/capabilities/{capability}', 'GET /api/models'],
    cli: ['models --capability'],
  },
  'find_best_model(c)': {
    library: ['registry.best'],
    http: ['GET /api/capabilities/{capability}'],
    cli: ['models --capability --best'],
  },
  'performance ratings': { library: ['registry.rate'], http: ['PATCH /api/models/{model}'], cli: ['models set'] },
  'get_model_pool()': { library: ['pool'], http: ['GET /api/pool'], cli: ['ps'] },
  'get_model(id)': { library: ['pool.acquire'], http: ['POST /api/models/{model}/load'], cli: ['models load --no-wait'] },
  'release_model(id)': { library: ['pool.acquire'] },
  '(unload)': { library: ['pool.unload'], http: ['POST /api/models/{model}/unload'], cli: ['models unload'] },
  'preload(id)': { library: ['pool.preload'], http: ['POST /api/models/{model}/load'], cli: ['models load'] },
  'get_memory_usage()': { library: ['pool.memory'], http: ['GET /api/pool'], cli: ['ps'] },
  'evict_lru(target_memory_mb)': {
    library: ['pool.evict'],
    http: ['POST /api/pool/evict'],
    cli: ['models evict --target-memory-mb'],
  },
  'shared tokenizers, embeddings': { library: ['countTokens'], http: ['POST /api/tokens/count'] },
  'execute_task(capability, task, parameters)': {
    library: ['run'],
    http: ['POST /api/inference'],
    cli: ['run --capability --image --audio --file'],
  },
  'set_fallback_chain(id, chain)': {
    library: ['setFallbacks'],
    config: ['models.m.fallbacks'],
    http: ['PATCH /api/models/{model}'],
    cli: ['models set'],
  },
  'hot_swap_model(old, new)': { library: ['swap'], http: ['POST /api/models/{model}/swap'], cli: ['models swap'] },
  'get_status()': { library: ['status'], http: ['GET /api/status'], cli: ['ps'] },
  'ModuleManager.load(name)': {
    library: ['plugins.load', 'plugins.list'],
    config: ['plugins'],
    http: ['GET /api/plugins'],
    cli: ['serve --plugin'],
  },
  'config default_chat_model, default_code_model, default_vision_model': {
    library: ['run'],
    config: ['orchestrator.default_chat_model', 'orchestrator.default_code_model', 'orchestrator.default_vision_model'],
  },
  'config enable_auto_fallback, enable_hot_swap, enable_collaboration, enable_task_offloading': {
    library: ['swap'],
    config: [
      'orchestrator.enable_auto_fallback',
      'orchestrator.enable_hot_swap',
      'orchestrator.enable_collaboration',
      'orchestrator.enable_task_offloading',
    ],
  },
  'config max_loaded_models, gpu_memory_limit_mb, cpu_memory_limit_mb, fallback_to_cpu': {
    library: ['pool.memory'],
    config: ['pool.max_loaded_models', 'pool.gpu_memory_limit_mb', 'pool.cpu_memory_limit_mb', 'pool.fallback_to_cpu'],
  },

  // Phased orchestration: what of it is the foundation's.
  'KimiK2Client(provider="auto")': { library: ['run'], http: ['POST /v1/chat/completions'], cli: ['run'] },
  'get_stats()': { library: ['stats'], http: ['GET /api/stats'], cli: ['ps --stats'] },
  'EventBus, subscribe(type, f), event.data': { library: ['events.on'], http: ['GET /api/events'], cli: ['run --explain'] },
  'ACTION_START, ACTION_COMPLETE, ACTION_FAILED': { library: ['events.on'], http: ['GET /api/events'], cli: ['run --explain'] },
  'get_orchestrator() twice': { library: ['getTutti'] },
  'close()': { library: ['close'] },

  // The arbiter's routing.
  'routing.rules[].{condition, specialist}': { library: ['run'], config: ['routing.rules'], cli: ['run --explain'] },
  'task.complexity, task.type, task.requires_speed': { library: ['run'], http: ['POST /v1/chat/completions'] },
  'ollama01: 11 GB VRAM': {
    library: ['status'],
    config: ['backends.o.gpu_memory_limit_mb'],
    http: ['GET /api/pool'],
    cli: ['ps'],
  },

  // Three tiers: what of it is the foundation's.
  'EmbeddingService (768)': {
    library: ['embed'],
    http: ['POST /v1/embeddings'],
    cli: ['use embed --text --model'],
  },
  'LLMBackend, OllamaBackend, OpenAIBackend': { library: ['backends'], http: ['GET /api/backends'] },
  'generate(prompt, backend, **kwargs), default_backend': {
    library: ['run'],
    config: ['orchestrator.default_backend', 'backends.o.default_model'],
    http: ['POST /api/inference'],
    cli: ['run --backend'],
  },
  'ValueError "Unknown backend"': { library: ['run'], http: ['POST /api/inference'], cli: ['run --backend'] },
  generate_stream: { library: ['stream'], http: ['POST /stream', 'POST /v1/chat/completions'], cli: ['run'] },
  'record_query(type, duration, backend, cache_hit)': { library: ['runs.list'], http: ['GET /api/runs'] },
  'get_stats(): total_queries, avg_duration, cache_hit_rate, backend_usage': {
    library: ['stats'],
    http: ['GET /api/stats'],
    cli: ['ps --stats'],
  },

  // The HTTP interface.
  'GET /api/models/, /{id}, /{id}/status; POST /{id}/load, /unload': {
    library: ['registry.list', 'registry.get', 'pool.status', 'pool.acquire', 'pool.unload'],
    http: [
      'GET /api/models',
      'GET /api/models/{model}',
      'GET /api/models/{model}/status',
      'POST /api/models/{model}/load',
      'POST /api/models/{model}/unload',
    ],
    cli: ['models', 'models info', 'models load', 'models unload'],
  },
  'POST /api/inference/': { library: ['run'], http: ['POST /api/inference'], cli: ['run'] },
  'POST /api/inference/batch': { library: ['runBatch'], http: ['POST /api/inference/batch'], cli: ['run --batch'] },
  'POST /api/inference/parallel': { library: ['runParallel'], http: ['POST /api/inference/parallel'], cli: ['run --models'] },
  'resource monitoring CPU, memory, GPU': { library: ['status'], http: ['GET /api/status', 'GET /metrics'], cli: ['ps'] },
  'setup.sh, .env, uvicorn --reload, logs/': {
    library: ['createTutti'],
    config: ['server.log.level', 'server.log.file'],
    cli: ['config init', 'serve --watch'],
  },

  'POST /api/inference/orchestrated': {
    library: ['orchestrate'],
    http: ['POST /api/inference/orchestrated'],
    cli: ['run --strategy'],
  },
  'strategy performance, accuracy, cost (balanced) / ensemble, fallback': {
    library: ['orchestrate'],
    http: ['POST /api/inference/orchestrated'],
    cli: ['run --strategy'],
  },

  // Several models at once.
  'collaborate(requesting_model, target_capability, task)': {
    library: ['collaborate'],
    config: ['orchestrator.enable_collaboration'],
    http: ['POST /api/inference'],
    cli: ['run --from --capability'],
  },
  'smart_handoff(model_id, capability, task, confidence_threshold)': {
    library: ['orchestrate'],
    config: ['orchestrations.o.confidence_threshold'],
    http: ['POST /api/inference/orchestrated'],
    cli: ['run --strategy --members --capability --confidence-threshold'],
  },
  'execute_pipeline(stages[{capability, model_id}], initial_input)': {
    library: ['orchestrate', 'resume'],
    config: ['orchestrations.o.stages'],
    http: ['POST /api/inference/orchestrated', 'POST /api/runs/{run}/resume'],
    cli: ['run --strategy --stages', 'run --resume'],
  },
  'consensus(capability, task, num_models, voting_strategy)': {
    library: ['orchestrate'],
    config: ['orchestrations.o.voting'],
    http: ['POST /api/inference/orchestrated'],
    cli: ['run --strategy --capability --num-models --voting'],
  },

  'AgentCoordinator.execute_workflow(task, workflow), AgentRole': {
    library: ['run'],
    config: ['orchestrations.o.steps', 'orchestrations.o.roles.r.model', 'orchestrations.o.max_review_rounds'],
    http: ['POST /v1/chat/completions'],
    cli: ['run --workflow'],
  },
  'several instances of one model': { library: ['orchestrate'], config: ['orchestrations.o.members'] },

  // Phased orchestration.
  'ModelOrchestrator(kimi_client, chatgpt_model, chatgpt_api_key, vision_model, enable_verification)': {
    library: ['run'],
    config: ['orchestrations.o.context', 'orchestrations.o.reasoning', 'orchestrations.o.verification'],
  },
  'execute(task)': {
    library: ['run'],
    http: ['POST /v1/chat/completions', 'POST /api/inference/orchestrated'],
    cli: ['run'],
  },
  'tools=["kimi_k2","vision"]': { library: ['run'], http: ['POST /v1/chat/completions'], cli: ['run --members'] },
  available_tools: { library: ['run'], http: ['POST /v1/chat/completions'], cli: ['run --available-tools'] },
  'context, screenshot, web_search_query': {
    library: ['run'],
    http: ['POST /v1/chat/completions'],
    cli: ['run --context --image --web-search'],
  },
  'enable_verification per call': { library: ['run'], http: ['POST /v1/chat/completions'], cli: ['run --no-verification'] },
  'parallel_timeout, reasoning_timeout, verification_timeout': {
    library: ['run'],
    config: [
      'orchestrations.o.timeouts.context',
      'orchestrations.o.timeouts.reasoning',
      'orchestrations.o.timeouts.verification',
    ],
    http: ['POST /v1/chat/completions'],
    cli: ['run --timeout-context --timeout-reasoning --timeout-verification'],
  },
  'result.task, primary_answer': { library: ['run'], http: ['POST /api/inference'], cli: ['run'] },
  'model_results[ModelType] .success .content .error': {
    library: ['run'],
    http: ['POST /api/inference'],
    cli: ['run --explain'],
  },
  'verification.content.verdict': { library: ['run'], http: ['POST /api/inference'], cli: ['run --explain'] },
  confidence: { library: ['run'], http: ['POST /api/inference'], cli: ['run --explain'] },
  conflicts: { library: ['run'], http: ['POST /api/inference'], cli: ['run --explain'] },
  'models_used, execution_time_ms, fallback_chain': { library: ['run'], http: ['POST /api/inference'], cli: ['run --explain'] },
  '< 0.5 review, < 0.7 notify_human': {
    library: ['run', 'events.on'],
    config: ['review.suggested_below', 'review.needed_below', 'review.ask'],
    http: ['POST /api/inference', 'GET /api/events'],
    cli: ['run --explain'],
  },
  'example module': { library: [] },
  'primary_answer is None': { library: ['run'], http: ['POST /v1/chat/completions'], cli: ['run'] },

  // A model that has others as tools.
  'consult_specialist {specialist, query, context}': {
    library: ['run'],
    config: ['orchestrations.o.specialists'],
    http: ['POST /api/inference'],
    cli: ['run --explain'],
  },
  'consult_{coding,reasoning,analysis}_specialist': { library: ['run'], cli: ['run --explain'] },
  'start_multi_model_conversation, synthesize_responses': { library: ['run'], cli: ['run --explain'] },
  reinterpret_with_functiongemma: { library: ['run'], cli: ['run --explain'] },
  '(escalate to larger, system information)': { library: ['run'], config: ['orchestrations.o.larger'], cli: ['run --explain'] },
  'review_message, filter_context, review_response': { library: ['run'], http: ['GET /api/runs/{run}'], cli: ['run --explain'] },
  'get_specialist_prompt, arbiter.role': {
    library: ['run'],
    config: ['orchestrations.o.arbiter.instructions', 'orchestrations.o.specialists.s.instructions'],
  },
  'orchestration.arbiter.{model, server, role}, specialists.*.{model, server, context_window}, interpreter': {
    library: ['run'],
    config: [
      'orchestrations.o.arbiter.model',
      'orchestrations.o.specialists.s.model',
      'orchestrations.o.specialists.s.context_window',
      'interpreter.model',
      'interpreter.context_window',
    ],
  },
  'max_models_per_conversation, include_full_history, allow_model_to_model, arbiter_reviews_all': {
    library: ['run'],
    config: [
      'orchestrations.o.conversation.max_models',
      'orchestrations.o.conversation.include_full_history',
      'orchestrations.o.conversation.allow_model_to_model',
      'orchestrations.o.conversation.arbiter_reviews_all',
    ],
  },
  'response.unclear_tool_calls': { library: ['run'], config: ['routing.rules'], http: ['POST /api/inference'] },
  call_functiongemma: { library: ['interpreter.interpret'], config: ['interpreter.model'], http: ['POST /api/tools/interpret'] },

  // Models that talk to each other, and what helps them.
  escalate_to_user: { library: ['reply', 'resume'], http: ['POST /api/runs/{run}/reply'], cli: ['run --reply'] },
  'ModelConversation(arbiter, participants) / ArbitratedConversation(arbiter)': {
    library: ['conversation'],
    http: ['POST /api/conversations', 'GET /api/conversations/{conversation}'],
    cli: ['chat'],
  },
  'route_message(from, to, message, include_history)': {
    library: ['conversation'],
    http: ['POST /api/conversations/{conversation}/messages'],
  },
  'get_response(model, tools)': {
    library: ['conversation'],
    http: ['POST /api/conversations/{conversation}/respond', 'POST /api/conversations/{conversation}/tool-results'],
  },
  'consult_model(model, query, context_filter)': {
    library: ['conversation'],
    http: ['POST /api/conversations/{conversation}/consult'],
  },
  'threads, shared_context, full_history': {
    library: ['conversations.get', 'conversations.fork'],
    http: ['GET /api/conversations/{conversation}', 'POST /api/conversations/{conversation}/fork'],
  },
  'interpret_tool_call(raw_response, available_tools)': {
    library: ['interpreter.interpret'],
    config: ['interpreter.model'],
    http: ['POST /api/tools/interpret'],
    cli: ['use interpret --text --message --tools'],
  },
  'clarify_failed_call(failed_call, error, available_tools)': {
    library: ['interpreter.repair'],
    http: ['POST /api/tools/interpret'],
    cli: ['use interpret --call --error --tools'],
  },
  'translate_response(from_response, to_context)': {
    library: ['mediator.mediate'],
    config: ['mediator.model'],
    http: ['POST /api/tools/mediate'],
    cli: ['use mediate --to --context --as --tools'],
  },
  'diagnose_failure({phase, error, recent_actions, state})': {
    library: ['failures.diagnose'],
    config: ['failures.model'],
    http: ['POST /api/tools/diagnose'],
    cli: ['use diagnose --phase --error --recent-actions --state'],
  },
  'suggest_retry_with_changes, _phase_change, request_user_input, suggest_rollback, _alternative_approach': {
    library: ['failures.diagnose'],
    http: ['POST /api/tools/diagnose'],
    cli: ['use diagnose'],
  },
  'reinterpret_response(original, failure_reason)': {
    library: ['failures.reinterpret'],
    http: ['POST /api/tools/reinterpret'],
    cli: ['use reinterpret --failure-reason'],
  },

  // Prompts, by `tutti/prompts`.
  'build_prompt(phase, task, context)': { library: [] },
  'chunk_prompt(parts, model_limits), estimate_tokens': { library: [] },
  'PromptTemplate.render, CODING_TEMPLATE': { library: [], config: ['prompts'] },
  'ContextManager(max_tokens=16384), add_message, get_context, current_tokens': { library: [] },

  // Numbers, and what the earlier systems had for later.
  '0.3, 20 %, and their order': { library: ['run'] },
  '0.7 and 0.5: review': { library: ['events.on'] },
  'complexity on a scale of 0..10': { library: ['router.classify'] },
  '3 loaded models, 8000 MB of GPU, 16000 MB of main memory': { library: ['pool.memory'], http: ['GET /api/pool'] },
  'several GPUs': { library: ['pool.acquire'], config: ['pool.gpu_memory_limit_mb', 'models.m.load.device'] },
  'cost-aware routing': { library: ['run'], config: ['routing.policy', 'models.m.price'] },
  'A/B; streaming of intermediate results; model switching': {
    library: ['stream', 'swap'],
    config: ['orchestrations.o.arms', 'orchestrations.o.sticky'],
    http: ['POST /v1/chat/completions'],
  },
  'text + images': { library: ['run'], http: ['POST /v1/chat/completions', 'POST /api/inference'], cli: ['run --image'] },
} as const satisfies Record<string, Row>;

export type RowName = keyof typeof ROWS;
