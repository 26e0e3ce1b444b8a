import type { EmbedInput, EmbedOutput } from '../../contracts/operations.ts';
import type { Usage } from '../../contracts/usage.ts';
import { TuttiError } from '../../errors/error.ts';
import { asArray, asNumber, asObject, type JsonObject } from '../../lib/json-value.ts';
import { errorFromChunk, type Refuser } from '../upstream/refusal.ts';
import { countInputs, cutVector } from '../upstream/vectors.ts';
import { estimateTokens } from './chat-reader.ts';
import { readUsage } from './usage.ts';

export function embedRequest(model: string, input: EmbedInput): Record<string, unknown> {
  const { input: texts, dimensions, user, extra } = input;
  return {
    ...extra,
    model,
    input: texts,
    encoding_format: 'float',
    ...(dimensions != null && { dimensions }),
    ...(user != null && { user }),
  };
}

/** The vectors in the order of the inputs, and the counts. Throws `upstream_invalid` when one is missing. */
export function readEmbeddings(answer: JsonObject, input: EmbedInput, who: Refuser): { output: EmbedOutput; usage: Usage } {
  const error = errorFromChunk(answer, who);
  if (error) throw error;
  const wanted = countInputs(input.input);
  const vectors: number[][] = [];
  asArray(answer['data']).forEach((entry, position) => {
    const wire = asObject(entry);
    const vector = readVector(wire?.['embedding']);
    if (vector) vectors[asNumber(wire?.['index']) ?? position] = cutVector(vector, input.dimensions ?? null);
  });
  if (vectors.length !== wanted || vectors.includes(undefined as never)) {
    const got = Object.keys(vectors).length;
    throw new TuttiError('upstream_invalid', `${who.name} gave ${got} vectors for ${wanted} inputs.`);
  }
  const usage = readUsage(answer);
  return { output: { vectors }, usage: usage ?? { inputTokens: estimateInput(input.input), outputTokens: 0, estimated: true } };
}

function estimateInput(input: EmbedInput['input']): number {
  if (typeof input === 'string') return estimateTokens(input.length);
  const items: readonly (string | number | number[])[] = input;
  return items.reduce<number>(
    (sum, item) => sum + (typeof item === 'string' ? estimateTokens(item.length) : Array.isArray(item) ? item.length : 1),
    0,
  );
}

/** A list of numbers, or base64 of 32-bit floats (little-endian), which some servers send whatever was asked for. */
function readVector(value: unknown): number[] | null {
  if (Array.isArray(value)) return value.length > 0 && value.every((x) => typeof x === 'number') ? value : null;
  if (typeof value !== 'string') return null;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === 0 || bytes.length % 4 !== 0) return null;
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
}
