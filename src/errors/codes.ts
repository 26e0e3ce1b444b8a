/**
 * Every error a user can meet: its HTTP status, whether trying again (here or at another model) can help, and what to do.
 * `docs/errors.md` is held against this table by a test.
 */
export interface ErrorCode {
  readonly status: number;
  /** Whether the same call may succeed later or at another model, so that fallbacks and retries apply. */
  readonly retryable: boolean;
  /** OpenAI's `error.type`. */
  readonly type:
    | 'invalid_request_error'
    | 'authentication_error'
    | 'permission_error'
    | 'not_found_error'
    | 'rate_limit_error'
    | 'server_error';
  /** One sentence: what it means and what to do. */
  readonly help: string;
}

const invalid = (help: string, status = 400): ErrorCode => ({ status, retryable: false, type: 'invalid_request_error', help });
const missing = (help: string): ErrorCode => ({ status: 404, retryable: false, type: 'not_found_error', help });
const server = (status: number, retryable: boolean, help: string): ErrorCode => ({
  status,
  retryable,
  type: 'server_error',
  help,
});

/** Every error by its code. */
export const ERROR_CODES = {
  // The request
  invalid_json: invalid('The body is not JSON. Check quotes and commas at the position given.'),
  invalid_request: invalid('A field has the wrong type or value. `param` names it; the message says what it takes.'),
  unsupported_input: invalid(
    'The model cannot take this kind of input (for example images). Choose a model with that capability.',
  ),
  unsupported_parameter: invalid('The model or orchestration cannot honour this setting. Leave it out or choose another model.'),
  context_length_exceeded: invalid(
    'The prompt is longer than the model’s context window. Shorten it by the number of tokens given, or choose a model with a larger window.',
  ),
  invalid_schema: invalid('The JSON schema or grammar cannot be used to constrain the answer. The message names the part.'),
  body_too_large: invalid('The body is over `server.max_body_mb`. Send less or raise the limit.', 413),
  file_not_allowed: {
    status: 403,
    retryable: false,
    type: 'permission_error',
    help: 'Over HTTP a path must lie inside `server.file_roots`, and a web address must be public; by `routing.privacy: local_only` none is asked. Send the bytes as a data URL or add the folder.',
  },
  file_not_found: invalid('The file named in the input does not exist or cannot be read.'),
  ambiguous_model: invalid('Several models fit this name. Use one of the ids given.'),
  method_not_allowed: invalid('The path exists, but not with this method. `Allow` names those it takes.', 405),

  // What was asked for
  not_found: missing('Nothing is at this path. `/openapi.json` lists all.'),
  model_not_found: missing('No model has this name. The message names the nearest; `GET /v1/models` lists all.'),
  unknown_backend: missing('No backend has this name. The message names those that are configured.'),
  run_not_found: missing('No run has this id, or retention has removed it.'),
  conversation_not_found: missing(
    'No conversation has this id, or it was forgotten: the thousand used last are kept, in memory; with `runs.store_content` in the database, for as long as runs are.',
  ),
  no_model_for_capability: server(
    503,
    false,
    'No registered model has this capability. Add one under `models:` or configure a backend that has one.',
  ),
  no_local_model: server(503, false, '`routing.privacy: local_only` left no model. Configure a local one, or relax the setting.'),

  // Who asks
  unauthorized: {
    status: 401,
    retryable: false,
    type: 'authentication_error',
    help: 'Send a configured key as `Authorization: Bearer <key>`.',
  },
  forbidden: {
    status: 403,
    retryable: false,
    type: 'permission_error',
    help: 'This key may not do that. Use a key with `role: admin`.',
  },
  rate_limited: {
    status: 429,
    retryable: true,
    type: 'rate_limit_error',
    help: 'Too many requests. Wait for `Retry-After` seconds.',
  },
  budget_exceeded: {
    status: 429,
    retryable: false,
    type: 'rate_limit_error',
    help: 'The key’s budget is spent. It renews at the time given.',
  },
  feature_disabled: invalid('The config switches this off. The message names the key under `orchestrator:`.', 409),

  // Loading and memory
  load_failed: server(
    503,
    true,
    'The model could not be loaded. The message has the runner’s reason; `tutti logs <model>` has the rest.',
  ),
  invalid_model_file: server(
    422,
    false,
    'The file is not a usable GGUF: truncated, corrupt or of an unsupported architecture. Download it again.',
  ),
  model_too_large: server(
    507,
    false,
    'The model needs more memory than the limit less what is pinned. The numbers are in the message; raise the limit or take a smaller quantisation.',
  ),
  out_of_memory: server(
    507,
    true,
    'The device ran out of memory while loading. Lower `context_size` or `gpu_layers`, or free memory.',
  ),
  runner_crashed: server(
    502,
    true,
    'The process that held the model ended in mid-call. It is started again by itself; `tutti logs <model>` says why it ended.',
  ),
  pool_closed: server(503, false, 'The pool is shutting down and takes no new work.'),
  queue_timeout: server(503, true, 'No room for the model became free in time. Try later, or raise the limits under `pool:`.'),
  model_in_use: invalid('The model answers calls just now and cannot be unloaded or replaced that way. Wait, or use swap.', 409),
  optional_dependency_missing: server(
    501,
    false,
    'A package that is needed for this was left out at installation. The message has the command that adds it.',
  ),

  // Upstreams
  upstream_unreachable: server(
    502,
    true,
    'The server of this backend cannot be reached. Check `base_url` and that it runs; `tutti doctor` tries each.',
  ),
  upstream_error: server(502, true, 'The provider answered with an error of its own. The message quotes it.'),
  upstream_rejected: {
    status: 400,
    retryable: false,
    type: 'invalid_request_error',
    help: 'The provider refused the request as invalid. The message quotes it.',
  },
  upstream_unauthorized: server(
    502,
    true,
    'The provider refused the key of this backend. Check `api_key` and its environment variable.',
  ),
  upstream_rate_limited: {
    status: 429,
    retryable: true,
    type: 'rate_limit_error',
    help: 'The provider limits the rate of this backend. Wait, or add a fallback.',
  },
  upstream_timeout: server(504, true, 'The provider sent nothing for the time given by `timeout_seconds`.'),
  upstream_invalid: server(502, true, 'The provider’s answer is not what its protocol says. The message quotes the start of it.'),
  stream_truncated: server(502, true, 'The stream ended without its closing event, so the answer is incomplete.'),
  backend_error: server(500, true, 'A backend failed in a way it did not foresee. Please report it with the message.'),

  // Combining
  all_models_failed: server(502, false, 'Every candidate failed. The message lists each with its reason.'),
  orchestration_loop: server(
    508,
    false,
    'Orchestrations call each other without end. The message names the step; change a member or the rule that leads back.',
  ),
  all_members_failed: server(
    502,
    false,
    'No member of the orchestration could answer. `error.tutti` lists each with its reason.',
  ),
  no_consensus: server(
    502,
    false,
    'The members answered, but not as `voting` and `quorum` ask for. `error.tutti` has each answer; lower the quorum, add members or a judge.',
  ),
  member_timeout: server(
    504,
    true,
    'A member of the orchestration took longer than its phase allows. Raise the limit under `timeouts`.',
  ),
  run_budget_exceeded: invalid(
    'The run has used up the calls, tokens or money that `budget` allows it. The message names the limit; raise it, or take fewer members.',
    422,
  ),
  unknown_member: invalid('A member named in `members` does not belong to the orchestration. The message names those that do.'),
  conversation_limit: invalid(
    'The conversation has had as many turns as its limit allows. Raise it, or fork the conversation at an earlier message.',
    409,
  ),
  awaiting_input: invalid(
    'The run waits for an answer: `POST /api/runs/{id}/reply` with `{reply}` goes on with it. The message is the question.',
    409,
  ),
  not_waiting: invalid(
    'The run does not wait for a reply, and did not fail in a way that can be resumed. `GET /api/runs/{id}` says how it ended.',
    409,
  ),
  run_not_kept: invalid(
    'The run waited for a reply or failed half-way, but what it needs to go on was kept in memory only and is gone, by a restart or after a day. Ask anew; `runs.store_content: true` keeps it in the database from then on.',
    410,
  ),

  // Running and stopping
  cancelled: server(499, false, 'The caller left or cancelled before the answer was complete.'),
  deadline_exceeded: server(504, false, 'The deadline given with the request passed before the answer was complete.'),
  shutting_down: server(503, true, 'The server is finishing what runs and takes no new work. Try another instance, or later.'),
  wait_timeout: server(408, true, 'The time to wait is over; the work goes on.'),
  already_configured: invalid(
    '`getTutti()` was already called with another config. Call `close()` first, or use `createTutti()`.',
    409,
  ),
  closed: server(503, false, 'This Tutti is closed.'),

  // Config, storage, files
  config_invalid: server(
    500,
    false,
    'The config has an error. The message has file, line and reason; `tutti config check` shows all.',
  ),
  config_not_found: server(500, false, 'The config file does not exist. Check the path, or write one with `tutti config init`.'),
  environment_missing: server(
    500,
    false,
    'The config reads an environment variable that is not set. Set it, or put it into `.env` beside the config.',
  ),
  storage_unavailable: server(
    503,
    true,
    'The database cannot be read or written (disk full, read-only or corrupt). Calls are still answered; history is not kept.',
  ),
  stored_data_unreadable: server(
    500,
    false,
    'What the database has of this run or conversation cannot be read: it is damaged, or another version of Tutti wrote it. Begin anew; `tutti doctor` checks the whole file.',
  ),
  port_in_use: server(500, false, 'Another program listens on this address. Stop it, or choose another with `--port`.'),
  listen_refused: server(
    500,
    false,
    'Tutti does not listen there: beyond loopback it needs an API key under `server.api_keys`, and the address must be one of this machine.',
  ),
  plugin_invalid: server(
    500,
    false,
    'The plug-in cannot be loaded or does not export a plug-in of API version 1. The message says which.',
  ),
  pull_failed: server(502, true, 'The download failed. Run the command again: it goes on where it stopped.'),
  checksum_mismatch: server(
    502,
    true,
    'The downloaded file does not have the checksum that the hub names. It was removed; pull again.',
  ),
  server_unreachable: server(
    502,
    true,
    'No Tutti server answers at this address. Start one with `tutti serve`, or leave `--url` out.',
  ),
  internal_error: server(500, false, 'A bug in Tutti. Please report it with the message and the run id.'),
} as const satisfies Record<string, ErrorCode>;

/** The code of an error: `model_not_found` and so on. */
export type Code = keyof typeof ERROR_CODES;
