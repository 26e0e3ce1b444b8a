import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Memory } from '../contracts/backend.ts';
import { add, entries, type Amounts } from './memory-budget.ts';
import type { PlacementOption } from './placement.ts';
import { decide, holdings, rankOf, type Decision, type DemandView, type SlotView, type Snapshot } from './scheduler.ts';

const slot = (id: string, more: Partial<SlotView> = {}): SlotView => ({
  id,
  state: 'ready',
  leases: 0,
  memory: { cpu: 40 },
  counts: true,
  lastUsed: 0,
  pinned: false,
  guarded: false,
  draining: false,
  ...more,
});

const at = (memory: Memory): PlacementOption => {
  const gpu = Object.keys(memory).find((device) => device !== 'cpu') as `gpu:${number}` | undefined;
  return { placement: { device: gpu ?? 'cpu' }, memory };
};

const demand = (id: string, more: Partial<DemandView> & { memory?: Memory } = {}): DemandView => {
  const { memory = { cpu: 40 }, ...rest } = more;
  return { id, rank: 1000, options: [at(memory)], counts: true, notBefore: 0, onHold: false, ...rest };
};

const decided = (snapshot: Partial<Snapshot>): Decision =>
  decide({
    now: 1000,
    limits: { cpu: 100, 'gpu:0': 50, 'gpu:1': 60, models: 3 },
    fairnessMs: 5000,
    slots: [],
    demands: [],
    ...snapshot,
  });

/** A decision in a few words. */
function words(decision: Decision): string[] {
  return [
    ...decision.grants.map((id) => `grant ${id}`),
    ...decision.loads.map(({ id, option }) => `load ${id} on ${option.placement.device}`),
    ...decision.evictions.map(({ id, for: whom }) => `evict ${id} for ${whom}`),
    ...decision.rejections.map(({ id }) => `reject ${id}`),
    ...Array.from(decision.held, (id) => `hold ${id}`),
    ...decision.blocked.map(({ id, by }) => `${id} waits for ${by.join('+') || 'its turn'}`),
  ];
}

describe('a model that somebody waits for', () => {
  it.each<[string, Partial<Snapshot>, string[]]>([
    ['is granted when it is ready', { slots: [slot('a')], demands: [demand('a')] }, ['grant a']],
    ['is loaded when there is room', { demands: [demand('a')] }, ['load a on cpu']],
    ['waits while it is being loaded', { slots: [slot('a', { state: 'loading' })], demands: [demand('a')] }, []],
    ['waits while it is being unloaded', { slots: [slot('a', { state: 'unloading' })], demands: [demand('a')] }, []],
    ['waits while it is to be unloaded', { slots: [slot('a', { draining: true, leases: 1 })], demands: [demand('a')] }, []],
    ['waits until it is sized', { demands: [demand('a', { options: null })] }, []],
    ['waits while it is being swapped', { demands: [demand('a', { onHold: true })] }, []],
    ['waits out its back-off after a crash', { demands: [demand('a', { notBefore: 1001 })] }, []],
    [
      'makes the least recently used idle model go',
      { slots: [slot('new', { lastUsed: 2 }), slot('old', { lastUsed: 1 })], demands: [demand('a')] },
      ['evict old for a'],
    ],
    [
      'needs a place, too',
      { slots: [1, 2, 3].map((n) => slot(`s${n}`, { memory: {}, lastUsed: n })), demands: [demand('a')] },
      ['evict s1 for a'],
    ],
    [
      'needs no place when it does not count',
      { slots: [1, 2, 3].map((n) => slot(`s${n}`, { memory: {}, lastUsed: n })), demands: [demand('a', { counts: false })] },
      ['load a on cpu'],
    ],
    [
      'waits for models in use',
      { slots: [slot('x', { leases: 1 }), slot('y', { leases: 1 })], demands: [demand('a')] },
      ['a waits for x'],
    ],
    [
      'waits for those that are being unloaded without making others go',
      { slots: [slot('going', { state: 'unloading' }), slot('idle')], demands: [demand('a')] },
      [],
    ],
    [
      'never makes pinned or guarded models go',
      { slots: [slot('p', { pinned: true }), slot('g', { guarded: true })], demands: [demand('a')] },
      ['a waits for its turn'],
    ],
    ['is rejected when it is larger than the limit', { demands: [demand('a', { memory: { cpu: 101 } })] }, ['reject a']],
    [
      'is rejected when it is larger than the limit less what is pinned',
      { slots: [slot('p', { pinned: true })], demands: [demand('a', { memory: { cpu: 61 } })] },
      ['reject a'],
    ],
    [
      'is rejected when pinned models take all places',
      { slots: [1, 2, 3].map((n) => slot(`p${n}`, { pinned: true, memory: {} })), demands: [demand('a')] },
      ['reject a'],
    ],
  ])('%s', (_, snapshot, expected) => expect(words(decided(snapshot))).toEqual(expected));

  it('is rejected with the numbers of each place', () => {
    const options = [at({ 'gpu:0': 51 }), at({ cpu: 90 })];
    const { rejections } = decided({ slots: [slot('p', { pinned: true })], demands: [demand('a', { options })] });
    expect(rejections[0]?.excess).toEqual([
      { device: 'gpu:0', resource: 'gpu:0', needed: 51, limit: 50, pinned: 0 },
      { device: 'cpu', resource: 'cpu', needed: 90, limit: 100, pinned: 40 },
    ]);
  });
});

