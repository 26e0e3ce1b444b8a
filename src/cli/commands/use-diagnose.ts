/** `tutti use diagnose`: what to do about a failure. */
import type { Endpoints } from '../../server/wire-types.ts';
import { readJson } from '../ask.ts';
import type { CommandRun } from '../commands.ts';
import { style } from '../output.ts';
import { textOrInput } from '../tool-calls.ts';

interface DiagnoseOptions {
  readonly phase: string;
  readonly error?: string;
  readonly code?: string;
  readonly recentActions?: readonly string[];
  readonly state?: string;
}

type Diagnosed = Endpoints['POST /api/tools/diagnose']['answer'];

export const run: CommandRun = async ({ connect, output, signal }, _args, given) => {
  const { phase, error, code, recentActions, state } = given as unknown as DiagnoseOptions; // commander requires --phase
  const message = await textOrInput(error, '--error');
  const body = {
    phase,
    error: code === undefined ? message : { code, message },
    ...(recentActions !== undefined && { recent_actions: recentActions }),
    ...(state !== undefined && { state: await readJson(state) }),
  };
  await using api = await connect();
  const advice = await api.call<Diagnosed>('POST', '/api/tools/diagnose', body, signal);
  if (output.json) return output.data(advice);
  output.line(`${style('bold', advice.action)}  ${Object.values(advice.arguments).map(String).join('; ')}`.trimEnd());
  output.line(advice.cause);
  output.note(style('dim', advice.source === 'rule' ? 'by the table of first aid' : 'by the reasoning model'));
};
