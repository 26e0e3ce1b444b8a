import { SAME_MEANING, type Comparison } from '../../answers/group.ts';
import { exactKey, lexicalSimilarity, SAME_WORDS } from '../../answers/wording.ts';
import type { StrategyContext } from '../../contracts/strategy.ts';
import type { ConsensusConfig } from './config.ts';
import { kindOf, type Rules, type Vote } from './count.ts';

/** How answers of kind `semantic` compare: by the embedding model, or by their words without one. Each pair is compared once. */
export class Comparing {
  readonly #context: StrategyContext<ConsensusConfig>;
  readonly #meanings = new Map<string, number>();
  readonly #words = new Map<string, number>();
  #failed = false;

  constructor(context: StrategyContext<ConsensusConfig>) {
    this.#context = context;
  }

  async of(votes: readonly Vote[], rules: Rules): Promise<Comparison> {
    if (kindOf(votes, rules) !== 'semantic') return {};
    const { config, settings } = this.#context;
    if (settings.similarity !== undefined && !this.#failed) {
      try {
        await this.#learn(votes, settings.similarity);
        return { threshold: config.similarity ?? SAME_MEANING, similarity: (a, b) => this.#meanings.get(pairOf(a, b)) ?? 0 };
      } catch (thrown) {
        const { message } = this.#context.rethrow(thrown);
        this.#failed = true;
        this.#context.report({
          type: 'decision',
          message: `answers are compared by their words, not by an embedding model: ${message}`,
        });
      }
    }
    return { threshold: config.similarity ?? SAME_WORDS, similarity: (a, b) => this.#byWords(a, b, rules.question.text) };
  }

  async #learn(votes: readonly Vote[], similarity: (a: string, b: string) => Promise<number>): Promise<void> {
    const texts = votes.map(({ answer }) => exactKey(answer.text));
    for (const [i, a] of texts.entries()) {
      for (const b of texts.slice(0, i)) {
        const pair = pairOf(a, b);
        if (a !== b && !this.#meanings.has(pair)) this.#meanings.set(pair, await similarity(a, b));
      }
    }
  }

  #byWords(a: string, b: string, question: string): number {
    const pair = pairOf(a, b);
    const known = this.#words.get(pair) ?? lexicalSimilarity(a, b, question);
    this.#words.set(pair, known);
    return known;
  }
}

function pairOf(a: string, b: string): string {
  return JSON.stringify(a < b ? [a, b] : [b, a]);
}
