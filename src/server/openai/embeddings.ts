/** `POST /v1/embeddings`. */
import { z } from 'zod';
import { collectAnswer } from '../../composition/answer.ts';
import { embedInput, type EmbedInput, type EmbedOutput } from '../../contracts/operations.ts';
import { TuttiError } from '../../errors/error.ts';
import { nameRun, type Call } from '../route.ts';
import { nameIgnored, unknownFields } from './unknown-fields.ts';
import { toCallSettings, tuttiSettings } from './chat-request.ts';

export const embeddingsRequest = embedInput.omit({ extra: true }).extend({
  model: z.string().min(1).default('embedding').describe('A model’s id, an alias, or a capability (the default: `embedding`).'),
  encoding_format: z.enum(['float', 'base64']).nullish().describe('`base64`: little-endian 32-bit floats. Default `float`.'),
  tutti: tuttiSettings.optional(),
});
type EmbeddingsRequest = z.output<typeof embeddingsRequest>;

export const embeddingsResponse = z.strictObject({
  object: z.literal('list'),
  data: z.array(
    z.strictObject({ object: z.literal('embedding'), index: z.int(), embedding: z.union([z.array(z.number()), z.string()]) }),
  ),
  model: z.string(),
  usage: z.strictObject({ prompt_tokens: z.int(), total_tokens: z.int() }),
});
export type EmbeddingsResponse = z.infer<typeof embeddingsResponse>;

const KNOWN_FIELDS = new Set(Object.keys(embeddingsRequest.shape));

export async function embeddings(call: Call<EmbeddingsRequest>): Promise<EmbeddingsResponse> {
  const { body, services } = call;
  const extra = unknownFields(call.request.body, KNOWN_FIELDS);
  const input: EmbedInput = {
    input: body.input,
    ...(body.dimensions != null && { dimensions: body.dimensions }),
    ...(body.user != null && { user: body.user }),
    ...(extra !== undefined && { extra }),
  };
  const execution = services.tutti.execute({
    ...toCallSettings(body.tutti ?? {}),
    operation: 'embed',
    model: body.model,
    input,
    principal: call.principal,
    signal: call.signal,
    commit: 'finish',
  });
  nameRun(call, execution.runId);
  const answer = await collectAnswer(execution);
  nameIgnored(call, execution.record(), extra);
  const encode = body.encoding_format === 'base64' ? toBase64 : (vector: readonly number[]) => [...vector];
  return {
    object: 'list',
    data: vectorsOf(answer.output).map((vector, index) => ({ object: 'embedding', index, embedding: encode(vector) })),
    model: answer.model,
    usage: { prompt_tokens: answer.usage.inputTokens, total_tokens: answer.usage.inputTokens },
  };
}

function vectorsOf(output: unknown): EmbedOutput['vectors'] {
  if (typeof output === 'object' && output !== null && 'vectors' in output) return (output as EmbedOutput).vectors;
  throw new TuttiError('backend_error', 'The model answered without vectors.');
}

/** Little-endian 32-bit floats, as OpenAI sends them and its clients read them. */
export function toBase64(vector: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(vector.length * 4);
  vector.forEach((value, i) => bytes.writeFloatLE(value, i * 4));
  return bytes.toString('base64');
}
