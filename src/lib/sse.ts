/** Server-sent events, as the WHATWG HTML standard defines their text. Domain-free. */

export interface SseEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** One event as text. Line breaks inside `data` become several `data:` lines. */
export function formatSse(data: string, fields: { event?: string; id?: string | number } = {}): string {
  let text = '';
  if (fields.id !== undefined) text += `id: ${fields.id}\n`;
  if (fields.event !== undefined) text += `event: ${fields.event}\n`;
  if (!data.includes('\n') && !data.includes('\r')) return `${text}data: ${data}\n\n`;
  for (const line of data.split(/\r\n|\n|\r/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** A comment: ignored by clients, keeps proxies from closing an idle connection. */
export function formatSseComment(text: string): string {
  return `: ${text}\n\n`;
}

/**
 * Events from bytes, the same however the bytes are cut. Comments are skipped; an event that the stream's end cuts short
 * is dropped, as the standard says.
 */
export async function* parseSse(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SseEvent> {
  const decoder = new TextDecoder();
  let event = '';
  let data: string[] = [];
  let id: string | undefined;
  for await (const line of splitLines(chunks, decoder)) {
    if (line === '') {
      if (data.length > 0) yield { event: event || 'message', data: data.join('\n'), id };
      event = '';
      data = [];
      continue;
    }
    if (line.startsWith(':')) continue;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
  }
}

/** Lines ended by LF, CRLF or CR. Pieces of an unfinished line are joined once, so a long line costs linear time. */
async function* splitLines(chunks: AsyncIterable<Uint8Array>, decoder: TextDecoder): AsyncGenerator<string> {
  let pending: string[] = [];
  let afterCr = false;
  let first = true;
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true });
    if (text === '') continue;
    if (first) {
      first = false;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    if (afterCr && text.startsWith('\n')) text = text.slice(1);
    afterCr = text.endsWith('\r');
    let start = 0;
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i);
      if (c !== 10 && c !== 13) continue;
      pending.push(text.slice(start, i));
      yield pending.join('');
      pending = [];
      if (c === 13 && text.charCodeAt(i + 1) === 10) i++;
      start = i + 1;
    }
    if (start < text.length) pending.push(text.slice(start));
  }
}
