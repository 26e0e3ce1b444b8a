/** `tutti use interpret`: which tool calls a text means, or what a failed call should have been. */
import type { Endpoints } from '../../server/wire-types.ts';
import { TuttiError } from '../../errors/error.ts';
import { read, readJson, readTools } from '../ask.ts';
import type { CommandRun } from '../commands.ts';
import { style } from '../output.ts';
import { printCalls, textOrInput } from '../tool-calls.ts';

interface InterpretOptions {
  readonly text?: string;
  readonly message?: string;
  readonly question?: string;
  readonly call?: string;
  readonly error?: string;
  readonly tools: string;
}

type Interpreted = Endpoints['POST /api/tools/interpret']['answer'];

export const run: CommandRun = async ({ connect, output, signal }, _args, given) => {
  const options = given as unknown as InterpretOptions; // commander requires --tools
  const body = { ...(await subjectOf(options)), tools: await readTools(options.tools) };
  await using api = await connect();
  const found = await api.call<Interpreted>('POST', '/api/tools/interpret', body, signal);
  if (output.json) return output.data(found);
  printCalls(
    output,
    found.tool_calls.map((call) => call.function),
  );
  output.note(style('dim', `${found.source}, confidence ${found.confidence.toFixed(2)}`));
  for (const { name, message } of found.problems) output.note(`${name}: ${message}`);
};

async function subjectOf({ text, message, question, call, error }: InterpretOptions): Promise<Record<string, unknown>> {
  if (error !== undefined && call === undefined) {
    throw new TuttiError('invalid_request', '--error needs --call: the error of which call?', { param: 'error' });
  }
  if (call !== undefined) return { call: await readCall(call), ...(error !== undefined && { error }) };
  const asked = question !== undefined && { question };
  if (message !== undefined) return { message: await readJson(message), ...asked };
  return { text: await textOrInput(text, '--text'), ...asked };
}

/** JSON as a call; what is not JSON is the text that was to be one. */
async function readCall(path: string): Promise<unknown> {
  const text = (await read(path)).toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // calls that fail are often no JSON: mending them is what this is for
  }
}
