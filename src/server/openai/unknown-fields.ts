/** Fields of a request that Tutti does not know. */
import type { RunRecord } from '../../contracts/run.ts';
import type { Call } from '../route.ts';

/** Those of the body that are not among the known ones. */
export function unknownFields(body: unknown, known: ReadonlySet<string>): Record<string, unknown> | undefined {
  let extra: Record<string, unknown> | undefined;
  for (const [field, value] of Object.entries(body as object)) if (!known.has(field)) (extra ??= {})[field] = value;
  return extra;
}

/**
 * They go on to remote models. A local one has no use for them: the answer then names them in `x-tutti-ignored`, so that
 * nobody wonders why they changed nothing.
 */
export function nameIgnored(call: Call<unknown, unknown>, run: RunRecord, extra: Record<string, unknown> | undefined): void {
  if (extra === undefined || run.backend === null || call.reply.raw.headersSent) return;
  const backend = call.services.tutti.backends.list().find(({ id }) => id === run.backend);
  if (backend?.residency !== 'local') return;
  call.reply.header('x-tutti-ignored', Object.keys(extra).slice(0, MAX_NAMED).map(headerSafe).join(', '));
}

/** Clients limit the size of headers. */
const MAX_NAMED = 32;

/** Field names are the client’s: whatever may not stand in a header is percent-encoded. */
function headerSafe(name: string): string {
  return encodeURIComponent(name.slice(0, 64).toWellFormed());
}
