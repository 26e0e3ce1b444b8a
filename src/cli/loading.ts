import type { Api } from './api.ts';
import type { Output } from './output.ts';
import { createProgress } from './progress.ts';

/** Shows on a terminal how far the loading of models is, from the server's events. Elsewhere a line says that it loads. */
export function watchLoading(api: Api, output: Output): { stop(): void } {
  if (output.json) return { stop() {} };
  const ended = new AbortController();
  const progress = createProgress(output);
  const withBars = process.stderr.isTTY === true;
  const watch = async (): Promise<void> => {
    for await (const { data } of api.events('GET', '/api/events?types=model.loading', undefined, ended.signal)) {
      const event = JSON.parse(data) as { data: { model: string; fraction: number } };
      if (!ended.signal.aborted) progress.update(`loading ${event.data.model}`, withBars ? event.data.fraction : null);
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
