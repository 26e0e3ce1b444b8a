import type { EmbedInput } from '../../contracts/operations.ts';

/** How many vectors an `embed` call must give. */
export function countInputs(input: EmbedInput['input']): number {
  return typeof input === 'string' || typeof input[0] === 'number' ? 1 : input.length;
}

/** For servers that do not know `dimensions`: the first numbers, made a unit vector again (Matryoshka embeddings). */
export function cutVector(vector: number[], dimensions: number | null): number[] {
  if (dimensions === null || vector.length <= dimensions) return vector;
  const cut = vector.slice(0, dimensions);
  const norm = Math.hypot(...cut);
  return norm === 0 ? cut : cut.map((x) => x / norm);
}
