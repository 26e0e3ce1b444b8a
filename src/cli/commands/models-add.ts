/** `tutti models add <id>`: registers a model until restart. */
import type { WireModel } from '../../server/wire/models.ts';
import { parseChanges } from '../changes.ts';
import type { CommandRun } from '../commands.ts';

export const run: CommandRun = async ({ connect, output }, [id = ''], given) => {
  const {
    capability,
    device,
    contextWindow,
    set = [],
  } = given as { capability?: string; device?: string; contextWindow?: number; set?: string[] };
  const words = [
    ...(capability === undefined ? [] : [`capabilities=${capability}`]),
    ...(device === undefined ? [] : [`load.device=${device}`]),
    ...(contextWindow === undefined ? [] : [`context_window=${contextWindow}`]),
    ...set,
  ];
  await using api = await connect({ lasting: true });
  const model = await api.call<WireModel>('POST', '/api/models', { id, ...parseChanges(words) });
  if (output.json) output.data(model);
  else output.line(`${model.id} is registered with ${model.capabilities.join(', ')}, until restart.`);
};
