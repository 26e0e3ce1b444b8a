/** Asking a model which of several answers is right. The form is the one that the embedded models know. */
import type { Answer } from './answer.ts';

/** The question to a judge; it replies with a number, which `readPick` reads. */
export function judgePrompt(question: string, candidates: readonly string[]): string {
  const list = candidates.map((candidate, i) => `${i + 1}. ${candidate}`).join('\n');
  return `Question: ${question}\nCandidates:\n${list}\nWhich candidate is right? Reply with its number.`;
}

/** An answer as a candidate of that list: the value alone where it is short, else the whole text. */
export function asCandidate({ kind, value, key }: Answer, text: string): string {
  if (kind === 'number' || kind === 'choice') return String(value);
  if (kind === 'tool_call') return key === '' ? text.trim() : key;
  return text.trim();
}
