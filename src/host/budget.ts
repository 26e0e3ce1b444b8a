/**
 * Budgets of calls, tokens and money. What is spent below counts here and in the budget above, so that the limits of the
 * whole tree hold however it is nested.
 *
 * Before each call what it may take at most is reserved, at all levels or at none, and what it did not take is given back when it
 * ends. So the calls that run at once stay within the limits together, as far as prompts are estimated right and models keep to
 * the length that they are told. Nobody waits for a reservation: what cannot be had is refused.
 *
 * An answer whose length nobody has limited could take all that is left, and leave its siblings without. It gets a share: what is
 * left is divided by those who are about to call (`expectCall`) and itself; or by fewer, when the shares would not do for the
 * prompts.
 */
import type { Budget, BudgetReservation, CallNeed } from '../contracts/model.ts';
import type { BudgetLimits } from '../contracts/orchestrated.ts';
import { costOf, type Usage } from '../contracts/usage.ts';
import { TuttiError } from '../errors/error.ts';

/** Limits of a run, or of an orchestration in it. */
export class RunBudget implements Budget {
  readonly isMetered: boolean;
  readonly #maxCalls: number;
  readonly #tokens: Meter;
  readonly #money: Meter;
  readonly #above: Budget | undefined;
  #calls = 0;
  #expected = 0;

  constructor({ maxCalls = Infinity, maxTokens = Infinity, maxCostUsd = Infinity }: BudgetLimits, above?: Budget) {
    this.#maxCalls = maxCalls;
    this.#tokens = new Meter('max_tokens', maxTokens);
    this.#money = new Meter('max_cost_usd', maxCostUsd);
    this.#above = above;
    this.isMetered = maxTokens < Infinity || maxCostUsd < Infinity || above?.isMetered === true;
  }

  takeCall(): void {
    if (this.#calls >= this.#maxCalls) throw usedUp('max_calls', this.#maxCalls, this.#calls);
    this.#tokens.check();
    this.#money.check();
    this.#above?.takeCall();
    this.#calls++;
  }

  giveCallBack(): void {
    this.#above?.giveCallBack();
    this.#calls--;
  }

  reserve(need: CallNeed): BudgetReservation {
    const [tokens, money] = [tokensOf(need), moneyOf(need)];
    const callers = need.maxTokens === undefined ? this.#expected + 1 : 1;
    const room = Math.min(this.#tokens.room(tokens, callers), this.#money.room(money, callers));
    const wanted = Math.min(need.maxTokens ?? Infinity, need.mostTokens, room);
    const above = this.#above?.reserve({ ...need, mostTokens: wanted });
    const maxTokens = above?.maxTokens ?? wanted;
    const kept = { tokens: this.#tokens.keep(tokens, maxTokens), money: this.#money.keep(money, maxTokens) };
    let isOpen = true;
    return {
      maxTokens,
      settle: (usage, costUsd) => {
        if (!isOpen) return;
        isOpen = false;
        this.#tokens.settle(kept.tokens, totalOf(usage));
        this.#money.settle(kept.money, costUsd ?? 0);
        above?.settle(usage, costUsd);
      },
    };
  }

  expectCall(): Disposable {
    this.#expected++;
    const above = this.#above?.expectCall();
    let isOpen = true;
    return {
      [Symbol.dispose]: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#expected--;
        above?.[Symbol.dispose]();
      },
    };
  }
}

/** A budget as one of several members has it, from its start on: a share is kept until it, or somebody below it, makes its first call. */
export class MemberBudget implements Budget, Disposable {
  readonly #budget: Budget;
  readonly #expected: Disposable;

  constructor(budget: Budget) {
    this.#budget = budget;
    this.#expected = budget.expectCall();
  }

  get isMetered(): boolean {
    return this.#budget.isMetered;
  }

  takeCall(): void {
    this.#budget.takeCall();
  }

  giveCallBack(): void {
    this.#budget.giveCallBack();
  }

  reserve(need: CallNeed): BudgetReservation {
    this[Symbol.dispose]();
    return this.#budget.reserve(need);
  }

  /** Its own members are expected in its place. */
  expectCall(): Disposable {
    this[Symbol.dispose]();
    return this.#budget.expectCall();
  }

  [Symbol.dispose](): void {
    this.#expected[Symbol.dispose]();
  }
}

/** What a call takes: for its prompt, and for each token that its answers may have. */
interface Takes {
  readonly prompt: number;
  readonly perToken: number;
}

function tokensOf({ promptTokens, answers }: CallNeed): Takes {
  return { prompt: promptTokens, perToken: answers };
}

/** US dollars; nothing where the price of any of it is unknown. */
function moneyOf({ promptTokens: inputTokens, answers, price }: CallNeed): Takes {
  const prompt = costOf({ inputTokens, outputTokens: 0 }, price);
  const each = answers === 0 ? 0 : price?.outputPerMtok;
  return prompt === null || each === undefined ? { prompt: 0, perToken: 0 } : { prompt, perToken: (answers * each) / 1e6 };
}

function totalOf(usage: Usage | null): number {
  return usage === null ? 0 : usage.inputTokens + usage.outputTokens;
}

/** One limited amount: what is spent, and what is reserved. Without a limit it counts nothing. */
class Meter {
  readonly #name: string;
  readonly #limit: number;
  #spent = 0;
  #kept = 0;
  /** How many reservations there are: sums of fractions do not come back to 0 by themselves. */
  #open = 0;

  constructor(name: string, limit: number) {
    this.#name = name;
    this.#limit = limit;
  }

  check(): void {
    if (this.#spent >= this.#limit) throw usedUp(this.#name, this.#limit, this.#spent);
  }

  /** Tokens that each answer may have, when so many are to call. */
  room({ prompt, perToken }: Takes, callers: number): number {
    if (this.#limit === Infinity) return Infinity;
    const left = this.#limit - this.#spent - this.#kept;
    const least = prompt + perToken;
    if (least > left) throw this.#refused(least);
    if (perToken === 0) return Infinity;
    // Rather fewer answers than prompts without one.
    const served = Math.max(1, Math.min(callers, Math.floor(left / least)));
    return Math.max(1, Math.floor((left / served - prompt) / perToken));
  }

  /** What is reserved. */
  keep({ prompt, perToken }: Takes, tokens: number): number {
    if (this.#limit === Infinity) return 0;
    const amount = prompt + (perToken === 0 ? 0 : perToken * tokens);
    this.#kept += amount;
    this.#open++;
    return amount;
  }

  settle(kept: number, spent: number): void {
    if (this.#limit === Infinity) return;
    this.#open--;
    this.#kept = this.#open === 0 ? 0 : Math.max(0, this.#kept - kept);
    this.#spent += spent;
  }

  #refused(needed: number): TuttiError {
    const [limit, allowed, used, reserved] = [this.#name, this.#limit, this.#spent, this.#kept];
    const what = `${limit} is ${allowed}, ${used} are used, ${reserved} are kept for calls under way, and this one needs ${needed}`;
    return new TuttiError('run_budget_exceeded', `The run's budget does not suffice: ${what}.`, {
      details: { limit, allowed, used, reserved, needed },
    });
  }
}

function usedUp(limit: string, allowed: number, used: number): TuttiError {
  return new TuttiError('run_budget_exceeded', `The run's budget is used up: ${limit} is ${allowed}, and ${used} are used.`, {
    details: { limit, allowed, used },
  });
}
