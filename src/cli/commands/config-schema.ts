/** `tutti config schema`: the JSON Schema of tutti.yaml, for editors. */
import type { CommandRun } from '../commands.ts';
import { configJsonSchema } from '../../tutti.ts';

export const run: CommandRun = async ({ output }) => {
  const schema = await configJsonSchema();
  if (output.json) output.data(schema);
  else output.line(JSON.stringify(schema, null, 2));
};
