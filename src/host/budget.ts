import type { Budget } from '../contracts/model.ts';
import type { BudgetLimits } from '../contracts/orchestrated.ts';
import { TuttiError } from '../errors/error.ts';

/**
 * Limits of a run, or of an orchestration in it. What is spent below counts here and in the budget above, so that the
 * limits of the whole tree hold however it is nested. Calls that run at once may together go over the limits of tokens and
 * money by what they themselves take: what a call costs is known when it has ended.
 */
export class RunBudget implements Budget {
  readonly #limits: BudgetLimits;
  readonly #above: Budget | undefined;
  #calls = 0;
  #tokens = 0;
  #costUsd = 0;

  constructor(limits: BudgetLimits, above?: Budget) {
    this.#limits = limits;
    this.#above = above;
  }

  takeCall(): void {
    const { maxCalls = Infinity, maxTokens = Infinity, maxCostUsd = Infinity } = this.#limits;
    if (this.#calls >= maxCalls) throw exceeded('max_calls', maxCalls, this.#calls);
    if (this.#tokens >= maxTokens) throw exceeded('max_tokens', maxTokens, this.#tokens);
    if (this.#costUsd >= maxCostUsd) throw exceeded('max_cost_usd', maxCostUsd, this.#costUsd);
    this.#above?.takeCall();
    this.#calls++;
  }

  spend(usage: { readonly inputTokens: number; readonly outputTokens: number }, costUsd: number | null): void {
    this.#tokens += usage.inputTokens + usage.outputTokens;
    this.#costUsd += costUsd ?? 0;
    this.#above?.spend(usage, costUsd);
  }

  get tokensLeft(): number {
    const own = (this.#limits.maxTokens ?? Infinity) - this.#tokens;
    return Math.max(0, Math.min(own, this.#above?.tokensLeft ?? Infinity));
  }
}

function exceeded(limit: string, allowed: number, used: number): TuttiError {
  return new TuttiError('run_budget_exceeded', `The run's budget is used up: ${limit} is ${allowed}, and ${used} are used.`, {
    details: { limit, allowed, used },
  });
}
