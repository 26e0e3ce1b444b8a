/** Bytes to and from a server, past every client that would forbid them. */
import { connect, type Socket } from 'node:net';

export class RawConnection implements AsyncDisposable {
  readonly socket: Socket;
  text = '';
  #wake = Promise.withResolvers<void>();
  #over = false;

  constructor(url: string) {
    this.socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1' });
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.text += text;
      this.#stir();
    });
    // A reset is one of the answers.
    this.socket.on('error', () => this.#stir());
    this.socket.on('close', () => {
      this.#over = true;
      this.#stir();
    });
  }

  /** The statuses of the answers so far. */
  get statuses(): number[] {
    return [...this.text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  write(text: string | Uint8Array): this {
    this.socket.write(text);
    return this;
  }

  /** Settles when this many answers have begun, or the server has closed the connection. */
  async answers(count = 1): Promise<number[]> {
    while (this.statuses.length < count && !this.#over) await this.#wake.promise;
    return this.statuses;
  }

  /** Settles when the server has said this, or has closed the connection. */
  async says(what: string): Promise<void> {
    while (!this.text.includes(what) && !this.#over) await this.#wake.promise;
  }

  async closed(): Promise<string> {
    while (!this.#over) await this.#wake.promise;
    return this.text;
  }

  #stir(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed();
  }
}
