/**
 * The arbiter's three decisions in a conversation: what happens to a message (`review_message`), what a model is shown
 * (`filter_context`), and what happens to an answer (`review_response`). Each is a question to the arbiter model that it
 * answers in JSON. An answer that cannot be read changes nothing: moderation that fails must not end a conversation.
 */
import { jsonIn } from '../answers/data.ts';
import type { ChatInput, JsonSchema } from '../contracts/chat.ts';
import { asObject, asString } from '../lib/json-value.ts';
import type { RouteAction, SharedEntry } from './conversation-log.ts';

/** The names of the arbiter's decisions, as the steps of the trace have them. */
export type DecisionStep = 'review_message' | 'filter_context' | 'review_response';

/** What became of a message. */
export interface MessageDecision {
  readonly action: RouteAction;
  readonly to: string;
  readonly message: string;
  readonly reason?: string;
}

/** What became of an answer. */
export interface ResponseDecision {
  readonly action: 'pass' | 'modified' | 'stopped';
  readonly response: string;
  readonly reason?: string;
}

/** A message on its way. */
export interface MessageToReview {
  readonly from: string;
  readonly to: string;
  readonly message: string;
  readonly participants: readonly string[];
  readonly recent: readonly SharedEntry[];
}

const ROLE = 'You moderate a conversation between AI models. Answer with JSON only.';

/** How much of each earlier answer a moderator sees. */
const EXCERPT = 300;

export function messageQuestion({ from, to, message, participants, recent }: MessageToReview): ChatInput {
  const schema = {
    action: { type: 'string', enum: ['pass', 'modify', 'redirect', 'stop'] },
    message: { type: 'string' },
    to: { type: 'string', enum: [...participants] },
    reason: { type: 'string' },
  };
  return question(schema, [
    `${from} has written to ${to}. Decide what happens to the message: "pass" sends it as it is, "modify" sends your \`message\` in its place, "redirect" sends it to \`to\`, "stop" ends the exchange because it goes nowhere or is finished.`,
    excerpts('Said before:', recent),
    `Message:\n${message}`,
  ]);
}

export function readMessageDecision(text: string, { from, to, message, participants }: MessageToReview): MessageDecision {
  const given = decisionIn(text);
  const changed = given.message ?? message;
  switch (given.action) {
    case null:
    case 'pass':
      return { action: 'pass', to, message, ...given.because };
    case 'modify':
      return { action: changed === message ? 'pass' : 'modified', to, message: changed, ...given.because };
    case 'redirect':
      if (given.to === null || given.to === to || given.to === from || !participants.includes(given.to))
        return { action: 'pass', to, message };
      return { action: 'redirected', to: given.to, message: changed, ...given.because };
    case 'stop':
      return { action: 'stopped', to, message, ...given.because };
    default:
      return given.action satisfies never;
  }
}

export function contextQuestion(model: string, query: string, entries: readonly SharedEntry[]): ChatInput {
  const schema = {
    use: { type: 'array', items: { type: 'string', enum: entries.map(({ id }) => id) } },
    reason: { type: 'string' },
  };
  return question(schema, [
    `${model} is about to be asked the question below. Choose in \`use\` the numbers of what it has to know for that, and nothing else.`,
    excerpts('Said so far:', entries),
    `Question:\n${query}`,
  ]);
}

/** All entries when the answer names none that exist in a readable way; an empty list is a choice, too. */
export function readContextDecision(text: string, entries: readonly SharedEntry[]): SharedEntry[] {
  const use = asObject(jsonIn(text)?.value)?.['use'];
  if (!Array.isArray(use)) return [...entries];
  const ids = new Set(use.map(String));
  const chosen = entries.filter(({ id }) => ids.has(id));
  return chosen.length === 0 && ids.size > 0 ? [...entries] : chosen;
}

export function responseQuestion(model: string, query: string, response: string): ChatInput {
  const schema = {
    action: { type: 'string', enum: ['pass', 'modify', 'stop'] },
    message: { type: 'string' },
    reason: { type: 'string' },
  };
  return question(schema, [
    `${model} has answered a question. Decide what happens to the answer: "pass" hands it on as it is, "modify" hands on your \`message\` in its place, "stop" holds it back because it is of no use.`,
    `Question:\n${query}`,
    `Answer:\n${response}`,
  ]);
}

export function readResponseDecision(text: string, response: string): ResponseDecision {
  const given = decisionIn(text);
  if (given.action === 'stop') return { action: 'stopped', response, ...given.because };
  const changed = given.action === 'modify' ? (given.message ?? response) : response;
  return { action: changed === response ? 'pass' : 'modified', response: changed, ...given.because };
}

function question(properties: JsonSchema, paragraphs: readonly string[]): ChatInput {
  const [decisive = ''] = Object.keys(properties);
  const schema = { type: 'object', properties, required: [decisive], additionalProperties: false };
  return {
    messages: [
      { role: 'system', content: ROLE },
      { role: 'user', content: paragraphs.filter((paragraph) => paragraph !== '').join('\n\n') },
    ],
    temperature: 0,
    response_format: { type: 'json_schema', json_schema: { name: 'decision', schema } },
  };
}

function excerpts(title: string, entries: readonly SharedEntry[]): string {
  if (entries.length === 0) return '';
  const lines = entries.map(({ id, model, response }) => {
    const short = response.length > EXCERPT ? `${response.slice(0, EXCERPT)}…` : response;
    return `[${id}] ${model}: ${short}`;
  });
  return [title, ...lines].join('\n');
}

const ACTIONS = ['pass', 'modify', 'redirect', 'stop'] as const;

interface GivenDecision {
  readonly action: (typeof ACTIONS)[number] | null;
  readonly message: string | null;
  readonly to: string | null;
  readonly because: { readonly reason?: string };
}

function decisionIn(text: string): GivenDecision {
  const object = asObject(jsonIn(text)?.value) ?? {};
  const [message, to, reason] = ['message', 'to', 'reason'].map((key) => asString(object[key])?.trim() || null);
  return {
    // `passed`, `Modified` and the like are the same words.
    action: ACTIONS.find((action) => asString(object['action'])?.toLowerCase().startsWith(action.slice(0, 4))) ?? null,
    message: message ?? null,
    to: to ?? null,
    because: reason == null ? {} : { reason },
  };
}
