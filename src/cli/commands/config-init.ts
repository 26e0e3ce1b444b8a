/** `tutti config init`: writes the commented example as a beginning. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { TuttiError } from '../../errors/error.ts';
import type { CommandRun } from '../commands.ts';

export const run: CommandRun = async ({ output }, _args, given) => {
  const options = given as { force?: boolean; output: string };
  const file = resolve(options.output);
  if (existsSync(file) && options.force !== true) {
    throw new TuttiError(
      'invalid_request',
      `${file} is there already. Choose another with --output, or overwrite it with --force.`,
    );
  }
  const example = readFileSync(new URL('../../../tutti.example.yaml', import.meta.url));
  try {
    writeFileSync(file, example);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TuttiError('invalid_request', `${file} cannot be written: ${reason}`, { cause });
  }
  if (output.json) output.data({ file });
  else output.line(`Wrote ${file}. Change what you need, then run \`tutti config check\` and \`tutti serve\`.`);
};
