/** `tutti models remove <id>`: hides a model until restart. */
import { modelPath } from '../api.ts';
import type { CommandRun } from '../commands.ts';

export const run: CommandRun = async ({ connect, output }, [id = '']) => {
  await using api = await connect({ lasting: true });
  await api.call('DELETE', modelPath(id));
  if (output.json) output.data({ removed: id });
  else output.line(`${id} is removed until it is registered again or the server restarts.`);
};
