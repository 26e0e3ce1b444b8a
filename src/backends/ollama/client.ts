import type { PullProgress } from '../../contracts/backend.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import type { Clock } from '../../contracts/clock.ts';
import type { CallOptions, ModelDescriptor } from '../../contracts/model.ts';
import type { EmbedInput } from '../../contracts/operations.ts';
import type { Part } from '../../contracts/part.ts';
import { TuttiError } from '../../errors/error.ts';
import { newId } from '../../lib/id.ts';
import { readLines } from '../../lib/json-lines.ts';
import { asArray, asNumber, asObject, asString, parseJson, type JsonObject } from '../../lib/json-value.ts';
import { errorFromChunk, errorFromResponse, quote, type Refuser } from '../upstream/refusal.ts';
import type { Upstream, UpstreamRequest, UpstreamResponse } from '../upstream/upstream.ts';
import { countInputs, cutVector } from '../upstream/vectors.ts';
import { OllamaChatReader } from './chat-reader.ts';
import { chatRequest } from './chat-request.ts';
import { readResidents, readTags, type Resident, type Tag } from './models.ts';

export interface OllamaClientOptions {
  readonly upstream: Upstream;
  readonly clock: Clock;
  readonly keepAlive: string | number | undefined;
  readonly secret: string | undefined;
}

type Call = Pick<CallOptions, 'signal' | 'step' | 'priority'>;

/** Speaks Ollama's own protocol to one server. */
export class OllamaClient {
  readonly #options: OllamaClientOptions;
  readonly #upstream: Upstream;

  constructor(options: OllamaClientOptions) {
    this.#options = options;
    this.#upstream = options.upstream;
  }

