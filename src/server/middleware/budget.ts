/** What each key has spent since midnight UTC, against its `budget_usd_per_day`. */
import type { Clock } from '../../contracts/clock.ts';
import { TuttiError } from '../../errors/error.ts';
import type { Tutti } from '../../tutti.ts';
import type { ApiKey } from '../schema.ts';

const DAY = 86_400_000;

/**
 * Kept in memory and added to when a run ends; what was spent earlier that day is read from the runs' history once, at a
 * key's first request. Runs whose price is unknown count as nothing. A call is refused once the budget is spent, so the
 * calls that were under way then may still exceed it.
 */
export class Budgets implements Disposable {
  readonly #runs: Tutti['runs'];
  readonly #clock: Clock;
  readonly #spent = new Map<string, { readonly day: number; usd: number }>();
  readonly #subscriptions: readonly Disposable[];

  constructor(tutti: Pick<Tutti, 'runs' | 'events'>, clock: Clock) {
    this.#runs = tutti.runs;
    this.#clock = clock;
    const add = ({ data }: { data: { run: { principal: string; startedAt: number; costUsd: number | null } } }): void => {
      const entry = this.#spent.get(data.run.principal);
      if (entry !== undefined && dayOf(data.run.startedAt) === entry.day) entry.usd += data.run.costUsd ?? 0;
    };
    this.#subscriptions = (['run.completed', 'run.failed', 'run.cancelled'] as const).map((type) => tutti.events.on(type, add));
  }

  /** Throws `budget_exceeded` when the key has spent its budget of today. */
  check(key: ApiKey): void {
    const budget = key.budget_usd_per_day;
    if (budget === undefined) return;
    const spent = this.spentToday(key.name);
    if (spent < budget) return;
    const midnight = (dayOf(this.#clock.now()) + 1) * DAY;
    throw new TuttiError(
      'budget_exceeded',
      `The key "${key.name}" has spent its ${budget} USD of today. The budget renews at ${new Date(midnight).toISOString()}.`,
      { retryAfter: (midnight - this.#clock.now()) / 1000, details: { budget_usd: budget, spent_usd: spent } },
    );
  }

  /** US dollars since midnight UTC. */
  spentToday(principal: string): number {
    const day = dayOf(this.#clock.now());
    let entry = this.#spent.get(principal);
    if (entry?.day !== day) this.#spent.set(principal, (entry = { day, usd: this.#history(principal, day) }));
    return entry.usd;
  }

  #history(principal: string, day: number): number {
    let usd = 0;
    let cursor: string | null = null;
    do {
      const page: ReturnType<Tutti['runs']['list']> = this.#runs.list({
        principal,
        since: day * DAY,
        limit: 1000,
        ...(cursor !== null && { cursor }),
      });
      // Runs under way are added when they end.
      for (const run of page.runs) if (run.status !== 'running' && run.status !== 'waiting') usd += run.costUsd ?? 0;
      cursor = page.nextCursor;
    } while (cursor !== null);
    return usd;
  }

  [Symbol.dispose](): void {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
  }
}

function dayOf(ms: number): number {
  return Math.floor(ms / DAY);
}
