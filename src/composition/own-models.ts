import type { Doubts } from '../arbiter/interpreter/interpreter.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { Registry } from '../registry/registry.ts';
import type { Backends } from './backends.ts';
import type { TuttiConfig } from './config-schema.ts';

export interface OwnModelsOptions {
  readonly config: () => TuttiConfig;
  readonly registry: Registry;
  readonly backends: Backends;
  readonly log: Logger;
}

/** The models of Tutti's own work; null where none is configured or there. */
export interface AssistantModels {
  readonly interpreter: ModelId | null;
  readonly mediator: ModelId | null;
  readonly failures: ModelId | null;
}

/** Which models Tutti's own work may use, and what that work has to know of any model. */
export class OwnModels {
  readonly #options: OwnModelsOptions;

  constructor(options: OwnModelsOptions) {
    this.#options = options;
  }

  get assistants(): AssistantModels {
    const { interpreter, mediator, failures } = this.#options.config();
    return {
      interpreter: this.#known(interpreter.model),
      mediator: this.#known(mediator.model),
      failures: this.#known(failures.model),
    };
  }

  /** What is done about written calls that nobody asked for. */
  get doubts(): Doubts {
    const { doubt, second_opinion } = this.#options.config().interpreter;
    return { doubt, secondOpinion: this.#known(second_opinion) };
  }

  /** Tokens of a model's context; null when they are not known. */
  contextWindow(target: string): number | null {
    const { model, context_window } = this.#options.config().interpreter;
    if (target === model && context_window !== undefined) return context_window;
    return this.#known(target) === null ? null : (this.#options.registry.get(target)?.contextWindow ?? null);
  }

  /** Tokens of a text by the model's own tokenizer; null when it has none here, or cannot be read. */
  async countTokens(target: string, text: string): Promise<number | null> {
    const { registry, backends, log } = this.#options;
    const model = registry.get(target);
    if (model === undefined || model.backend === null) return null;
    try {
      return (await backends.get(model.backend).countTokens?.(model, text)) ?? null;
    } catch (error) {
      log.debug({ err: error, model: target }, 'its tokens are estimated');
      return null;
    }
  }

  /** The name, if something has it: in a lean installation the embedded models are not there. */
  #known(target: string | undefined): ModelId | null {
    if (target === undefined) return null;
    try {
      this.#options.registry.resolve(target);
      return target;
    } catch (error) {
      if (TuttiError.isInstance(error)) return null;
      throw error;
    }
  }
}
