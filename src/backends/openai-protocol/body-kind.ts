/** What a body is, by its first character that is no space: servers mislabel streams, but none begins with `{` or `<`. */
export type BodyKind = 'json' | 'markup' | 'stream' | 'empty';

export interface PeekedBody {
  readonly kind: BodyKind;
  /** The whole body again, from its first byte. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The first characters, at most 200 and at least those of the first chunk with text: for messages. */
  readonly start: string;
}

const BYTES_OF_SPACE = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]); // and of a byte order mark

/** Reads up to the first chunk with more than spaces. The result is the same however the bytes are cut. */
export async function peekBody(body: AsyncIterable<Uint8Array>): Promise<PeekedBody> {
  const iterator = body[Symbol.asyncIterator]();
  const held: Uint8Array[] = [];
  for (;;) {
    const next = await iterator.next();
    if (next.done) return { kind: 'empty', bytes: rest(held, iterator), start: '' };
    held.push(next.value);
    const first = next.value.find((byte) => !BYTES_OF_SPACE.has(byte));
    if (first === undefined) continue;
    const start = Buffer.concat(held).subarray(0, 200).toString('utf8').trim();
    const kind = first === 0x7b || first === 0x5b ? 'json' : first === 0x3c ? 'markup' : 'stream';
    return { kind, bytes: rest(held, iterator), start };
  }
}

async function* rest(held: readonly Uint8Array[], iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* held;
    for (;;) {
      const next = await iterator.next();
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** Whether a text could be the beginning of server-sent events. */
export function looksLikeEvents(start: string): boolean {
  return (
    /^(?:\uFEFF)?(?::|data|event|id|retry)/.test(start) || ['data', 'event', 'retry'].some((field) => field.startsWith(start))
  );
}
