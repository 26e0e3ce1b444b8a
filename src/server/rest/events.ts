/** `GET /api/events`: what happens, as it happens. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { TuttiError } from '../../errors/error.ts';
import { formatSse } from '../../lib/sse.ts';
import { openStream, type Call } from '../route.ts';
import { toWireEvent } from '../wire/events.ts';

export const eventsQuery = z.strictObject({
  types: z.string().optional().describe('Names or beginnings, with commas: `run.*,model.loaded`. Default: all.'),
  run: z.string().optional().describe('Only the events of this run.'),
  since: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .describe('Begin after this event; the header `Last-Event-ID` goes before it. Default: from now on.'),
});

/** An endless stream; it ends when the client leaves or the server stops, and is resumed by `Last-Event-ID`. Users see their own runs. */
export async function followEvents(call: Call<unknown, z.output<typeof eventsQuery>>): Promise<FastifyReply> {
  const { types, run, since } = call.query;
  const signal = AbortSignal.any([call.signal, call.services.stopping]);
  const stream = openStream(call, 'text/event-stream');
  stream.comment('events');
  const events = call.services.tutti.events.since(lastEventId(call) ?? since ?? null, {
    signal,
    viewer: call.principal,
    ...(types !== undefined && { types: types.split(',').map((type) => type.trim()) }),
    ...(run !== undefined && { runId: run }),
  });
  for await (const event of events) {
    const wire = toWireEvent(event);
    stream.write(formatSse(JSON.stringify(wire), { event: wire.type, id: wire.id }));
    if (stream.isCongested) await stream.drained();
  }
  stream.end();
  return call.reply;
}

function lastEventId(call: Call<unknown, unknown>): number | null {
  const sent = call.request.headers['last-event-id'];
  if (sent === undefined || sent === '') return null;
  if (typeof sent === 'string' && /^\d{1,15}$/.test(sent)) return Number(sent);
  throw new TuttiError('invalid_request', 'Last-Event-ID must be the id of an event: a whole number.', {
    param: 'Last-Event-ID',
  });
}
