/** `tutti use embed`: vectors of texts. */
import { TuttiError } from '../../errors/error.ts';
import type { EmbeddingsResponse } from '../../server/openai/embeddings.ts';
import type { CommandRun } from '../commands.ts';
import { STANDARD_INPUT } from '../question.ts';

interface EmbedOptions {
  readonly text?: readonly string[];
  readonly model?: string;
  readonly dimensions?: number;
  readonly backend?: string;
}

/** A line with the vector of each text. Without `--text` all of standard input is one text. */
export const run: CommandRun = async ({ connect, output, signal }, _args, given) => {
  const { text = [], model, dimensions, backend } = given as EmbedOptions;
  const input = text.length > 0 ? text : [STANDARD_INPUT.isTTY ? '' : await STANDARD_INPUT.read()];
  if (input.some((one) => one.trim() === '')) {
    throw new TuttiError('invalid_request', 'There is no text. Give it: tutti use embed --text "Hello"');
  }
  await using api = await connect();
  const body = {
    input,
    ...(model !== undefined && { model }),
    ...(dimensions !== undefined && { dimensions }),
    ...(backend !== undefined && { tutti: { backend } }),
  };
  const answer = await api.call<EmbeddingsResponse>('POST', '/v1/embeddings', body, signal);
  const vectors = answer.data.map(({ embedding }) => embedding);
  if (output.json) output.data({ model: answer.model, vectors, usage: { input_tokens: answer.usage.prompt_tokens } });
  else for (const vector of vectors) output.line(JSON.stringify(vector));
};
