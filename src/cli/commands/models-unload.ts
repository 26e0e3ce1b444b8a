/** `tutti models unload <id>`: frees a model's memory once its calls have ended. */
import { modelPath } from '../api.ts';
import type { CommandRun } from '../commands.ts';

export const run: CommandRun = async ({ connect, output, signal }, [id = '']) => {
  await using api = await connect({ lasting: true });
  const status = await api.call('POST', `${modelPath(id)}/unload`, {}, signal);
  if (output.json) output.data(status);
  else output.line(`${id} is not in memory.`);
};
