/** `tutti models set <id> key=value …`: changes keys of a model until restart. */
import type { WireModel } from '../../server/wire/models.ts';
import { modelPath } from '../api.ts';
import { parseChanges } from '../changes.ts';
import type { CommandRun } from '../commands.ts';

export const run: CommandRun = async ({ connect, output }, [id = '', ...words]) => {
  const changes = parseChanges(words);
  await using api = await connect({ lasting: true });
  const model = await api.call<WireModel>('PATCH', modelPath(id), changes);
  if (output.json) output.data(model);
  else
    output.line(`${model.id}: ${Object.keys(changes).join(', ')} changed, until restart. Write it under \`models:\` to keep it.`);
};
