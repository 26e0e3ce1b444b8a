import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatSse, formatSseComment, parseSse, type SseEvent } from './sse.ts';
import { readLines } from './json-lines.ts';

async function* cut(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const at of [...cuts].map((n) => n % (bytes.length + 1)).sort((a, b) => a - b)) {
    yield bytes.subarray(start, at);
    start = at;
  }
  yield bytes.subarray(start);
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('parseSse', () => {
  it('reads events, names, ids and comments', async () => {
    const text = ': hello\n\nevent: a\nid: 7\ndata: one\ndata:  two\r\n\r\ndata\n\ndata: last\n\ndata: cut short';
    const expected: SseEvent[] = [
      { event: 'a', data: 'one\n two', id: '7' },
      { event: 'message', data: '', id: '7' },
      { event: 'message', data: 'last', id: '7' },
    ];
    expect(await collect(parseSse(cut(encode(text), [])))).toEqual(expected);
  });

  it('gives the same events however the bytes are cut', async () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'é', '😀', ' ', ':', '\n') });
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 6 }),
        fc.array(fc.nat(400), { maxLength: 12 }),
        fc.constantFrom('\n', '\r\n', '\r'),
        async (datas, cuts, newline) => {
          const text = datas.map((data) => formatSseComment('x') + formatSse(data, { event: 'e', id: 1 })).join('');
          const bytes = encode(text.replaceAll('\n', newline));
          const events = await collect(parseSse(cut(bytes, cuts)));
          expect(events).toEqual(datas.map((data) => ({ event: 'e', data, id: '1' })));
        },
      ),
    );
  });

  it('gives the same events however mixed line ends are cut', async () => {
    const piece = fc.constantFrom('data: a', 'id: 1', '\n', '\r\n', '\r', '\n\n');
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), fc.array(fc.nat(200), { maxLength: 20 }), async (pieces, cuts) => {
        const bytes = encode(pieces.join(''));
        expect(await collect(parseSse(cut(bytes, cuts)))).toEqual(await collect(parseSse(cut(bytes, []))));
      }),
    );
  });
});

describe('readLines', () => {
  it('gives the same lines however the bytes are cut', async () => {
    const line = fc.string({ unit: fc.constantFrom('a', '😀', '"', ' ') });
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(200), { maxLength: 12 }), async (lines, cuts) => {
        expect(await collect(readLines(cut(encode(lines.map((text) => `${text}\n`).join('')), cuts)))).toEqual(lines);
      }),
    );
  });
  it('gives a last line without a line break', async () => {
    expect(await collect(readLines(cut(encode('a\r\nb'), [1, 2, 3])))).toEqual(['a', 'b']);
  });
});
