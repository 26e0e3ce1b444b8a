/** `tutti logs <model>`: the last lines of a model's runner, and with --follow those to come. */
import { modelPath } from '../api.ts';
import type { CommandRun } from '../commands.ts';

export const run: CommandRun = async ({ connect, output, signal }, [model = ''], given) => {
  const { follow } = given as { follow?: boolean };
  await using api = await connect();
  for await (const line of api.lines(
    'GET',
    `${modelPath(model)}/logs${follow === true ? '?follow=true' : ''}`,
    undefined,
    signal,
  )) {
    if (output.json) output.data({ line });
    else output.line(line);
  }
};
