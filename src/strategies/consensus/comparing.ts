import type { Comparison } from '../../answers/group.ts';
import { exactKey } from '../../answers/wording.ts';
import type { StrategyContext } from '../../contracts/strategy.ts';
import type { ConsensusConfig } from './config.ts';
import { kindOf, type Rules, type Vote } from './count.ts';

/** How answers of kind `semantic` compare: by the embedding model, asked once for each pair, or by their words without one. */
export class Comparing {
  readonly #context: StrategyContext<ConsensusConfig>;
  readonly #known = new Map<string, number>();
  #failed = false;

  constructor(context: StrategyContext<ConsensusConfig>) {
    this.#context = context;
  }

  async of(votes: readonly Vote[], rules: Rules): Promise<Comparison> {
    const { config, settings } = this.#context;
    const byWords: Comparison = config.similarity === undefined ? {} : { threshold: config.similarity };
    if (settings.similarity === undefined || this.#failed || kindOf(votes, rules) !== 'semantic') return byWords;
    try {
      await this.#learn(votes, settings.similarity);
    } catch (thrown) {
      const { message } = this.#context.rethrow(thrown);
      this.#failed = true;
      this.#context.report({
        type: 'decision',
        message: `answers are compared by their words, not by an embedding model: ${message}`,
      });
      return byWords;
    }
    return { ...byWords, similarity: (a, b) => this.#known.get(pairOf(a, b)) ?? 0 };
  }

  async #learn(votes: readonly Vote[], similarity: (a: string, b: string) => Promise<number>): Promise<void> {
    const texts = votes.map(({ answer }) => exactKey(answer.text));
    for (const [i, a] of texts.entries()) {
      for (const b of texts.slice(0, i)) {
        const pair = pairOf(a, b);
        if (a !== b && !this.#known.has(pair)) this.#known.set(pair, await similarity(a, b));
      }
    }
  }
}

function pairOf(a: string, b: string): string {
  return JSON.stringify(a < b ? [a, b] : [b, a]);
}
