/** A Tutti whose embedded models remember their answers, and how it is asked: as a user of the library asks. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectAnswer } from '../../src/composition/answer.ts';
import type { AnyBackendDefinition } from '../../src/contracts/backend.ts';
import type { Answer, InlineOrchestration } from '../../src/contracts/library.ts';
import { definePlugin } from '../../src/contracts/plugin.ts';
import type { RunRecord } from '../../src/contracts/run.ts';
import { evaluate, type Ask, type Reply, type Target, type TargetTrials } from '../../src/eval/evaluate.ts';
import type { EvalItem } from '../../src/eval/items.ts';
import { judgeBy } from '../../src/eval/judge.ts';
import type { Facts } from '../../src/eval/summary.ts';
import { createTutti, type Tutti } from '../../src/tutti.ts';
import { progress } from '../harness/report.ts';
import { memorisedBackend, Memory } from './memo.ts';

/** Who is asked: a model by its id, or an orchestration that is given with each call. */
export type Contestant = string | InlineOrchestration;

export interface StageOptions {
  /** A folder with the embedded models' weights. */
  readonly weights: string;
  /** Others that take part: backends by these ids. */
  readonly others: Readonly<Record<string, AnyBackendDefinition>>;
  readonly signal?: AbortSignal;
}

/** Every question at once costs memory, and none at all waits for the one thread that computes. */
const CONCURRENCY = 8;

export class Stage implements AsyncDisposable {
  readonly tutti: Tutti;
  readonly memory: Memory;
  readonly facts: Facts;
  readonly #directory: string;
  readonly #signal: AbortSignal;

  private constructor(tutti: Tutti, memory: Memory, directory: string, signal: AbortSignal) {
    this.tutti = tutti;
    this.memory = memory;
    this.#directory = directory;
    this.#signal = signal;
    this.facts = { parametersOf: (id) => tutti.registry.get(id)?.parameters, priceOf: () => undefined };
  }

  static async open({ weights, others, signal = new AbortController().signal }: StageOptions): Promise<Stage> {
    const directory = await mkdtemp(join(tmpdir(), 'tutti-bench-quality-'));
    const memory = new Memory();
    const plugin = definePlugin({
      apiVersion: 1,
      name: 'quality',
      backends: [memorisedBackend(memory), ...Object.values(others)],
    });
    const tutti = await createTutti({
      directory,
      environment: {},
      discover: false,
      log: 'error',
      data_dir: directory,
      plugins: [plugin],
      backends: {
        embedded: { type: 'memorised', models_dir: weights },
        ...Object.fromEntries(Object.entries(others).map(([id, { type }]) => [id, { type }])),
      },
    });
    return new Stage(tutti, memory, directory, signal);
  }

  /** What each contestant makes of the items. */
  async ask(contestants: Readonly<Record<string, Contestant>>, items: readonly EvalItem[]): Promise<TargetTrials[]> {
    const targets = Object.entries(contestants).map(([name, who]): Target => ({
      name,
      kind: typeof who === 'string' ? 'model' : 'orchestration',
    }));
    let told = performance.now();
    return evaluate({
      items,
      targets,
      ask: this.#asker(contestants),
      judge: judgeBy('auto'),
      signal: this.#signal,
      concurrency: CONCURRENCY,
      onProgress: ({ name }, done, all) => {
        if (done < all && performance.now() - told < 5000) return;
        told = performance.now();
        progress(`${name}: ${done} of ${all}`);
      },
    });
  }

  #asker(contestants: Readonly<Record<string, Contestant>>): Ask {
    return async (name, { messages, tools }, signal) => {
      const who = contestants[name] ?? name;
      const execution = this.tutti.execute({
        ...(typeof who === 'string' ? { model: who } : { orchestration: who }),
        operation: 'chat',
        input: { messages: [...messages], ...(tools.length > 0 && { tools: [...tools] }) },
        confidence: true,
        commit: 'finish',
        signal,
      });
      const answer = await collectAnswer(execution);
      return this.#reply(answer, execution.record());
    };
  }

  #reply({ text, toolCalls, confidence, usageByModel, costUsd }: Answer, { steps }: RunRecord): Reply {
    const ms = Object.entries(usageByModel).reduce(
      (sum, [model, { inputTokens, outputTokens }]) => sum + this.memory.msFor(model, inputTokens + outputTokens),
      0,
    );
    const modelCalls = steps.filter((step) => step.model !== null && step.backend !== null).length;
    return { text, toolCalls, confidence, modelCalls, usageByModel, costUsd, ms };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tutti.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
