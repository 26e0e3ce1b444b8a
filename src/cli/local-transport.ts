import type { Logger } from '../contracts/logger.ts';
import { createServer } from '../server/app.ts';
import { createTutti, type Settings, type Tutti } from '../tutti.ts';
import type { Transport } from './api.ts';
import type { Output } from './output.ts';

/** A whole Tutti in this process, spoken to without a socket. */
export async function localTransport(settings: Settings, output: Output): Promise<Transport> {
  const tutti = await createTutti({ settings, log: warningsOnly(output) });
  await untilListed(tutti, output);
  const server = createServer(tutti, { ...settings.loaded.config.server, api_keys: [], host: '127.0.0.1' });
  return {
    name: 'this process',
    lasting: settings.loaded.config.runs.store_content,
    async send(method, path, body, signal) {
      const response = await server.app.inject({
        method,
        url: path,
        payloadAsStream: true,
        ...(signal && { signal }),
        headers: { host: '127.0.0.1' },
        ...(body !== undefined && { payload: body as object }),
      });
      return { status: response.statusCode, headers: response.headers, body: response.stream() };
    },
    async [Symbol.asyncDispose]() {
      await server.close({ graceMs: 0 });
      await tutti.close();
    },
  };
}

/** How long the lists of remote models are waited for. Milliseconds. */
const LIST_MS = 3000;

/** Commands look at all models at once, so the remote lists must be there, too; but not at any price. */
async function untilListed(tutti: Tutti, { note }: Output): Promise<void> {
  const late = Promise.withResolvers<'late'>();
  const timer = setTimeout(late.resolve, LIST_MS, 'late');
  const outcome = await Promise.race([tutti.settled(), late.promise]);
  clearTimeout(timer);
  if (outcome !== 'late') return;
  const silent = tutti.backends.list().flatMap((backend) => (backend.state === 'starting' ? backend.id : []));
  note(`Warning: the models of ${silent.join(', ')} are missing: no answer yet. \`tutti doctor\` tries each backend.`);
}

/** The command's output is what counts: of the log, only warnings and errors are shown, as sentences. */
function warningsOnly({ note }: Output): Logger {
  const tell = (data: object, message = ''): void => {
    const { err } = data as { err?: unknown };
    note(`Warning: ${message}${err instanceof Error && !message.includes(err.message) ? `: ${err.message}` : ''}`);
  };
  return { debug() {}, info() {}, warn: tell, error: tell };
}
