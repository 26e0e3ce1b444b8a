import type { CallOptions } from '../contracts/model.ts';
import type { EmbedOutput } from '../contracts/operations.ts';
import { isContent, type Part } from '../contracts/part.ts';
import { TuttiError } from '../errors/error.ts';
import type { Calls } from './calls.ts';
import type { RunScope } from './run-scope.ts';

/** How alike two texts are by the best embedding model: the cosine of their vectors, 0..1. Each text is embedded once. */
export function similarityOf(calls: Calls, scope: RunScope, options: CallOptions): (a: string, b: string) => Promise<number> {
  const vectors = new Map<string, Promise<readonly number[]>>();
  const vectorOf = (text: string): Promise<readonly number[]> => {
    const known = vectors.get(text);
    if (known !== undefined) return known;
    const key = `embedding#${vectors.size + 1}`;
    const step = `${options.step}/${key}`;
    const { wantsConfidence: _, ...rest } = options;
    const parts = calls.member(scope, 'embedding', { operation: 'embed', input: { input: text } }, { ...rest, step }, key);
    const made = collectVector(parts, step, (part) => scope.recorder.accept(part));
    vectors.set(text, made);
    return made;
  };
  return async (a, b) => {
    const [left, right] = await Promise.all([vectorOf(a), vectorOf(b)]);
    return Math.max(0, cosine(left, right));
  };
}

async function collectVector(parts: AsyncIterable<Part>, step: string, trace: (part: Part) => void): Promise<readonly number[]> {
  let vector: readonly number[] | undefined;
  for await (const part of parts) {
    if (part.step !== step || !(isContent(part) || part.type === 'finish')) trace(part);
    if (part.type === 'artifact' && part.step === step) [vector] = (part.value as EmbedOutput).vectors; // what `embed` gives
  }
  if (vector === undefined) throw new TuttiError('backend_error', 'The embedding model gave no vector.');
  return vector;
}

function cosine(a: readonly number[], b: readonly number[]): number {
  let dot = 0;
  let left = 0;
  let right = 0;
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? 0;
    dot += x * y;
    left += x * x;
    right += y * y;
  }
  return left === 0 || right === 0 ? 0 : dot / Math.sqrt(left * right);
}
