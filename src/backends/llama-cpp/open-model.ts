/** A loaded model, as the pool sees it. */
import type { Memory, OpenModel } from '../../contracts/backend.ts';
import type { CallOptions, ModelDescriptor } from '../../contracts/model.ts';
import type { Operation, Operations } from '../../contracts/operations.ts';
import type { Part } from '../../contracts/part.ts';
import type { DeviceId, StepPath } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import type { CallInput, ModelKey, RunnerPart, TokenizeRequest } from './protocol.ts';
import type { RunnerProcess } from './runner-process.ts';

export interface OpenModelOptions {
  readonly descriptor: ModelDescriptor;
  readonly runner: RunnerProcess;
  readonly key: ModelKey;
  readonly device: DeviceId;
  readonly ownProcess: boolean;
  /** Gives the runner back. */
  release(): Promise<void>;
}

export class LlamaOpenModel implements OpenModel {
  readonly descriptor: ModelDescriptor;
  readonly closed: Promise<Error | null>;
  readonly #options: OpenModelOptions;
  readonly #disposed = Promise.withResolvers<null>();
  #disposal: Promise<void> | null = null;

  constructor(options: OpenModelOptions) {
    this.descriptor = options.descriptor;
    this.#options = options;
    this.closed = Promise.race([this.#disposed.promise, options.runner.ended]);
  }

  get pid(): number | undefined {
    return this.#options.runner.pid;
  }

  async *call<O extends Operation>(operation: O, input: Operations[O]['input'], options: CallOptions): AsyncGenerator<Part> {
    const { signal, step, principal, priority } = options;
    if (operation !== 'chat' && operation !== 'embed')
      throw new TuttiError(
        'unsupported_input',
        `${this.descriptor.id} cannot do \`${operation}\`: it writes text and makes embeddings.`,
      );
    if (this.#disposal !== null) throw new TuttiError('closed', `${this.descriptor.id} has been unloaded.`);
    if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
    const message = { ...({ operation, input } as CallInput), model: this.#options.key, principal: principal.id, priority };
    try {
      for await (const parts of this.#options.runner.call(message, signal)) for (const part of parts) yield stamp(part, step);
    } catch (error) {
      // The runner only knows that it was cancelled; why is known here.
      if (signal.aborted) throw TuttiError.from(signal.reason, 'cancelled');
      throw error;
    }
  }

  async measure(): Promise<Memory> {
    const { runner, key, device, ownProcess } = this.#options;
    const { resident, models } = await runner.request('measure', {});
    const own = models[key] ?? { cpu: 0, gpu: 0 };
    const cpu = ownProcess ? resident : own.cpu;
    return device === 'cpu' || own.gpu === 0 ? { cpu } : { cpu, [device]: own.gpu };
  }

  /** With the vocabulary that is loaded anyway. */
  countTokens(request: TokenizeRequest): Promise<number> {
    return this.#options.runner.request('tokenize', request);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  async #dispose(): Promise<void> {
    this.#disposed.resolve(null);
    await this.#options.release();
  }
}

function stamp(part: RunnerPart, step: StepPath): Part {
  return part.type === 'usage' || part.type === 'progress' ? { ...part, step } : { ...part, step, choice: 0 };
}