  async *chat(model: ModelDescriptor, input: ChatInput, { signal, step, priority }: Call): AsyncGenerator<Part> {
    const who = this.#refuser(model.name);
    const body = chatRequest(model, input, this.#options.keepAlive);
    using response = await this.#send({ method: 'POST', path: '/api/chat', body, signal, priority }, who);
    const reader = new OllamaChatReader({ step, who, newId: () => newId('call', this.#options.clock.now()) });
    for await (const line of readLines(response.body)) yield* reader.read(line);
    yield* reader.end();
  }

  async *embed(model: ModelDescriptor, input: EmbedInput, { signal, step, priority }: Call): AsyncGenerator<Part> {
    const who = this.#refuser(model.name);
    const texts = embedTexts(input.input);
    const body = {
      ...input.extra,
      model: model.name,
      input: texts,
      ...(input.dimensions != null && { dimensions: input.dimensions }),
      ...(this.#options.keepAlive !== undefined && { keep_alive: this.#options.keepAlive }),
    };
    using response = await this.#send({ method: 'POST', path: '/api/embed', body, signal, priority }, who);
    const answer = await readJson(response, who);
    const vectors = asArray(answer['embeddings']).filter(
      (vector): vector is number[] => Array.isArray(vector) && vector.length > 0,
    );
    const wanted = countInputs(input.input);
    if (vectors.length !== wanted)
      throw new TuttiError('upstream_invalid', `${who.name} gave ${vectors.length} vectors for ${wanted} inputs.`);
    const value = { vectors: vectors.map((vector) => cutVector(vector, input.dimensions ?? null)) };
    yield { type: 'artifact', step, choice: 0, kind: 'embeddings', value };
    yield { type: 'usage', step, usage: { inputTokens: asNumber(answer['prompt_eval_count']) ?? 0, outputTokens: 0 } };
    yield { type: 'finish', step, choice: 0, reason: 'stop' };
  }

  async tags(signal: AbortSignal): Promise<Tag[]> {
    const tags = readTags(await this.#get('/api/tags', signal));
    if (!tags) throw new TuttiError('upstream_invalid', `${this.#upstream.name} gave no list of models. Is it an Ollama server?`);
    return tags;
  }

  async show(name: string, signal: AbortSignal): Promise<JsonObject> {
    const who = this.#refuser(name);
    using response = await this.#send({ method: 'POST', path: '/api/show', body: { model: name }, signal }, who);
    return await readJson(response, who); // awaited: the end of this block disposes of the response
  }

  async running(signal: AbortSignal): Promise<Resident[]> {
    const residents = readResidents(await this.#get('/api/ps', signal));
    if (!residents) throw new TuttiError('upstream_invalid', `${this.#upstream.name} gave no list of running models.`);
    return residents;
  }

  async version(signal: AbortSignal): Promise<string> {
    return asString((await this.#get('/api/version', signal))['version']) ?? 'of unknown version';
  }

  /** Loads a model, or unloads it with `keepAlive` 0. An embedding model is loaded by its own path. */
  async keep(
    name: string,
    { embeds, keepAlive, signal }: { embeds: boolean; keepAlive: string | number | undefined; signal: AbortSignal },
  ): Promise<void> {
    const who = this.#refuser(name);
    const unloads = keepAlive === 0;
    const body = {
      model: name,
      ...(keepAlive !== undefined && { keep_alive: keepAlive }),
      ...(embeds && !unloads ? { input: [' '] } : { stream: false }),
    };
    using response = await this.#send(
      { method: 'POST', path: embeds && !unloads ? '/api/embed' : '/api/generate', body, signal },
      who,
    );
    await readJson(response, who);
  }

  /** A download may be silent for long while the server checks it, so there is no limit of silence. */
  async *pull(name: string, signal: AbortSignal): AsyncGenerator<PullProgress> {
    const who = this.#refuser(name);
    const body = { model: name, stream: true };
    using response = await this.#send(
      { method: 'POST', path: '/api/pull', body, signal, timeoutMs: Number.POSITIVE_INFINITY },
      who,
    );
    let succeeded = false;
    for await (const line of readLines(response.body)) {
      if (line.trim() === '') continue;
      const wire = asObject(parseJson(line));
      if (!wire)
        throw new TuttiError('upstream_invalid', `${who.name} sent a line that is not JSON: ${quote(line.slice(0, 200))}`);
      const problem = asString(wire['error']);
      if (problem !== null) throw pullError(name, problem, who);
      const status = asString(wire['status']) ?? '';
      succeeded ||= status === 'success';
      yield {
        item: asString(wire['digest']) ?? name,
        doneBytes: asNumber(wire['completed']) ?? 0,
        totalBytes: asNumber(wire['total']),
        status,
      };
    }
    if (!succeeded) throw new TuttiError('pull_failed', `${who.name} ended the download of ${name} without success.`);
  }

  async #get(path: string, signal: AbortSignal): Promise<JsonObject> {
    const who = this.#refuser(path);
    using response = await this.#send({ method: 'GET', path, signal }, who);
    return await readJson(response, who); // awaited: the end of this block disposes of the response
  }

  #refuser(model: string): Refuser {
    return { name: this.#upstream.name, model, secret: this.#options.secret, now: this.#options.clock.now() };
  }

  async #send(request: UpstreamRequest, who: Refuser): Promise<UpstreamResponse> {
    const response = await this.#upstream.request(request);
    if (response.status >= 200 && response.status < 300) return response;
    using refused = response;
    const body = await refused.text(64 * 1024);
    throw errorFromResponse({ status: refused.status, headers: refused.headers, body }, who);
  }
}

async function readJson(response: UpstreamResponse, who: Refuser): Promise<JsonObject> {
  const text = await response.text();
  const answer = asObject(parseJson(text));
  if (!answer)
    throw new TuttiError(
      'upstream_invalid',
      `${who.name} did not answer in Ollama's protocol, but: ${quote(text.slice(0, 200), who.secret)}`,
    );
  const error = errorFromChunk(answer, who);
  if (error) throw error;
  return answer;
}

function embedTexts(input: EmbedInput['input']): string | readonly string[] {
  if (typeof input === 'string') return input;
  const items: readonly (string | number | number[])[] = input;
  if (items.every((item): item is string => typeof item === 'string')) return items;
  throw new TuttiError('unsupported_input', 'Ollama embeds texts, not token ids.', { param: 'input' });
}

function pullError(name: string, problem: string, who: Refuser): TuttiError {
  const missing = /does not exist|not found|404/i.test(problem);
  return missing
    ? new TuttiError('model_not_found', `${who.name} finds no model "${name}" to pull: ${quote(problem)}`)
    : new TuttiError('pull_failed', `${who.name} could not pull ${name}: ${quote(problem)}`);
}
