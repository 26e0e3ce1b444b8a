/** The parts of `bench -- quality` whose mistakes no figure would show. */
import { describe, expect, it } from 'vitest';
import { LIE_SHARE, liarsBackend } from '../../bench/quality/liars.ts';
import { Memory } from '../../bench/quality/memo.ts';
import type { ChatInput } from '../../src/contracts/chat.ts';
import type { Part } from '../../src/contracts/part.ts';
import { readItems } from '../../src/eval/items.ts';
import { collect, FakeBackend } from '../../src/testing/index.ts';
import { deferred } from '../../src/lib/deferred.ts';

const input = (content: string, more: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content }], ...more });

async function* partsOf(text: string): AsyncGenerator<Part> {
  yield { type: 'text-delta', step: 'root', choice: 0, text };
  yield { type: 'finish', step: 'root', choice: 0, reason: 'stop' };
}

describe('Memory', () => {
  it('computes an answer once for each model and prompt, whoever asks with whatever wish for probabilities', async () => {
    const memory = new Memory();
    const computed: string[] = [];
    const ask = (model: string, question: ChatInput): Promise<readonly Part[]> =>
      memory.answer(model, question, () => {
        computed.push(model);
        return partsOf(model);
      });
    const first = await ask('a', input('1 + 1'));
    expect(await ask('a', input('1 + 1', { logprobs: true, top_logprobs: 3 }))).toBe(first);
    await ask('b', input('1 + 1'));
    await ask('a', input('1 + 2'));
    await ask('a', input('1 + 1', { max_tokens: 1 }));
    expect(computed).toEqual(['a', 'b', 'a', 'a']);
    expect(memory.counts).toEqual({ computed: 4, told: 1 });
  });

  it('lets who asks for what is being computed wait for it', async () => {
    const memory = new Memory();
    const gate = deferred();
    async function* slow(): AsyncGenerator<Part> {
      await gate.promise;
      yield* partsOf('late');
    }
    const both = [memory.answer('a', input('?'), slow), memory.answer('a', input('?'), slow)];
    gate.resolve();
    const [one, two] = await Promise.all(both);
    expect(one).toBe(two);
    expect(memory.counts).toEqual({ computed: 1, told: 1 });
  });

  it('does not remember a failure', async () => {
    const memory = new Memory();
    // oxlint-disable-next-line require-yield -- it fails before it has said anything
    async function* failing(): AsyncGenerator<Part> {
      throw new Error('no');
    }
    await expect(memory.answer('a', input('?'), failing)).rejects.toThrow('no');
    expect(await memory.answer('a', input('?'), () => partsOf('yes'))).toHaveLength(2);
  });
});

describe('the liars', () => {
  it('lie as often as is said, and half of the time alike', async () => {
    const lines = Array.from({ length: 400 }, (_, i) => JSON.stringify({ prompt: `What is ${i} + 1?`, answer: i + 1 }));
    const items = readItems(lines.join('\n'), 'q');
    const context = {
      id: 'liar',
      dataDir: '',
      log: { debug() {}, info() {}, warn() {}, error() {} },
      clock: new FakeBackend().clock,
    };
    await using backend = await liarsBackend(items).create({}, context);
    const signal = new AbortController().signal;
    const [one, two] = await Promise.all(
      (await backend.list(signal)).map((model) => backend.open(model, { placement: { device: 'cpu' }, signal })),
    );
    const say = async (model: typeof one, { messages }: (typeof items)[number]): Promise<string> => {
      const options = { signal, step: 'root', principal: { id: 'x', name: 'x', role: 'admin' as const }, priority: 0 };
      return (await collect(model!.call('chat', { messages: [...messages] }, options))).text; // there are two
    };
    let lies = 0;
    let alike = 0;
    for (const item of items) {
      const [a, b] = [await say(one, item), await say(two, item)];
      lies += Number(a !== item.answers[0]) + Number(b !== item.answers[0]);
      alike += Number(a === b && a !== item.answers[0]);
    }
    expect(lies / (2 * items.length)).toBeGreaterThan(LIE_SHARE - 0.05);
    expect(lies / (2 * items.length)).toBeLessThan(LIE_SHARE + 0.05);
    expect(alike).toBeGreaterThan(40);
  });
});
