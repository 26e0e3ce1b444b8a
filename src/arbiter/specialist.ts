/** Who can be consulted, what it is asked, and what the one who asks gets back. Pure. */
import type { ChatInput, ChatMessage, ContentPart } from '../contracts/chat.ts';
import { chatFor, type Member } from '../contracts/member.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { StrategyRequest } from '../contracts/strategy.ts';
import type { SpecialistConfig } from './arbiter-config.ts';
import { fitMessages, isSystem, messageTokens } from './context-fit.ts';
import { tokenRatio, type CountOwnTokens } from './own-tokens.ts';
import { chunkPrompt } from './prompts/chunk.ts';
import { estimateTokens } from './prompts/estimate.ts';

/** A model that can be asked by its name. */
export interface Specialist {
  readonly name: string;
  /** What it is good at. */
  readonly description: string;
  /** The model with its settings and instructions. */
  readonly member: Member;
  /** Tokens; null: unknown, so nothing is cut. */
  readonly contextWindow: number | null;
  /** How many of these it takes for each that is estimated. Default 1. */
  readonly tokenRatio?: number;
  readonly seesImages: boolean;
}

/** What a consultation gives: the result of every tool that asks a model. */
export interface ConsultResult {
  /** The tool that was called. */
  readonly tool: string;
  readonly success: boolean;
  /** The answer, or why there is none. */
  readonly response: string;
  /** What the model thought before it answered, where it tells. */
  readonly reasoning: string | null;
}

/** What specialists are good at, when only their usual names say so. */
const USUAL: Readonly<Record<string, string>> = {
  coding: 'Writes and fixes programs',
  code: 'Writes and fixes programs',
  code_generation: 'Writes and fixes programs',
  debugging: 'Finds bugs and errors in programs',
  reasoning: 'Solves puzzles and logic problems',
  analysis: 'Analyzes data and reports',
  math: 'Calculates and solves equations',
  writing: 'Writes stories, letters and poems',
  text_generation: 'Writes stories, letters and poems',
  translation: 'Translates between languages',
  summaries: 'Summarizes long texts',
  summarization: 'Summarizes long texts',
  vision: 'Looks at images',
  research: 'Finds and gathers information',
  web_search: 'Searches the web',
};

/** A specialist of the config, with what is known of its model. */
export function toSpecialist(
  name: string,
  given: SpecialistConfig,
  describe: (target: string) => ModelDescriptor | null,
): Specialist {
  const { model, capability, description, context_window, ...own } = given;
  const target = model ?? capability ?? name;
  const known = describe(target);
  return {
    name,
    description:
      description ??
      describedBy(known) ??
      USUAL[name.toLowerCase()] ??
      USUAL[capability ?? ''] ??
      (name === target ? madeFor(known) : `Specialist in ${name.replaceAll(/[_-]+/g, ' ')}`),
    member: { ...own, model: target },
    contextWindow: context_window ?? known?.contextWindow ?? null,
    seesImages: known?.capabilities.includes('vision') ?? capability === 'vision',
  };
}

function describedBy(known: ModelDescriptor | null): string | undefined {
  const description = known?.metadata?.['description'];
  return typeof description === 'string' ? description : undefined;
}

/** A model without a name of its own is told by what it can do. */
function madeFor(known: ModelDescriptor | null): string {
  const capabilities = (known?.capabilities ?? []).map((capability) => capability.replaceAll('_', ' '));
  return capabilities.length === 0 ? 'Another model' : `A model for ${capabilities.join(', ')}`;
}

/** A prompt takes this share of a context window at most; the rest is for the answer. */
const PROMPT_SHARE = 0.75;

/** What is asked in a consultation. */
export interface Consultation {
  readonly query: string;
  /** What the specialist should know for it. */
  readonly context: string;
  /** What came before in the conversation, where it may see that. */
  readonly history?: readonly ChatMessage[];
  /** Images of the question. */
  readonly images?: readonly ContentPart[];
}

/** The call of a consultation. It is a question by itself: no tools, and none of the settings of the request. */
export function consultation(
  { query, context, history = [], images = [] }: Consultation,
  specialist: Specialist,
): StrategyRequest<'chat'> {
  const limit = promptLimit(specialist);
  const text = (known: string): string => (known === '' ? query : `Context:\n${known}\n\n${query}`);
  const known = startThatFits(context.trim(), limit - estimateTokens(text(' ')));
  const shown = specialist.seesImages ? images : [];
  const question: ChatMessage = {
    role: 'user',
    content: shown.length === 0 ? text(known) : [{ type: 'text', text: text(known) }, ...shown],
  };
  return chatFor({ messages: fitMessages([...history, question], { maxTokens: limit }) }, specialist.member);
}

/** The call of the one who answers in the run's name: the request itself, with the specialist's settings. */
export function authorship(request: ChatInput, specialist: Specialist, context: string): StrategyRequest<'chat'> {
  const limit = promptLimit(specialist);
  // It comes with the system message, which always stays.
  const known = startThatFits(context.trim(), limit - request.messages.reduce((sum, one) => sum + messageTokens(one), 0));
  const messages = fitMessages(withContext(request.messages, known), { maxTokens: limit });
  return chatFor({ ...request, messages }, specialist.member);
}

/** A text that is too long loses its end. */
export function startThatFits(text: string, maxTokens: number): string {
  if (estimateTokens(text) <= maxTokens) return text;
  return maxTokens < 1 ? '' : (chunkPrompt([text], { maxPromptTokens: maxTokens })[0] ?? '');
}

/** In estimated tokens. */
function promptLimit({ contextWindow, tokenRatio: ratio = 1 }: Specialist): number {
  return contextWindow === null ? Number.POSITIVE_INFINITY : Math.floor((contextWindow * PROMPT_SHARE) / ratio);
}

/** The specialist, weighed: how it counts texts like those that it is to get. */
export async function weighed(specialist: Specialist, text: string, countOwn: CountOwnTokens | undefined): Promise<Specialist> {
  if (specialist.contextWindow === null) return specialist;
  return { ...specialist, tokenRatio: await tokenRatio(specialist.member.model, text, countOwn) };
}

/** With more to know beside the question, in the system message: many chat templates take one only, and only at the start. */
export function withContext(messages: readonly ChatMessage[], context: string): ChatMessage[] {
  if (context.trim() === '') return [...messages];
  const [first, ...rest] = messages;
  const known = `Context:\n${context.trim()}`;
  if (first !== undefined && isSystem(first) && typeof first.content === 'string') {
    return [{ role: 'system', content: `${first.content}\n\n${known}` }, ...rest];
  }
  return [{ role: 'system', content: known }, ...messages];
}

/** With more behind the question, in the last user message: many chat templates take no two of them in a row. */
export function withAfterthought(messages: readonly ChatMessage[], text: string): ChatMessage[] {
  const last = messages.at(-1);
  if (last?.role !== 'user') return [...messages, { role: 'user', content: text }];
  const content =
    typeof last.content === 'string' ? `${last.content}\n\n${text}` : [...last.content, { type: 'text' as const, text }];
  return [...messages.slice(0, -1), { ...last, content }];
}

/** The images of the last user message. */
export function imagesOf(messages: readonly ChatMessage[]): ContentPart[] {
  const content = messages.findLast(({ role }) => role === 'user')?.content;
  return typeof content === 'string' || content == null ? [] : content.filter((part) => part.type === 'image_url');
}
