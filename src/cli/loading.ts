import type { Api } from './api.ts';
import type { Output } from './output.ts';
import { createProgress } from './progress.ts';

/** Shows a bar while models are loaded, from the server's events. */
export async function watchLoading(api: Api, output: Output): Promise<{ stop(): void }> {
  if (output.json) return { stop() {} };
  const ended = new AbortController();
  const progress = await createProgress(output);
  const watch = async (): Promise<void> => {
    for await (const { data } of api.events('GET', '/api/events?types=model.loading', undefined, ended.signal)) {
      const event = JSON.parse(data) as { data: { model: string; fraction: number } };
      if (!ended.signal.aborted) progress.update(`loading ${event.data.model}`, event.data.fraction);
    }
  };
  // The bar is a courtesy: without the events there is none, and the call itself tells what is wrong.
  watch().catch(() => progress.end());
  return {
    stop() {
      if (ended.signal.aborted) return;
      ended.abort();
      progress.end();
    },
  };
}
