/**
 * The models of a capability, best first under a policy, kept sorted so that a decision among thousands costs no more
 * than the few that it looks at.
 *
 * A list is made when first asked for. Scores are absolute (see `policies.ts`), so a change of one model (it was loaded,
 * it was measured) moves that one alone: it is scored again and put into place when the list is next read. Any change of
 * the directory drops all lists.
 */
import type { ModelDescriptor } from '../contracts/model.ts';
import type { Capability, ModelId } from '../contracts/vocabulary.ts';
import type { ModelDirectory } from './directory.ts';
import { explain, scoreOf, type ModelFacts } from './policies.ts';
import type { Policy } from './schema.ts';

/** A model's place. Made anew when anything that it depends on changes. */
export class Ranked {
  readonly model: ModelDescriptor;
  readonly score: number;
  readonly #facts: ModelFacts;
  readonly #policy: Policy;
  #reason: string | null = null;

  constructor(facts: ModelFacts, policy: Policy) {
    this.model = facts.model;
    this.score = scoreOf(facts, policy);
    this.#facts = facts;
    this.#policy = policy;
  }

  /** `balanced for vision: quality 0.75, 412 ms, free; loaded` */
  get reason(): string {
    return (this.#reason ??= `${this.#policy} for ${this.#facts.capability}: ${explain(this.#facts)}`);
  }
}

interface Ranking {
  readonly capability: Capability;
  readonly policy: Policy;
  readonly sorted: Ranked[];
  readonly byId: Map<ModelId, Ranked>;
  /** Models whose facts changed since the list was last read. */
  readonly stale: Set<ModelId>;
}

export class Rankings {
  #directory: ModelDirectory;
  #factsOf: (model: ModelDescriptor, capability: Capability) => ModelFacts;
  #rankings = new Map<string, Ranking>();
  #version = -1;

  constructor(directory: ModelDirectory, factsOf: (model: ModelDescriptor, capability: Capability) => ModelFacts) {
    this.#directory = directory;
    this.#factsOf = factsOf;
  }

  /** Best first; equal ones by id. The list is the live one: read it before the next call. */
  list(capability: Capability, policy: Policy): readonly Ranked[] {
    if (this.#version !== this.#directory.version) {
      this.#rankings.clear();
      this.#version = this.#directory.version;
    }
    const key = `${policy} ${capability}`;
    let ranking = this.#rankings.get(key);
    if (ranking === undefined) {
      ranking = this.#build(capability, policy);
      this.#rankings.set(key, ranking);
    } else if (ranking.stale.size > 0) this.#refresh(ranking);
    return ranking.sorted;
  }

  /** Says that the model's speed or residency changed. */
  touch(model: ModelId): void {
    for (const ranking of this.#rankings.values()) {
      if (ranking.byId.has(model)) ranking.stale.add(model);
    }
  }

  #build(capability: Capability, policy: Policy): Ranking {
    const sorted = this.#directory
      .withCapability(capability)
      .map((model) => new Ranked(this.#factsOf(model, capability), policy))
      .sort(compare);
    return { capability, policy, sorted, byId: new Map(sorted.map((ranked) => [ranked.model.id, ranked])), stale: new Set() };
  }

  #refresh(ranking: Ranking): void {
    for (const id of ranking.stale) {
      const before = ranking.byId.get(id);
      if (before === undefined) continue;
      const after = new Ranked(this.#factsOf(before.model, ranking.capability), ranking.policy);
      ranking.sorted.splice(position(ranking.sorted, before), 1);
      ranking.sorted.splice(position(ranking.sorted, after), 0, after);
      ranking.byId.set(id, after);
    }
    ranking.stale.clear();
  }
}

function compare(a: Ranked, b: Ranked): number {
  return b.score - a.score || (a.model.id < b.model.id ? -1 : a.model.id > b.model.id ? 1 : 0);
}

/** Where it stands, or would. */
function position(sorted: readonly Ranked[], ranked: Ranked): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = sorted[middle];
    if (other !== undefined && compare(other, ranked) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
