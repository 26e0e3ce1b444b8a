import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryGate } from './memory-gate.ts';
import type { Resident } from './models.ts';

const LIMIT = 10;
const never = new AbortController().signal;
const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A server that loads what is called and unloads what it is told to, and checks that nothing is unloaded in use. */
class Server {
  readonly loaded = new Map<string, number>();
  readonly inUse = new Map<string, number>();
  readonly unloads: string[] = [];
  most = 0;

  readonly effects = {
    running: async (): Promise<Resident[]> => {
      await pause();
      return [...this.loaded].map(([name, gpuBytes]) => ({ name, bytes: gpuBytes, gpuBytes, expiresAt: 0 }));
    },
    unload: async (name: string): Promise<void> => {
      await pause();
      expect(this.inUse.get(name) ?? 0).toBe(0);
      this.unloads.push(name);
      this.loaded.delete(name);
    },
  };

  async call(name: string, bytes: number): Promise<void> {
    this.inUse.set(name, (this.inUse.get(name) ?? 0) + 1);
    await pause(); // it takes a while until it is loaded
    this.loaded.set(name, bytes);
    this.most = Math.max(
      this.most,
      [...this.loaded.values()].reduce((sum, one) => sum + one, 0),
    );
    await pause();
    this.inUse.set(name, (this.inUse.get(name) ?? 0) - 1);
  }
}

describe('MemoryGate', () => {
  it('never lets the models of a server grow over the limit, and serves everybody', async () => {
    const call = fc.record({ model: fc.integer({ min: 1, max: LIMIT }), after: fc.nat(6), cancelled: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
        const server = new Server();
        const gate = new MemoryGate(LIMIT, server.effects);
        let served = 0;
        await Promise.all(
          calls.map(async ({ model, after, cancelled }) => {
            for (let i = 0; i < after; i++) await pause();
            const controller = new AbortController();
            if (cancelled) void pause().then(() => controller.abort());
            try {
              // A model's size is its number, so that models of many sizes meet.
              using _admission = await gate.enter({ name: `m${model}`, estimatedBytes: model }, controller.signal);
              await server.call(`m${model}`, model);
              served++;
            } catch (error) {
              expect(cancelled && (error as { code?: string }).code).toBe('cancelled');
            }
          }),
        );
        expect(server.most).toBeLessThanOrEqual(LIMIT);
        expect(served).toBeGreaterThanOrEqual(calls.filter(({ cancelled }) => !cancelled).length);
      }),
      { numRuns: 60 },
    );
  });

  it('believes what the server said of a size more than an estimate', async () => {
    const server = new Server();
    const gate = new MemoryGate(LIMIT, server.effects);
    const enter = async (name: string, estimatedBytes: number, bytes: number): Promise<void> => {
      using _admission = await gate.enter({ name, estimatedBytes }, never);
      await server.call(name, bytes);
    };
    await enter('a', 2, 8);
    await enter('b', 2, 2);
    await enter('c', 8, 8);
    await enter('a', 2, 8); // known to be 8 by now, so that b has to go with c
    expect(server.unloads).toEqual(['a', 'b', 'c']);
    expect(server.most).toBeLessThanOrEqual(LIMIT);
  });
});
