/** The router's parts of the config: `routing:` and `orchestrator:`. Light: nothing heavy is imported. */
import { z } from 'zod';
import { POLICIES, type Policy } from '../contracts/policy.ts';

export { POLICIES, type Policy };

export const PRIVACY_LEVELS = ['local_only', 'prefer_local', 'any'] as const;

export const routingRule = z.strictObject({
  /** A CEL expression that gives true or false. The variables are listed in `rules.ts`. */
  when: z.string().min(1),
  /** What answers when it is true: a model id, an alias, an orchestration or a capability. */
  use: z.string().min(1),
  /** Looked at once the answer is there, with `response.*`, instead of before the call. The answer is held back for it. */
  after: z.boolean().default(false),
});
export type RoutingRule = z.output<typeof routingRule>;

export const routingSchema = z.strictObject({
  /** How candidates of a capability or of `auto` are ranked. */
  policy: z.enum(POLICIES).default('balanced'),
  /** For `model: auto`. The first whose `when` is true decides. */
  rules: z.array(routingRule).default([]),
  /** `local_only`: no call leaves this machine, fallbacks included; nor is anything fetched that a request names by web address. `prefer_local`: models here come first. */
  privacy: z.enum(PRIVACY_LEVELS).default('any'),
  /** How often the same model is tried again after an error of its upstream, before the next candidate. */
  retries: z.int().min(0).max(5).default(1),
  circuit_breaker: z
    .strictObject({
      /** So many failures in a row open the circuit. */
      failures: z.int().min(1).default(3),
      /** How long it stays open the first time. Doubles, up to 10 minutes, each time the trial after it fails. */
      cooldown_seconds: z.number().positive().default(30),
    })
    .prefault({}),
});
export type RoutingConfig = z.output<typeof routingSchema>;

export const orchestratorSchema = z.strictObject({
  /** Answers `auto` requests that are ordinary chat. `auto`: the policy's best. */
  default_chat_model: z.string().min(1).default('auto'),
  /** The same for requests about code. */
  default_code_model: z.string().min(1).default('auto'),
  /** The same for requests with images. */
  default_vision_model: z.string().min(1).default('auto'),
  /** The backend whose models answer `auto` requests when no rule and no default model does. */
  default_backend: z.string().min(1).optional(),
  /** False: models cannot ask each other for help. */
  enable_collaboration: z.boolean().default(true),
  /** False: no fallback but those given explicitly. */
  enable_auto_fallback: z.boolean().default(true),
  /** False: `swap` is refused. */
  enable_hot_swap: z.boolean().default(true),
  /** False: `submit` is refused. */
  enable_task_offloading: z.boolean().default(true),
  /** Calls of models that one run may make, whatever its orchestrations and its own budget allow. */
  max_calls_per_run: z.int().min(1).default(500),
});
export type OrchestratorConfig = z.output<typeof orchestratorSchema>;
