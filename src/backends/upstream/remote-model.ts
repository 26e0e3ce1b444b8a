import type { OpenModel } from '../../contracts/backend.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import type { CallOptions, ModelDescriptor } from '../../contracts/model.ts';
import type { EmbedInput, Operation, Operations } from '../../contracts/operations.ts';
import type { Part } from '../../contracts/part.ts';
import { TuttiError } from '../../errors/error.ts';
import { deferred } from '../../lib/deferred.ts';

/** What answers for a remote model, by the name that the server knows it by. */
export interface Caller {
  chat(name: string, input: ChatInput, options: CallOptions): AsyncIterable<Part>;
  embed(name: string, input: EmbedInput, options: CallOptions): AsyncIterable<Part>;
}

/** A model of a server, bound: nothing of it is held here, so that disposing of it only ends its use. */
export class RemoteModel implements OpenModel {
  readonly descriptor: ModelDescriptor;
  readonly closed: Promise<Error | null>;
  readonly #caller: Caller;
  readonly #name: string;
  readonly #closed = deferred<Error | null>();
  #open = true;

  /** `name`: where the server knows it by another one than Tutti. */
  constructor(descriptor: ModelDescriptor, caller: Caller, name: string = descriptor.name) {
    this.descriptor = descriptor;
    this.#caller = caller;
    this.#name = name;
    this.closed = this.#closed.promise;
  }

  async *call<O extends Operation>(operation: O, input: Operations[O]['input'], options: CallOptions): AsyncGenerator<Part> {
    if (!this.#open) throw new TuttiError('closed', `${this.descriptor.id} is closed.`);
    if (options.signal.aborted) throw TuttiError.from(options.signal.reason, 'cancelled');
    switch (operation) {
      case 'chat':
        yield* this.#caller.chat(this.#name, input as ChatInput, options);
        return;
      case 'embed':
        yield* this.#caller.embed(this.#name, input as EmbedInput, options);
        return;
      default:
        throw new TuttiError('unsupported_input', `${this.descriptor.id} cannot ${operation}; its backend has chat and embed.`);
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
