/**
 * A run that can go on, as the text that the database keeps of it. Only what is named here is written, so that nothing
 * gets in by the way: no signal, no key, no role.
 */
import { z } from 'zod';
import { toolCallSchema } from '../contracts/chat.ts';
import type { ExecuteRequest } from '../contracts/library.ts';
import type { Part } from '../contracts/part.ts';
import { POLICIES } from '../contracts/policy.ts';
import type { RunId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { Journal, type JournalState } from '../host/journal.ts';
import { withoutSecrets } from '../runs/secret-fields.ts';
import { storedPrincipal } from '../runs/visibility.ts';
import type { ResumableRun } from './resumable-runs.ts';

/** Raised when what is written below changes, so that a text of another version is refused and not misread. */
const VERSION = 1;

const data = z.looseObject({});
const request = z.strictObject({
  operation: z.string().min(1),
  input: data,
  /** The id alone. */
  principal: z.string().optional(),
  model: z.string().optional(),
  capability: z.string().optional(),
  backend: z.string().optional(),
  priority: z.number().optional(),
  timeout: z.number().optional(),
  metadata: data.optional(),
  complexity: z.number().optional(),
  requiresSpeed: z.boolean().optional(),
  policy: z.enum(POLICIES).optional(),
  requestedBy: z.string().optional(),
  overrides: data.optional(),
  budget: data.optional(),
  confidence: z.boolean().optional(),
  steps: z.boolean().optional(),
  commit: z.enum(['first-content', 'finish']).optional(),
  orchestration: z.looseObject({ strategy: z.string() }).optional(),
});

const answer = z.looseObject({
  key: z.string(),
  model: z.string(),
  text: z.string(),
  reasoning: z.string().nullable(),
  toolCalls: z.array(toolCallSchema),
  finishReason: z.enum(['stop', 'length', 'tool_calls', 'content_filter']),
  confidence: z.looseObject({ score: z.number(), method: z.string() }).nullable(),
  usage: z.looseObject({ inputTokens: z.number(), outputTokens: z.number() }).nullable(),
});
const anyPart = z.looseObject({ type: z.string(), step: z.string() });
/** Of the steps of a call, without their content. */
const part = z.custom<Part>((value) => anyPart.safeParse(value).success, 'not a part');

const stored = z.strictObject({
  version: z.literal(VERSION),
  request,
  waiting: z.strictObject({ step: z.string(), question: z.string() }).nullable(),
  journal: z.strictObject({
    entries: z.array(z.tuple([z.string(), z.strictObject({ answer, trace: z.array(part), ms: z.number() })])),
    replies: z.array(z.tuple([z.string(), z.string()])),
    anew: z.array(z.tuple([z.string(), z.int()])),
    found: z.array(z.tuple([z.string(), z.array(z.string())])),
  }),
});

/** Throws what JSON throws. */
export function writeState(
  { request: given, waiting }: Pick<ResumableRun, 'request' | 'waiting'>,
  journal: JournalState,
): string {
  const { principal, ...rest } = given;
  const named = Object.entries(rest).filter(([name]) => Object.hasOwn(request.shape, name));
  const kept = { ...Object.fromEntries(named), ...(principal && { principal: principal.id }) };
  const [version, asked, question, done] = [VERSION, withoutKeys(kept), plain(waiting), plain(journal)];
  return `{"version":${version},"request":${asked},"waiting":${question},"journal":${done}}`;
}

const withoutKeys = (value: unknown): string => JSON.stringify(value, (name, inner) => withoutSecrets(name, inner));

/** JSON. Throws for bytes, which JSON would spoil without a word; no operation of Tutti's own has any. */
function plain(value: unknown): string {
  return JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, name, inner: unknown) {
    // Of a buffer, `inner` is what its `toJSON` gave.
    if (!ArrayBuffer.isView(this[name])) return inner;
    throw new TuttiError('unsupported_input', `The field ${name} has bytes, which a stored journal cannot hold.`);
  });
}

/** Errors: `stored_data_unreadable`. */
export function readState(id: RunId, text: string): ResumableRun {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(id, error instanceof Error ? error.message : String(error), error);
  }
  const parsed = stored.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw unreadable(id, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as it was written'}`, parsed.error);
  }
  const { request: read, waiting, journal } = parsed.data;
  const { principal, ...rest } = read;
  return {
    request: { ...rest, ...(principal !== undefined && { principal: storedPrincipal(principal) }) } as ExecuteRequest, // as it was written
    waiting,
    journal: new Journal(journal as JournalState), // as it was written
  };
}

function unreadable(id: RunId, why: string, cause: unknown): TuttiError {
  const message = `What the database has of the run ${id} cannot be read, so the run cannot go on (${why}). Ask anew.`;
  return new TuttiError('stored_data_unreadable', message, { param: 'run', cause });
}
