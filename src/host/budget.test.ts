import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Budget, BudgetReservation, CallNeed } from '../contracts/model.ts';
import type { BudgetLimits } from '../contracts/orchestrated.ts';
import { costOf, type Price, type Usage } from '../contracts/usage.ts';
import { TuttiError } from '../errors/error.ts';
import { MemberBudget, RunBudget } from './budget.ts';

const FEE: Price = { inputPerMtok: 0, outputPerMtok: 0, perCall: 1.5 };

function need(own: Partial<CallNeed> = {}): CallNeed {
  return { promptTokens: 10, answers: 1, maxTokens: undefined, mostTokens: Infinity, price: undefined, ...own };
}
function refusal(reserve: () => unknown): TuttiError | null {
  try {
    reserve();
    return null;
  } catch (error) {
    if (TuttiError.isInstance(error)) return error;
    throw error;
  }
}
const members = (budget: Budget, count: number): MemberBudget[] => Array.from({ length: count }, () => new MemberBudget(budget));

describe('a reservation', () => {
  it('leaves the rest to others, and gives back what was not used', () => {
    const budget = new RunBudget({ maxTokens: 100 });
    const first = budget.reserve(need({ maxTokens: 60 }));
    expect(budget.reserve(need({ maxTokens: 60 })).maxTokens).toBe(20);
    expect(refusal(() => budget.reserve(need({ maxTokens: 60 })))).toMatchObject({
      code: 'run_budget_exceeded',
      message: expect.stringContaining('max_tokens is 100, 0 are used, 100 are kept for calls under way, and this one needs 11'),
      details: { limit: 'max_tokens', allowed: 100, used: 0, reserved: 100, needed: 11 },
    });
    first.settle({ inputTokens: 10, outputTokens: 5 }, null);
    expect(budget.reserve(need({ maxTokens: 60 })).maxTokens).toBe(45);
  });

  it('counts once, however often the call says that it has ended', () => {
    const budget = new RunBudget({ maxTokens: 100 });
    const call = budget.reserve(need({ maxTokens: 60 }));
    call.settle(null, null);
    call.settle({ inputTokens: 50, outputTokens: 50 }, null);
    expect(budget.reserve(need({ promptTokens: 100, answers: 0 })).maxTokens).toBe(Infinity);
  });

  it('is of money, too: of the prompt, the answers and the fee of the call', () => {
    const budget = new RunBudget({ maxCostUsd: 2 });
    const price = { inputPerMtok: 10_000, outputPerMtok: 100_000, perCall: 0.5 };
    const call = budget.reserve(need({ maxTokens: 4, answers: 2, price }));
    expect(refusal(() => budget.reserve(need({ maxTokens: 4, answers: 2, price })))?.details).toMatchObject({
      limit: 'max_cost_usd',
      needed: 0.8,
    });
    call.settle({ inputTokens: 10, outputTokens: 1 }, 0.7);
    expect(budget.reserve(need({ maxTokens: 9, answers: 2, price })).maxTokens).toBe(3);
  });

  it('is refused to the second of two calls of which each takes more than half', () => {
    const budget = new RunBudget({ maxCostUsd: 2 });
    const [a, b] = members(budget, 2);
    expect(a?.reserve(need({ price: FEE })).maxTokens).toBe(Infinity);
    expect(refusal(() => b?.reserve(need({ price: FEE })))?.message).toMatch(
      /max_cost_usd is 2, 0 are used, 1.5 are kept .*needs 1.5/,
    );
  });

  it('is of nothing where the price is unknown', () => {
    const budget = new RunBudget({ maxCostUsd: 1e-9 });
    for (const price of [undefined, { inputPerMtok: 1 }]) expect(budget.reserve(need({ price })).maxTokens).toBe(Infinity);
  });

  it('holds at all levels or at none', () => {
    const above = new RunBudget({ maxTokens: 50 });
    const below = new RunBudget({ maxTokens: 100 }, above);
    above.reserve(need({ promptTokens: 45, answers: 0 }));
    expect(refusal(() => below.reserve(need()))?.details).toMatchObject({ allowed: 50 });
    const alone = new RunBudget({ maxTokens: 100 }, new RunBudget({ maxCalls: 1 }));
    expect(alone.reserve(need()).maxTokens).toBe(90);
  });

  it('is not needed where only calls are limited', () => {
    expect(new RunBudget({ maxCalls: 3 }).isMetered).toBe(false);
    expect(new RunBudget({ maxCalls: 3 }, new RunBudget({ maxCostUsd: 1 })).isMetered).toBe(true);
  });
});

