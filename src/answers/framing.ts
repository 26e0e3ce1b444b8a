/** Questions put together of other texts. The forms are those that the embedded models know. */
import type { RawAnswer } from './answer.ts';

/** A piece of what a model is to know, and where it comes from. */
export interface ContextPiece {
  readonly source: string;
  readonly text: string;
}

/**
 * What is known, as one text: a single piece as it stands, several under their sources, `[source]\ncontent`, with a blank
 * line between. '' when there is nothing.
 */
export function joinContext(pieces: readonly ContextPiece[]): string {
  const told = pieces.filter(({ text }) => text.trim() !== '');
  if (told.length === 1) return told[0]?.text.trim() ?? '';
  return told.map(({ source, text }) => `[${source}]\n${text.trim()}`).join('\n\n');
}

/** The question with what is to be known for it; the question alone when that is nothing. */
export function contextPrompt(context: string, question: string): string {
  return context.trim() === '' ? question : `Context:\n${context.trim()}\n\nQuestion: ${question}`;
}

/** The question with an earlier answer to it. `remarks`: what a reviewer says of that. */
export function draftPrompt(question: string, draft: string, remarks = ''): string {
  const review = remarks.trim() === '' ? '' : `\nReview: ${remarks.trim()}`;
  return `${question}\n\nDraft answer: ${draft}${review}\nGive the right answer.`;
}

/** What an answer says, for a model that is to look at it: its text, or the calls that it makes. */
export function asText({ text, toolCalls = [] }: RawAnswer): string {
  if (text.trim() !== '' || toolCalls.length === 0) return text.trim();
  return toolCalls.map(({ function: { name, arguments: args } }) => `${name}(${args})`).join('\n');
}
