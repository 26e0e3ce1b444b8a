import type { OpenModel } from '../../contracts/backend.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import type { CallOptions, ModelDescriptor } from '../../contracts/model.ts';
import type { EmbedInput, Operation, Operations } from '../../contracts/operations.ts';
import type { Part } from '../../contracts/part.ts';
import { TuttiError } from '../../errors/error.ts';
import { deferred } from '../../lib/deferred.ts';
import type { OpenAiClient } from './client.ts';

/** A model of a server that speaks the OpenAI protocol, bound. */
export class OpenAiModel implements OpenModel {
  readonly descriptor: ModelDescriptor;
  readonly closed: Promise<Error | null>;
  readonly #client: OpenAiClient;
  /** The name that the server knows it by. */
  readonly #name: string;
  readonly #closed = deferred<Error | null>();
  #open = true;

  constructor(descriptor: ModelDescriptor, client: OpenAiClient, name: string = descriptor.name) {
    this.descriptor = descriptor;
    this.#client = client;
    this.#name = name;
    this.closed = this.#closed.promise;
  }

  async *call<O extends Operation>(operation: O, input: Operations[O]['input'], options: CallOptions): AsyncGenerator<Part> {
    if (!this.#open) throw new TuttiError('closed', `${this.descriptor.id} is closed.`);
    switch (operation) {
      case 'chat':
        yield* this.#client.chat(this.#name, input as ChatInput, options);
        return;
      case 'embed':
        yield* this.#client.embed(this.#name, input as EmbedInput, options);
        return;
      default:
        throw new TuttiError('unsupported_input', `${this.descriptor.id} cannot ${operation}; this protocol has chat and embed.`);
    }
  }

  /** Settles `closed`: `null` for a disposal, the reason after a crash. */
  close(reason: Error | null): void {
    this.#open = false;
    this.#closed.resolve(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close(null);
  }
}