describe('on several devices', () => {
  const options = [at({ 'gpu:0': 40, cpu: 1 }), at({ 'gpu:1': 40, cpu: 1 }), at({ cpu: 40 })];
  const onGpu = (id: string, index: number, more: Partial<SlotView> = {}): SlotView =>
    slot(id, { memory: { [`gpu:${index}`]: 45 }, ...more });

  it.each<[string, readonly SlotView[], string[]]>([
    ['a model goes to the GPU with the most room', [], ['load a on gpu:1']],
    ['to the one that has room', [onGpu('x', 1, { leases: 1 })], ['load a on gpu:0']],
    [
      'an idle model leaves the GPU rather than that the CPU is used',
      [onGpu('x', 0, { leases: 1 }), onGpu('y', 1)],
      ['evict y for a'],
    ],
    ['the CPU is used when all GPUs are taken', [onGpu('x', 0, { leases: 1 }), onGpu('y', 1, { leases: 1 })], ['load a on cpu']],
    [
      'it waits when the CPU is taken as well',
      [onGpu('x', 0, { leases: 1 }), onGpu('y', 1, { leases: 1 }), slot('z', { memory: { cpu: 100 }, leases: 1 })],
      ['a waits for x+z'],
    ],
  ])('%s', (_, slots, expected) => expect(words(decided({ slots, demands: [demand('a', { options })] }))).toEqual(expected));

  it('stays off a GPU that it is too large for', () => {
    expect(words(decided({ demands: [demand('a', { options: [at({ 'gpu:0': 70 }), at({ cpu: 70 })] })] }))).toEqual([
      'load a on cpu',
    ]);
  });
});

describe('among several that wait', () => {
  it('the better rank goes first, whatever the order they are given in', () => {
    const limits: Amounts = { cpu: 40, models: 3 };
    const demands = [demand('late', { rank: 2 }), demand('early', { rank: 1 })];
    expect(words(decided({ limits, demands }))).toEqual(['load early on cpu', 'late waits for its turn']);
  });

  it('nobody takes the room that a better rank waits for', () => {
    const slots = [slot('busy', { memory: { cpu: 60 }, leases: 1 })];
    const demands = [demand('large', { rank: 1, memory: { cpu: 80 } }), demand('small', { rank: 2, memory: { cpu: 30 } })];
    expect(words(decided({ now: 1, slots, demands }))).toEqual(['large waits for busy', 'small waits for its turn']);
  });

  it('what is left beside it may be taken', () => {
    const slots = [slot('busy', { memory: { cpu: 60 }, leases: 1 })];
    const demands = [demand('large', { rank: 1, memory: { cpu: 80 } }), demand('small', { rank: 2, memory: { cpu: 20 } })];
    expect(words(decided({ now: 1, slots, demands }))).toEqual(['load small on cpu', 'large waits for busy']);
  });

  it('two do not make the same idle model go', () => {
    const slots = [slot('x', { memory: { cpu: 50 }, lastUsed: 1 }), slot('y', { memory: { cpu: 50 }, lastUsed: 2 })];
    const demands = [demand('a', { rank: 1, memory: { cpu: 50 } }), demand('b', { rank: 2, memory: { cpu: 50 } })];
    expect(words(decided({ slots, demands }))).toEqual(['evict x for a', 'evict y for b']);
  });

  it('a model that was just granted is not made to go by a worse rank', () => {
    const slots = [slot('x', { memory: { cpu: 90 } })];
    expect(words(decided({ slots, demands: [demand('x', { rank: 1 }), demand('a', { rank: 2 })] }))).toEqual([
      'grant x',
      'a waits for x',
    ]);
    expect(words(decided({ slots, demands: [demand('x', { rank: 2 }), demand('a', { rank: 1 })] }))).toEqual(['evict x for a']);
  });
});

