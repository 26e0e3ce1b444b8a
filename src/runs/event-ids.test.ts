import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SILENT_LOGGER } from '../contracts/logger.ts';
import { openStorage, type Storage } from '../storage/storage.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { createRuns, type Runs } from './runs.ts';
import { runsSchema } from './schema.ts';

type Command =
  | { readonly do: 'publish'; readonly count: number }
  | { readonly do: 'wait' }
  | { readonly do: 'restart' }
  | { readonly do: 'crash' }
  | { readonly do: 'read' }
  | { readonly do: 'break' };

const publish = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 700 }));
const command: fc.Arbitrary<Command> = fc.oneof(
  publish.map((count) => ({ do: 'publish' as const, count })),
  fc.constantFrom<Command>({ do: 'wait' }, { do: 'restart' }, { do: 'crash' }, { do: 'read' }),
);

/** A server with its data directory, and a client that comes back with the last id that it saw. */
class World implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tutti-ids-'));
  readonly clock = new FakeClock();
  storage!: Storage; // set by `#open`
  runs!: Runs; // set by `#open`
  /** Every id that was ever published. */
  readonly published: number[] = [];
  /** What a client can still be given: all but what a crash took. */
  survived: number[] = [];
  readonly seen: number[] = [];

  constructor() {
    this.#open();
  }

  #open(): void {
    const { clock } = this;
    this.storage = openStorage({ path: join(this.#folder, 'tutti.db'), log: SILENT_LOGGER, clock });
    this.runs = createRuns({ storage: this.storage, clock, log: SILENT_LOGGER, config: runsSchema.parse({}), eventCapacity: 16 });
    this.runs.events.on('*', ({ id }) => {
      this.published.push(id);
      this.survived.push(id);
    });
  }

  act(command: Command): void {
    switch (command.do) {
      case 'publish':
        for (let i = 0; i < command.count; i++) this.runs.events.publish('model.registered', { model: 'a' });
        this.clock.advance(command.count);
        return;
      case 'wait':
        this.clock.advance(60_000);
        return;
      case 'restart':
        this.runs.close();
        this.storage.close();
        this.#open();
        return;
      case 'crash': {
        const lost = this.runs.status.pending.events;
        this.survived = this.survived.slice(0, this.survived.length - lost);
        this.storage.close(); // first, so that nothing more gets out
        this.runs.close();
        this.#open();
        return;
      }
      case 'read':
        for (const { id } of this.runs.events.replay(this.seen.at(-1) ?? 0)) this.seen.push(id);
        return;
      case 'break':
        this.storage.read((db) => db.exec('PRAGMA query_only = TRUE'));
        return;
      default:
        command satisfies never;
    }
  }

  [Symbol.dispose](): void {
    this.runs.close();
    this.storage.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

describe('events over restarts and crashes', () => {
  it('have ids that only grow, and a reader that comes back gets each of them once', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 12 }), (commands) => {
        using world = new World();
        const everReadable = new Set<number>();
        for (const command of commands) {
          world.act(command);
          if (command.do === 'read') for (const id of world.survived) everReadable.add(id);
        }
        world.act({ do: 'read' });
        for (const id of world.survived) everReadable.add(id);
        expect(world.published).toEqual([...new Set(world.published)].toSorted((a, b) => a - b));
        expect(world.seen).toEqual([...everReadable].toSorted((a, b) => a - b));
      }),
      { numRuns: 40 },
    );
  });

  it('grow by exactly one over orderly restarts', () => {
    fc.assert(
      fc.property(fc.array(publish, { maxLength: 6 }), (counts) => {
        using world = new World();
        for (const count of counts) {
          world.act({ do: 'publish', count });
          world.act({ do: 'restart' });
        }
        expect(world.published).toEqual(world.published.map((_, i) => i + 1));
      }),
      { numRuns: 15 },
    );
  });

  it('never have an id twice, not even when the database could not be written for a long time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 3, arbitrary: command }, { weight: 1, arbitrary: fc.constant<Command>({ do: 'break' }) }), {
          maxLength: 12,
        }),
        fc.nat(9000),
        (commands, more) => {
          using world = new World();
          for (const command of [...commands, { do: 'publish', count: more } as const, { do: 'restart' } as const]) {
            world.act(command);
          }
          world.act({ do: 'publish', count: 5 });
          expect(new Set(world.published).size).toBe(world.published.length);
        },
      ),
      { numRuns: 25 },
    );
  });
});
