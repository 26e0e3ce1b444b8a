import type { Memory, OpenModel } from '../../contracts/backend.ts';
import type { CallOptions, ModelDescriptor } from '../../contracts/model.ts';
import type { Operation, Operations } from '../../contracts/operations.ts';
import type { Part } from '../../contracts/part.ts';
import { RemoteModel } from '../upstream/remote-model.ts';
import type { RunningServer } from './running-server.ts';

export interface ProcessModelOptions {
  readonly server: RunningServer;
  /** Called once, when this model no longer needs the program. Settles when the program has stopped, if it was the last. */
  leave(): Promise<void>;
  measure(): Promise<Memory>;
}

/** A model of a running program: open as long as the program runs and nobody disposes of it. */
export class ProcessModel implements OpenModel {
  readonly descriptor: ModelDescriptor;
  readonly closed: Promise<Error | null>;
  readonly #model: RemoteModel;
  readonly #options: ProcessModelOptions;
  #left: Promise<void> | null = null;

  constructor(descriptor: ModelDescriptor, options: ProcessModelOptions) {
    this.descriptor = descriptor;
    this.#options = options;
    this.#model = new RemoteModel(descriptor, options.server);
    this.closed = this.#model.closed;
    void options.server.ended.then((reason) => this.#model.close(reason));
  }

  get pid(): number | undefined {
    return this.#options.server.pid;
  }

  call<O extends Operation>(operation: O, input: Operations[O]['input'], options: CallOptions): AsyncGenerator<Part> {
    return this.#model.call(operation, input, options);
  }

  measure(): Promise<Memory> {
    return this.#options.measure();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#model.close(null);
    this.#left ??= this.#options.leave();
    await this.#left;
  }
}
