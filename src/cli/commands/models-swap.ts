/** `tutti models swap <old> <new>`: the new one answers for the old one, and no request fails meanwhile. */
import { modelPath } from '../api.ts';
import type { CommandRun } from '../commands.ts';

export const run: CommandRun = async ({ connect, output, signal }, [from = '', to = '']) => {
  await using api = await connect({ lasting: true });
  const result = await api.call('POST', `${modelPath(from)}/swap`, { to }, signal);
  if (output.json) output.data(result);
  else output.line(`${to} answers for ${from} now.`);
};
