/** `tutti pull`: downloads a model and shows how far it is. Stopped and called again it goes on where it was. */
import { TuttiError } from '../../errors/error.ts';
import type { CommandRun } from '../program.ts';
import { createProgress } from '../progress.ts';

interface PullEvent {
  readonly item: string;
  readonly status: string;
  readonly done_bytes: number;
  readonly total_bytes: number | null;
}

export const run: CommandRun = async ({ connect, output, signal }, [model = '']) => {
  await using api = await connect();
  const progress = await createProgress(output);
  let last: PullEvent | null = null;
  try {
    for await (const { data } of api.events('POST', '/api/models/pull', { model }, signal)) {
      if (data === '[DONE]') continue;
      last = JSON.parse(data) as PullEvent;
      const fraction = last.total_bytes === null || last.total_bytes === 0 ? null : last.done_bytes / last.total_bytes;
      progress.update(`${last.item} ${last.status}`, fraction, { done: last.done_bytes, total: last.total_bytes });
    }
  } finally {
    progress.end();
  }
  if (last === null) throw new TuttiError('pull_failed', `Nothing was downloaded for ${model}.`);
  if (output.json) output.data({ model, ok: true });
  else output.line(`${model} is here. \`tutti models\` shows under which name.`);
};
