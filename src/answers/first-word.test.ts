import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Part } from '../contracts/part.ts';
import { fromFirstWord } from './first-word.ts';

const at = { step: 'root/0', choice: 0 };
const text = (said: string): Part => ({ type: 'text-delta', ...at, text: said });
const finish: Part = { type: 'finish', ...at, reason: 'stop' };

async function* stream(parts: readonly Part[]): AsyncGenerator<Part> {
  yield* parts;
}

const through = (parts: readonly Part[]): Promise<Part[]> => Array.fromAsync(fromFirstWord(stream(parts)));

describe('an answer from its first word on', () => {
  it('is all of it, or nothing when it has no word, however it is cut', async () => {
    const piece = fc.oneof(fc.constantFrom('', ' ', '\n', '\t'), fc.string());
    await fc.assert(
      fc.asyncProperty(fc.array(piece), async (pieces) => {
        const parts = [...pieces.map(text), finish];
        expect(await through(parts)).toEqual(pieces.join('').trim() === '' ? [] : parts);
      }),
    );
  });

  it('does not wait once a word has come', async () => {
    const read: string[] = [];
    async function* slow(): AsyncGenerator<Part> {
      for (const said of [' ', 'Hello', ' ', 'you']) {
        read.push(said);
        yield text(said);
      }
    }
    const parts = fromFirstWord(slow());
    const next = async (): Promise<Part | undefined> => (await parts.next()).value;
    expect([await next(), await next()]).toEqual([text(' '), text('Hello')]);
    expect(read).toEqual([' ', 'Hello']);
    expect(await next()).toEqual(text(' '));
    expect(read).toEqual([' ', 'Hello', ' ']);
  });

  it.each<[string, Part]>([
    ['a thought', { type: 'reasoning-delta', ...at, text: 'Hm.' }],
    ['a call of a tool', { type: 'tool-call-delta', ...at, index: 0, id: 'c', name: 'add', arguments: '' }],
    ['vectors', { type: 'artifact', ...at, kind: 'embeddings', value: { vectors: [] } }],
  ])('may begin with %s', async (_what, part) => {
    expect(await through([part, finish])).toEqual([part, finish]);
  });

  it('fails as it does, with nothing said before', async () => {
    async function* broken(): AsyncGenerator<Part> {
      yield text('\n');
      throw new RangeError('ill');
    }
    const seen: Part[] = [];
    const reading = (async () => {
      for await (const part of fromFirstWord(broken())) seen.push(part);
    })();
    await expect(reading).rejects.toThrow('ill');
    expect(seen).toEqual([]);
  });
});
