/** `POST /stream`: a question in, the answer's text out as it is written. For clients that want nothing else. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { toChatInput } from '../../composition/chat-request.ts';
import type { Part } from '../../contracts/part.ts';
import { formatSse } from '../../lib/sse.ts';
import { failStream, mediaAccess, nameRun, openStream, type Call } from '../route.ts';

export const streamBody = z.strictObject({
  query: z.string().min(1, 'the query must not be empty'),
  backend: z.string().min(1).optional().describe('Only models of this backend.'),
  model: z.string().min(1).optional().describe('A model’s id, an alias, an orchestration, a capability or `auto` (the default).'),
});

/** What each event holds when the client accepts `text/event-stream`. */
export const streamEvent = z.strictObject({ text: z.string() });

/**
 * Plain text in chunks; with `Accept: text/event-stream` events `{text}`, then `[DONE]`. An answer that fails in the middle
 * is cut: plain text has no other way to say that it is not complete, and events say the reason first.
 */
export async function streamText(call: Call<z.output<typeof streamBody>>): Promise<FastifyReply> {
  const { query, ...target } = call.body;
  const asEvents = call.request.headers.accept?.includes('text/event-stream') ?? false;
  const execution = call.services.tutti.execute({
    ...target,
    operation: 'chat',
    input: await toChatInput({ input: query }, mediaAccess(call)),
    principal: call.principal,
    signal: call.signal,
  });
  nameRun(call, execution.runId);
  const stream = openStream(call, asEvents ? 'text/event-stream' : 'text/plain; charset=utf-8');
  try {
    for await (const part of execution.parts) {
      const text = textOf(part);
      if (text === '') continue;
      stream.write(asEvents ? formatSse(JSON.stringify({ text })) : text);
      if (stream.isCongested) await stream.drained();
    }
    stream.end(asEvents ? formatSse('[DONE]') : '');
  } catch (thrown) {
    failStream(call, stream, thrown, { ...(!asEvents && { tell: () => '' }), cut: true });
  }
  return call.reply;
}

function textOf(part: Part): string {
  return part.type === 'text-delta' && part.step === 'root' && part.choice === 0 ? part.text : '';
}
