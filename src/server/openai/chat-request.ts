/** The body of `POST /v1/chat/completions`, and what of it goes where. */
import { z } from 'zod';
import { budgetSchema, toBudgetLimits } from '../../composition/orchestration.ts';
import { chatInput, type ChatInput } from '../../contracts/chat.ts';
import type { CallOverrides } from '../../contracts/orchestrated.ts';
import { CAPABILITY_PATTERN } from '../../contracts/vocabulary.ts';
import { present } from '../wire/answer.ts';
import { unknownFields } from './unknown-fields.ts';

const names = z.array(z.string().min(1)).min(1);
const LONGEST_SECONDS = 86_400;

/** What a single call may change of the orchestration that answers it; others ignore it. */
const overrides = {
  members: names.optional().describe('Only these members take part, by name or model, in this order.'),
  available_tools: z
    .array(z.string().min(1))
    .optional()
    .describe('The tools that a plan may name; others in it are a conflict, `tool_unavailable`.'),
  context: z.string().optional().describe('What the models are to know beside the question.'),
  web_search_query: z.string().min(1).optional().describe('What to search the web for. Without it nothing is searched for.'),
  verification: z.boolean().optional().describe('Whether the answer is verified.'),
  timeouts: z
    .record(z.string(), z.number().positive().max(LONGEST_SECONDS))
    .optional()
    .describe('Seconds, by phase: `context`, `reasoning`, `verification` …'),
  workflow: names.optional().describe('The roles of a `workflow`, in order.'),
};

/** Tutti's own settings of a call: the object `tutti` in the body, and the same fields at the top level of `/api/inference`. */
export const tuttiSettings = z.strictObject({
  backend: z.string().min(1).optional().describe('Only models of this backend.'),
  capability: z
    .string()
    .regex(CAPABILITY_PATTERN, 'a capability is a snake_case word')
    .optional()
    .describe('The kind of work, for routing.'),
  priority: z.int().min(-1000).max(1000).optional().describe('Larger goes first. Default 0.'),
  timeout: z.number().positive().max(LONGEST_SECONDS).optional().describe('Seconds for the whole run. Default: no limit.'),
  complexity: z.number().min(0).max(10).optional().describe('Overrides the detected `task.complexity`.'),
  requires_speed: z.boolean().optional().describe('Overrides the detected `task.requires_speed`.'),
  metadata: z.record(z.string(), z.unknown()).optional().describe('Kept with the run; `request.metadata` in rules.'),
  ...overrides,
  budget: budgetSchema.optional().describe('What the whole run may consume.'),
  confidence: z.boolean().optional().describe('Ask for a confidence also where no orchestration needs one.'),
  steps: z.boolean().optional().describe('In a stream: tell what members do and write, as `tutti.step`.'),
});
export type TuttiSettings = z.infer<typeof tuttiSettings>;

const fields = chatInput.omit({ extra: true }).extend({
  model: z
    .string()
    .min(1)
    .default('auto')
    .describe('A model’s id, an alias, an orchestration, a capability or `auto` (the default).'),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish().describe('Kept with the run; `request.metadata` in rules.'),
  tutti: tuttiSettings.optional(),
});
export const chatRequest = fields.refine(({ logprobs, top_logprobs }) => logprobs === true || !top_logprobs, {
  path: ['top_logprobs'],
  message: 'it needs `logprobs: true`',
});
export type ChatRequest = z.infer<typeof chatRequest>;

const KNOWN_FIELDS = new Set(Object.keys(fields.shape));
const NOT_INPUT = ['model', 'stream', 'stream_options', 'metadata', 'tutti'] as const;

/** The input of the call, with the fields that Tutti does not know as `extra`. */
export function toChatInput(request: ChatRequest, body: unknown): ChatInput {
  const input: Record<string, unknown> = { ...request };
  for (const field of NOT_INPUT) delete input[field];
  const extra = unknownFields(body, KNOWN_FIELDS);
  return { ...(input as ChatInput), ...(extra !== undefined && { extra }) };
}

/** Tutti's settings as the library takes them: camelCase and milliseconds. */
export function toCallSettings(settings: TuttiSettings) {
  return {
    ...(settings.backend !== undefined && { backend: settings.backend }),
    ...(settings.capability !== undefined && { capability: settings.capability }),
    ...(settings.priority !== undefined && { priority: settings.priority }),
    ...(settings.timeout !== undefined && { timeout: settings.timeout * 1000 }),
    ...(settings.complexity !== undefined && { complexity: settings.complexity }),
    ...(settings.requires_speed !== undefined && { requiresSpeed: settings.requires_speed }),
    ...(settings.metadata !== undefined && { metadata: settings.metadata }),
    ...(settings.budget !== undefined && { budget: toBudgetLimits(settings.budget) }),
    ...(settings.confidence !== undefined && { confidence: settings.confidence }),
    ...(settings.steps !== undefined && { steps: settings.steps }),
    overrides: toOverrides(settings),
  };
}

function toOverrides(settings: TuttiSettings): CallOverrides {
  return present({
    members: settings.members,
    availableTools: settings.available_tools,
    context: settings.context,
    webSearchQuery: settings.web_search_query,
    verification: settings.verification,
    timeouts: settings.timeouts && inMilliseconds(settings.timeouts),
    workflow: settings.workflow,
  });
}

function inMilliseconds(seconds: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(seconds).map(([phase, limit]) => [phase, limit * 1000]));
}
