/** A client of `/v1/chat/completions` that reads a stream and does little else, over connections that stay open. */
import { Pool } from 'undici';

export interface ChatRequest {
  readonly model: string;
  readonly prompt: string;
  readonly maxTokens: number;
  /** Tokens that must not come: those that would end the answer. */
  readonly banned: readonly number[];
}

export interface Streamed {
  readonly tokens: number;
  readonly text: string;
  /** Milliseconds from the request to the first text. */
  readonly firstTextMs: number;
}

export class ChatClient implements AsyncDisposable {
  readonly #pool: Pool;

  constructor(url: string) {
    this.#pool = new Pool(url, { connections: 8, headersTimeout: 60_000, bodyTimeout: 60_000 });
  }

  async ask({ model, prompt, maxTokens, banned }: ChatRequest): Promise<Streamed> {
    const began = performance.now();
    const { statusCode, body } = await this.#pool.request({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: prompt }],
        max_tokens: maxTokens,
        temperature: 0,
        stream: true,
        stream_options: { include_usage: true },
        logit_bias: Object.fromEntries(banned.map((token) => [token, -100])),
      }),
    });
    if (statusCode !== 200) throw new Error(`${model} answered ${statusCode}: ${await body.text()}`);
    let firstTextMs = Number.NaN;
    const received: string[] = [];
    body.setEncoding('utf8');
    for await (const piece of body as AsyncIterable<string>) {
      received.push(piece);
      if (Number.isNaN(firstTextMs) && /"content":"[^"]/.test(piece)) firstTextMs = performance.now() - began;
    }
    return { ...readAll(received.join('')), firstTextMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[];
  readonly usage?: { readonly completion_tokens: number } | null;
}

/** After the clock has stopped. */
function readAll(stream: string): { tokens: number; text: string } {
  let tokens = 0;
  let text = '';
  if (!stream.endsWith('data: [DONE]\n\n')) throw new Error(`The stream was cut: …${stream.slice(-300)}`);
  for (const line of stream.split('\n')) {
    if (!line.startsWith('data: {')) continue;
    const { choices, usage } = JSON.parse(line.slice('data: '.length)) as Chunk;
    text += choices[0]?.delta.content ?? '';
    tokens = usage?.completion_tokens ?? tokens;
  }
  return { tokens, text };
}
