import type { ChatInput } from '../../contracts/chat.ts';
import type { Clock } from '../../contracts/clock.ts';
import type { CallOptions, ModelDescriptor } from '../../contracts/model.ts';
import type { EmbedInput } from '../../contracts/operations.ts';
import type { Part } from '../../contracts/part.ts';
import type { BackendId } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import { newId } from '../../lib/id.ts';
import { asObject, parseJson, type JsonObject } from '../../lib/json-value.ts';
import { parseSse } from '../../lib/sse.ts';
import type { Upstream, UpstreamResponse } from '../upstream/upstream.ts';
import { looksLikeEvents, peekBody } from './body-kind.ts';
import { ChatReader, estimateTokens, foreignProtocol } from './chat-reader.ts';
import { chatRequest } from './chat-request.ts';
import { embedRequest, readEmbeddings } from './embeddings.ts';
import { errorFromResponse, quote, type Refuser } from '../upstream/refusal.ts';
import { readModelList } from './model-list.ts';
import type { Quirks } from './quirks.ts';

export interface OpenAiClientOptions {
  readonly upstream: Upstream;
  readonly quirks: Quirks;
  readonly clock: Clock;
  /** The key, so that no message repeats it. */
  readonly secret?: string | undefined;
}

/** The stream's own end comes at once after `[DONE]`. */
const AFTER_DONE_MS = 1000;
/** Usage and `[DONE]` follow the last choice's reason at once; some servers send neither and keep the stream open. */
const AFTER_LAST_REASON_MS = 5000;

type Call = Pick<CallOptions, 'signal' | 'step' | 'priority'>;

/** Speaks the OpenAI protocol to one server. */
export class OpenAiClient {
  readonly #upstream: Upstream;
  readonly #quirks: Quirks;
  readonly #clock: Clock;
  readonly #secret: string | undefined;

  constructor({ upstream, quirks, clock, secret }: OpenAiClientOptions) {
    this.#upstream = upstream;
    this.#quirks = quirks;
    this.#clock = clock;
    this.#secret = secret;
  }

  /** One `chat` call. Always streamed upstream, so that leaving it stops the compute there. */
  async *chat(model: string, input: ChatInput, { signal, step, priority }: Call): AsyncGenerator<Part> {
    const who = this.#refuser(model);
    const body = chatRequest(model, input, this.#quirks);
    using response = await this.#send({ method: 'POST', path: '/chat/completions', body, signal, priority, who });
    const reader = new ChatReader({
      step,
      choices: this.#quirks.nativeChoices ? (input.n ?? 1) : 1,
      who,
      estimateInput: () => estimateTokens(JSON.stringify(body['messages']).length),
      newId: () => newId('call', this.#clock.now()),
    });
    const peeked = await peekBody(response.body);
    if (peeked.kind === 'json') {
      yield* reader.readWhole(await wholeJson(peeked.bytes, who));
      yield* reader.end();
      return;
    }
    if (peeked.kind === 'markup') throw foreignProtocol(peeked.start, who);
    let events = 0;
    for await (const { data, event } of parseSse(peeked.bytes)) {
      events++;
      if (reader.done) continue;
      const wasComplete = reader.complete;
      yield* reader.read(data, event);
      if (reader.done) {
        yield* reader.end();
        response.conclude(AFTER_DONE_MS);
      } else if (!wasComplete && reader.complete) {
        // From here on a connection that breaks or falls silent takes nothing of the answer with it.
        response.conclude(AFTER_LAST_REASON_MS);
      }
    }
    if (reader.done) return;
    if (events === 0 && peeked.start !== '' && !looksLikeEvents(peeked.start)) throw foreignProtocol(peeked.start, who);
    yield* reader.end();
  }

  /** One `embed` call. */
  async *embed(model: string, input: EmbedInput, { signal, step, priority }: Call): AsyncGenerator<Part> {
    const who = this.#refuser(model);
    const body = embedRequest(model, input);
    using response = await this.#send({ method: 'POST', path: '/embeddings', body, signal, priority, who });
    const { output, usage } = readEmbeddings(await wholeJson(response.body, who), input, who);
    yield { type: 'artifact', step, choice: 0, kind: 'embeddings', value: output };
    yield { type: 'usage', step, usage };
    yield { type: 'finish', step, choice: 0, reason: 'stop' };
  }

  /** The models that the server lists. Errors: `upstream_invalid` when it lists none that can be read. */
  async models(backend: BackendId, signal: AbortSignal): Promise<ModelDescriptor[]> {
    const path = this.#quirks.modelsPath === undefined ? '/models' : this.#quirks.modelsPath;
    if (path === null) return [];
    const who = this.#refuser('models');
    using response = await this.#send({ method: 'GET', path, signal, who });
    const text = await response.text();
    const models = readModelList(parseJson(text), { backend, nativeChoices: this.#quirks.nativeChoices ?? false });
    if (!models)
      throw new TuttiError('upstream_invalid', `${who.name} gave no list of models: ${quote(text.slice(0, 200), who.secret)}`);
    return models;
  }

  #refuser(model: string): Refuser {
    return { name: this.#upstream.name, model, secret: this.#secret, now: this.#clock.now() };
  }

  async #send({ who, ...request }: Parameters<Upstream['request']>[0] & { who: Refuser }): Promise<UpstreamResponse> {
    const response = await this.#upstream.request(request);
    if (response.status >= 200 && response.status < 300) return response;
    using refused = response;
    const body = await refused.text(64 * 1024);
    throw errorFromResponse({ status: refused.status, headers: refused.headers, body }, who);
  }
}

async function wholeJson(bytes: AsyncIterable<Uint8Array>, who: Refuser): Promise<JsonObject> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const answer = asObject(parseJson(text));
  if (!answer) throw foreignProtocol(text, who);
  return answer;
}
