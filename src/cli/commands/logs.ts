/** `tutti logs <model>`: the last lines of a model's runner, and with --follow those to come. */
import { modelPath } from '../api.ts';
import type { CommandRun } from '../commands.ts';

export const run: CommandRun = async ({ connect, output, signal }, [model = ''], given) => {
  const { follow } = given as { follow?: boolean };
  await using api = await connect();
  let lines = 0;
  for await (const line of api.lines(
    'GET',
    `${modelPath(model)}/logs${follow === true ? '?follow=true' : ''}`,
    undefined,
    signal,
  )) {
    lines += 1;
    if (output.json) output.data({ line });
    else output.line(line);
  }
  if (lines === 0) output.note(`The runner of ${model} has written nothing since the server started.`);
};
