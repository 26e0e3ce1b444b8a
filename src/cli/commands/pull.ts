/** `tutti pull`: downloads a model and shows how far it is. Stopped and called again it goes on where it was. */
import { TuttiError } from '../../errors/error.ts';
import type { Api } from '../api.ts';
import type { CommandRun } from '../commands.ts';
import { createProgress } from '../progress.ts';

interface PullEvent {
  readonly item: string;
  readonly status: string;
  readonly done_bytes: number;
  readonly total_bytes: number | null;
}

export const run: CommandRun = async ({ connect, output, signal }, [model = '']) => {
  await using api = await connect();
  const before = new Set(await modelIds(api));
  const progress = createProgress(output);
  let done = false;
  try {
    for await (const { data } of api.events('POST', '/api/models/pull', { model }, signal)) {
      if (data === '[DONE]') {
        done = true;
        continue;
      }
      const { item, status, done_bytes, total_bytes } = JSON.parse(data) as PullEvent;
      if (status === 'success') continue; // The end of the whole, not of a file.
      const fraction = total_bytes === null || total_bytes === 0 ? null : done_bytes / total_bytes;
      progress.update(`${item} ${status}`, fraction, { done: done_bytes, total: total_bytes });
    }
  } finally {
    progress.end();
  }
  if (!done) throw new TuttiError('pull_failed', `The download of ${model} broke off. The same command goes on with it.`);
  const added = (await modelIds(api)).filter((id) => !before.has(id));
  if (output.json) output.data({ model, ok: true, added });
  else if (added.length === 0) output.line(`${model} is here. \`tutti models\` shows under which name.`);
  else output.line(`${model} is here. Ask it: tutti run ${added[0]} "…"`);
};

async function modelIds(api: Api): Promise<string[]> {
  const { models } = await api.call<{ models: { id: string }[] }>('GET', '/api/models');
  return models.map(({ id }) => id);
}
