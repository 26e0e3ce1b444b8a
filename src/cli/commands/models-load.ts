/** `tutti models load <id>`: reads a model into memory, with a bar. */
import type { WireModelStatus } from '../../server/wire/models.ts';
import { modelPath } from '../api.ts';
import type { CommandRun } from '../commands.ts';
import { watchLoading } from '../loading.ts';

export const run: CommandRun = async ({ connect, output, signal }, [id = ''], given) => {
  const { wait } = given as { wait: boolean };
  await using api = await connect({ lasting: true });
  const loading = watchLoading(api, output);
  try {
    const status = await api.call<WireModelStatus>('POST', `${modelPath(id)}/load`, { wait }, signal);
    loading.stop();
    if (output.json) output.data(status);
    else
      output.line(
        `${status.id} is ${status.state}${status.device === null ? '' : ` on ${status.device}`}${status.measured_mb === null ? '' : `, ${status.measured_mb} MiB`}.`,
      );
  } finally {
    loading.stop();
  }
};
