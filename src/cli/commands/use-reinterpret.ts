/** `tutti use reinterpret`: what an answer that could not be used was to say. */
import type { Endpoints } from '../../server/wire-types.ts';
import { readTools } from '../ask.ts';
import type { CommandRun } from '../commands.ts';
import { style } from '../output.ts';
import { printCalls, textOrInput } from '../tool-calls.ts';

interface ReinterpretOptions {
  readonly response?: string;
  readonly failureReason: string;
  readonly tools?: string;
}

type Reinterpreted = Endpoints['POST /api/tools/reinterpret']['answer'];

export const run: CommandRun = async ({ connect, output, signal }, _args, given) => {
  const { response, failureReason, tools } = given as unknown as ReinterpretOptions; // commander requires --failure-reason
  const body = {
    response: await textOrInput(response, '--response'),
    failure_reason: failureReason,
    ...(tools !== undefined && { tools: await readTools(tools) }),
  };
  await using api = await connect();
  const anew = await api.call<Reinterpreted>('POST', '/api/tools/reinterpret', body, signal);
  if (output.json) return output.data(anew);
  if (anew.text !== '') output.line(anew.text);
  printCalls(
    output,
    anew.tool_calls.map((call) => call.function),
  );
  output.note(style('dim', anew.source === 'none' ? 'nobody made more of it' : `by the ${anew.source}`));
};
