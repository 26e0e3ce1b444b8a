/** `tutti use mediate`: makes one model's answer fit for another. */
import type { Endpoints } from '../../server/wire-types.ts';
import { readTools } from '../ask.ts';
import type { CommandRun } from '../commands.ts';
import { style } from '../output.ts';
import { printCalls, textOrInput } from '../tool-calls.ts';

interface MediateOptions {
  readonly response?: string;
  readonly to: string;
  readonly context?: string;
  readonly as?: string;
  readonly tools?: string;
  readonly maxTokens?: number;
}

type Mediated = Endpoints['POST /api/tools/mediate']['answer'];

export const run: CommandRun = async ({ connect, output, signal }, _args, given) => {
  const { response, to, context, as, tools, maxTokens } = given as unknown as MediateOptions; // commander requires --to
  const body = {
    response: await textOrInput(response, '--response'),
    to,
    ...(context !== undefined && { context }),
    ...(as !== undefined && { as }),
    ...(tools !== undefined && { tools: await readTools(tools) }),
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
  };
  await using api = await connect();
  const fit = await api.call<Mediated>('POST', '/api/tools/mediate', body, signal);
  if (output.json) return output.data(fit);
  if (fit.text !== '') output.line(fit.text);
  printCalls(
    output,
    fit.tool_calls.map((call) => call.function),
  );
  output.note(style('dim', `${fit.action}, about ${fit.tokens} tokens`));
};