describe('fairness', () => {
  const slots = [slot('busy', { memory: { cpu: 90 }, leases: 1 }), slot('idle', { memory: { cpu: 10 } })];
  const waiting = demand('a', { rank: 1000, memory: { cpu: 95 } });

  it('lets models in the way go on for a while, and says when to look again', () => {
    const decision = decided({ now: 5999, slots, demands: [waiting, demand('busy', { rank: 2000 })] });
    expect(words(decision)).toEqual(['grant busy', 'a waits for busy']);
    expect(decision.wakeAt).toBe(6000);
  });

  it('then gives them no new leases, and lets the idle ones go', () => {
    const decision = decided({ now: 6000, slots, demands: [waiting, demand('busy', { rank: 2000 })] });
    expect(words(decision)).toEqual(['evict idle for a', 'hold busy', 'a waits for busy']);
    expect(decision.wakeAt).toBeNull();
  });

  it('but better ranks still get theirs', () => {
    expect(words(decided({ now: 9000, slots, demands: [waiting, demand('busy', { rank: 999 })] }))).toContain('grant busy');
  });

  it.each([
    ['a larger priority goes first', { priority: 1, arrivedAt: 500 }, { priority: 0, arrivedAt: 0 }],
    ['until the other has waited long enough', { priority: 0, arrivedAt: 0 }, { priority: 1, arrivedAt: 1001 }],
    ['equals go by arrival', { priority: 5, arrivedAt: 1 }, { priority: 5, arrivedAt: 2 }],
    ['the least is before the greatest in the end', { priority: -1000, arrivedAt: 0 }, { priority: 1000, arrivedAt: 2_000_001 }],
  ])('%s', (_, first, second) => expect(rankOf(first, 1000)).toBeLessThan(rankOf(second, 1000)));
});

describe('whatever the snapshot', () => {
  const limits: Amounts = { cpu: 20, 'gpu:0': 10, models: 3 };
  const memory = fc.record({ cpu: fc.nat(12), 'gpu:0': fc.nat(6) });
  const slots = fc.uniqueArray(
    fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      state: fc.constantFrom('loading' as const, 'ready' as const, 'ready' as const, 'unloading' as const),
      leases: fc.nat(2),
      memory,
      counts: fc.boolean(),
      lastUsed: fc.nat(9),
      pinned: fc.boolean(),
      guarded: fc.boolean(),
      draining: fc.boolean(),
    }),
    { selector: ({ id }) => id, maxLength: 5 },
  );
  const demands = fc.uniqueArray(
    fc.record({
      id: fc.constantFrom('a', 'b', 'c', 'x', 'y', 'z'),
      rank: fc.integer({ min: 0, max: 9 }),
      options: fc.array(
        memory.map((bytes) => ({
          placement: { device: bytes['gpu:0'] > 0 ? ('gpu:0' as const) : ('cpu' as const) },
          memory: bytes,
        })),
        { minLength: 1, maxLength: 2 },
      ),
      counts: fc.boolean(),
      notBefore: fc.constantFrom(0, 5),
      onHold: fc.boolean(),
    }),
    { selector: ({ id }) => id, maxLength: 6 },
  );
  const snapshots = fc.record({
    now: fc.nat(12),
    limits: fc.constant(limits),
    fairnessMs: fc.constantFrom(0, 3),
    slots,
    demands,
  });

  it('leased, pinned, guarded and loading models stay', () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const decision = decide(snapshot);
        for (const { id } of decision.evictions) {
          const victim = snapshot.slots.find((one) => one.id === id);
          expect(victim).toMatchObject({ state: 'ready', leases: 0, pinned: false, guarded: false });
          expect(decision.grants).not.toContain(id);
        }
      }),
    );
  });

  it('what is loaded stays within the limits, if only what was there does', () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const before = snapshot.slots.reduce<Amounts>((sum, one) => add(sum, holdings(one)), {});
        const { loads } = decide(snapshot);
        const after = loads.reduce((sum, { id, option }) => {
          const counts = snapshot.demands.find((one) => one.id === id)?.counts ?? true;
          return add(sum, holdings({ memory: option.memory, counts }));
        }, before);
        for (const [resource, amount] of entries(after)) {
          const was = before[resource] ?? 0;
          if (amount > was) expect(amount).toBeLessThanOrEqual(limits[resource] ?? 0);
        }
      }),
    );
  });

  it('each demand has at most one outcome, and no model two', () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const { grants, loads, rejections, blocked, evictions, held } = decide(snapshot);
        const outcomes = [
          ...grants,
          ...loads.map(({ id }) => id),
          ...rejections.map(({ id }) => id),
          ...blocked.map(({ id }) => id),
        ];
        expect(new Set(outcomes).size).toBe(outcomes.length);
        const gone = evictions.map(({ id }) => id);
        expect(new Set(gone).size).toBe(gone.length);
        for (const id of held) expect(gone).not.toContain(id);
      }),
    );
  });

  it('the best rank that can be loaded at all is granted, loaded, or has somebody to wait for', () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const decision = decide(snapshot);
        const first = snapshot.demands.toSorted((a, b) => a.rank - b.rank)[0];
        if (first === undefined || first.onHold || first.notBefore > snapshot.now) return;
        if (snapshot.slots.some(({ id, guarded }) => id === first.id || guarded)) return;
        const someoneGoes =
          snapshot.slots.some(({ state }) => state === 'unloading') || decision.evictions.some((one) => one.for === first.id);
        const waitsFor = decision.blocked.find(({ id }) => id === first.id)?.by ?? [];
        const done = decision.loads.some(({ id }) => id === first.id) || decision.rejections.some(({ id }) => id === first.id);
        expect(done || someoneGoes || waitsFor.length > 0).toBe(true);
      }),
    );
  });
});