describe('an answer without a limit of its own', () => {
  it('may take all that is left when nobody else is about to call', () => {
    expect(new RunBudget({ maxTokens: 100 }).reserve(need()).maxTokens).toBe(90);
    const [only] = members(new RunBudget({ maxTokens: 100 }), 1);
    expect(only?.reserve(need()).maxTokens).toBe(90);
  });

  it('gets the same share as those who start with it, also in nested orchestrations', () => {
    const budget = new RunBudget({ maxTokens: 400 });
    const [a, b, c] = members(budget, 3);
    const inner = members(new RunBudget({ maxTokens: 1000 }, c), 2);
    expect([a, b, ...inner].map((one) => one?.reserve(need()).maxTokens)).toEqual([90, 90, 90, 90]);
  });

  it('is not kept short for those who have ended without a call', () => {
    const [a, b] = members(new RunBudget({ maxTokens: 100 }), 2);
    b?.[Symbol.dispose]();
    b?.[Symbol.dispose]();
    expect(a?.reserve(need()).maxTokens).toBe(90);
  });

  it('keeps nothing that the model does not write anyway', () => {
    const budget = new RunBudget({ maxTokens: 100 });
    expect(budget.reserve(need({ mostTokens: 20 })).maxTokens).toBe(20);
    expect(budget.reserve(need()).maxTokens).toBe(60);
  });

  it('is rather refused to some than to all, when the shares do not do for the prompts', () => {
    const all = members(new RunBudget({ maxTokens: 30 }), 4);
    const taken = all.map((one) => refusal(() => one.reserve(need())));
    expect(taken.map((error) => error === null)).toEqual([true, true, false, false]);
  });
});

/** What a random program does with a tree of budgets. */
type Deed =
  | { readonly do: 'reserve'; readonly at: number; readonly prompt: number; readonly answers: number; readonly max: number }
  | { readonly do: 'end'; readonly which: number; readonly share: number }
  | { readonly do: 'fail'; readonly which: number };

const natural = fc.nat({ max: 50 });
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({
    do: fc.constant('reserve' as const),
    at: natural,
    prompt: natural,
    answers: fc.integer({ min: 1, max: 3 }),
    max: fc.integer({ min: 1, max: 80 }),
  }),
  fc.record({ do: fc.constant('end' as const), which: natural, share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ do: fc.constant('fail' as const), which: natural }),
);
const limits: fc.Arbitrary<BudgetLimits> = fc.record({
  maxTokens: fc.integer({ min: 1, max: 400 }),
  maxCostUsd: fc.double({ min: 0.001, max: 4, noNaN: true }),
});
const price: Price = { inputPerMtok: 3000, outputPerMtok: 7000, perCall: 0.01 };
const TOLERANCE = 1e-9;

/** Nodes of a tree: each a budget with limits, below the one before it or beside it. */
function tree(all: readonly BudgetLimits[]): { readonly budgets: Budget[]; readonly path: (i: number) => number[] } {
  const budgets: Budget[] = [];
  for (const [i, own] of all.entries()) {
    const above = i === 0 ? undefined : budgets[(i - 1) >> 1];
    budgets.push(new RunBudget(own, above && new MemberBudget(above)));
  }
  const path = (i: number): number[] => (i === 0 ? [0] : [i, ...path((i - 1) >> 1)]);
  return { budgets, path };
}

interface Open {
  readonly reservation: BudgetReservation;
  readonly call: CallNeed;
  readonly levels: readonly number[];
}

/** Does the deeds, and looks after each whether every level is within its limits. */
class Program {
  readonly #all: readonly BudgetLimits[];
  readonly #tree: ReturnType<typeof tree>;
  readonly #open: Open[] = [];
  readonly #tokens: number[];
  readonly #money: number[];
  readonly #spent: number[];
  readonly #paid: number[];

