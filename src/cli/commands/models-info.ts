/** `tutti models info <id>`: all that is known of one model. */
import { stringify } from 'yaml';
import type { WireModel } from '../../server/wire/models.ts';
import { modelPath } from '../api.ts';
import type { CommandRun } from '../commands.ts';

export const run: CommandRun = async ({ connect, output }, [id = '']) => {
  await using api = await connect();
  const model = await api.call<WireModel>('GET', modelPath(id));
  if (output.json) output.data(model);
  else output.write(stringify(model));
};
