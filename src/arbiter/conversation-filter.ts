/** What of a conversation a model is shown when it is consulted. Pure. */
import type { SharedEntry } from './conversation-log.ts';
import { rankByWords } from './lexical.ts';
import { estimateTokens, type CountTokens } from './prompts/estimate.ts';

/** Which of the earlier answers may be shown. All that is given holds at once. */
export interface ContextFilter {
  /** Only what these have said. */
  readonly models?: readonly string[];
  /** Only the last so many. */
  readonly last?: number;
  /** As many of the newest as fit. */
  readonly maxTokens?: number;
  /** Only what shares words with this. */
  readonly about?: string;
}

/** The entries that pass the filter, oldest first. */
export function filterContext(
  entries: readonly SharedEntry[],
  filter: ContextFilter = {},
  countTokens: CountTokens = estimateTokens,
): SharedEntry[] {
  const { models, last, maxTokens, about } = filter;
  let kept = models === undefined ? [...entries] : entries.filter(({ model }) => models.includes(model));
  if (about !== undefined) kept = sharingWords(kept, about);
  if (last !== undefined) kept = last <= 0 ? [] : kept.slice(-last);
  return maxTokens === undefined ? kept : newestThatFit(kept, maxTokens, countTokens);
}

function sharingWords(entries: readonly SharedEntry[], about: string): SharedEntry[] {
  const described = entries.map((entry) => ({ entry, name: '', description: entry.response }));
  const related = new Set(rankByWords(about, described).flatMap(({ candidate, score }) => (score > 0 ? [candidate.entry] : [])));
  return entries.filter((entry) => related.has(entry));
}

function newestThatFit(entries: readonly SharedEntry[], maxTokens: number, countTokens: CountTokens): SharedEntry[] {
  let left = maxTokens;
  const first = entries.findLastIndex(({ response }) => (left -= countTokens(response)) < 0);
  return entries.slice(first + 1);
}