  constructor(all: readonly BudgetLimits[]) {
    this.#all = all;
    this.#tree = tree(all);
    this.#tokens = all.map(() => 0);
    this.#money = all.map(() => 0);
    this.#spent = all.map(() => 0);
    this.#paid = all.map(() => 0);
  }

  do(deed: Deed): void {
    if (deed.do === 'reserve') this.#reserve(deed);
    else {
      const open = this.#open.splice(deed.which % Math.max(1, this.#open.length), 1)[0];
      if (open !== undefined) this.#end(open, deed.do === 'fail' ? null : deed.share);
    }
    this.#check();
  }

  #reserve({ at, prompt, answers, max }: Extract<Deed, { do: 'reserve' }>): void {
    const i = at % this.#all.length;
    const call = need({ promptTokens: prompt, answers, maxTokens: max, price });
    try {
      const reservation = this.#tree.budgets[i]!.reserve(call); // `i` is one of them
      const open = { reservation, call, levels: this.#tree.path(i) };
      expect(reservation.maxTokens).toBeGreaterThanOrEqual(1);
      expect(reservation.maxTokens).toBeLessThanOrEqual(max);
      this.#keep(open, 1);
      this.#open.push(open);
    } catch (error) {
      if (!TuttiError.isInstance(error)) throw error;
    }
  }

  #keep({ reservation, call, levels }: Open, sign: 1 | -1): void {
    const usage = { inputTokens: call.promptTokens, outputTokens: call.answers * reservation.maxTokens };
    for (const level of levels) {
      this.#tokens[level]! += sign * (usage.inputTokens + usage.outputTokens); // a level of the tree
      this.#money[level]! += sign * (costOf(usage, price) ?? 0); // a level of the tree
    }
  }

  #end(open: Open, share: number | null): void {
    const { reservation, call, levels } = open;
    this.#keep(open, -1);
    if (share === null) return reservation.settle(null, null);
    const outputTokens = Math.floor(share * call.answers * reservation.maxTokens);
    const usage: Usage = { inputTokens: call.promptTokens, outputTokens };
    reservation.settle(usage, costOf(usage, price));
    for (const level of levels) {
      this.#spent[level]! += usage.inputTokens + usage.outputTokens; // a level of the tree
      this.#paid[level]! += costOf(usage, price) ?? 0; // a level of the tree
    }
  }

  #check(): void {
    for (const [i, { maxTokens = 0, maxCostUsd = 0 }] of this.#all.entries()) {
      expect(this.#tokens[i]! + this.#spent[i]!).toBeLessThanOrEqual(maxTokens); // a level of the tree
      expect(this.#money[i]! + this.#paid[i]!).toBeLessThanOrEqual(maxCostUsd + TOLERANCE); // a level of the tree
    }
  }

  /** When all calls have ended, exactly what was not spent can be reserved: nothing is lost, and nothing is given back twice. */
  finish(): void {
    for (const open of this.#open.splice(0)) this.#end(open, null);
    const left = this.#all.map(({ maxTokens = 0 }, i) => maxTokens - this.#spent[i]!); // a level of the tree
    const whole = (promptTokens: number): CallNeed => need({ promptTokens, answers: 0 });
    for (const [i, budget] of this.#tree.budgets.entries()) {
      const most = Math.min(...this.#tree.path(i).map((level) => left[level]!)); // a level of the tree
      expect(refusal(() => budget.reserve(whole(most + 1)))?.code).toBe('run_budget_exceeded');
      budget.reserve(whole(most)).settle(null, null);
    }
  }
}

describe('any order of calls that begin, end, fail and are refused, in a tree of budgets', () => {
  it('stays within every limit, and loses nothing of what was reserved', () => {
    fc.assert(
      fc.property(fc.array(limits, { minLength: 1, maxLength: 5 }), fc.array(deed, { maxLength: 60 }), (all, deeds) => {
        const program = new Program(all);
        for (const one of deeds) program.do(one);
        program.finish();
      }),
      { numRuns: 300 },
    );
  });
});
