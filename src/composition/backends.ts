/**
 * The configured backends and the models they report.
 *
 * A backend is `starting` until its first listing is over, then `up` or `down`. Listings of one backend never overlap:
 * who asks while one is under way joins it. A backend that is down stays usable by explicit id (its next call tells), and
 * its models stay registered, so that a short outage does not turn into "unknown model".
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { AnyBackendDefinition, Backend, Health } from '../contracts/backend.ts';
import type { Clock } from '../contracts/clock.ts';
import type { EventBus } from '../contracts/event.ts';
import type { Logger } from '../contracts/logger.ts';
import type { ModelDescriptor } from '../contracts/model.ts';
import type { BackendId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { nearest } from '../lib/nearest.ts';
import { askServer, type ServerMemory } from './servers.ts';

export type BackendState = 'starting' | 'up' | 'down';

/** One backend as `GET /api/backends` and `tutti doctor` show it. */
export interface BackendStatus {
  readonly id: BackendId;
  readonly type: string;
  readonly residency: 'local' | 'remote';
  readonly state: BackendState;
  readonly models: number;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** An entry of `backends:`; `default_model` and `gpu_memory_limit_mb` are read by the composition, the rest by its kind. */
export type BackendEntry = { readonly type: string; readonly [key: string]: unknown };

interface Slot {
  readonly backend: Backend;
  readonly entry: BackendEntry | null;
  readonly stop: AbortController;
  state: BackendState;
  error: TuttiError | null;
  models: number;
  listing: Promise<void> | null;
}

export interface BackendsOptions {
  /** Kinds that can be made now. */
  readonly definitions: ReadonlyMap<string, AnyBackendDefinition>;
  /** Each backend gets a folder of its own below. */
  readonly dataDir: string;
  /** Where relative paths of the config start. */
  readonly directory: string;
  readonly events: EventBus;
  readonly log: Logger;
  readonly clock: Clock;
  readonly publish: (id: BackendId, models: readonly ModelDescriptor[]) => void;
  readonly withdraw: (id: BackendId) => void;
  /** Settles when no call uses a backend that was taken out. Default: at once. */
  readonly whenIdle?: (backend: Backend) => Promise<void>;
  /** How often remote backends are asked for their models. Milliseconds; default 60,000. */
  readonly refreshMs?: number;
}

/** A remote listing that takes longer counts as down. */
const LIST_TIMEOUT_MS = 10_000;
/** Who asks what the servers hold waits no longer than this for one of them. */
const SERVER_TIMEOUT_MS = 1000;

export class Backends implements AsyncDisposable {
  readonly #slots = new Map<BackendId, Slot>();
  readonly #options: BackendsOptions;
  /** Taken out, and waiting for their last calls. */
  readonly #leaving = new Set<Promise<void>>();
  #definitions: ReadonlyMap<string, AnyBackendDefinition>;
  #timer: Disposable | null = null;
  #isDisposed = false;

  constructor(options: BackendsOptions) {
    this.#options = options;
    this.#definitions = options.definitions;
    this.#schedule();
  }

  /** Replaces the kinds that can be made, after plug-ins were loaded. */
  define(definitions: ReadonlyMap<string, AnyBackendDefinition>): void {
    this.#definitions = definitions;
  }

  /** Settles when every backend has listed its models once, or failed to. */
  settled(): Promise<void> {
    return this.refresh();
  }

  /** While some have not listed their models for the first time: settles when they have, or failed to. null: all have. */
  firstListing(): Promise<void> | null {
    const starting = [...this.#slots].filter(([, { state }]) => state === 'starting');
    if (starting.length === 0) return null;
    return Promise.all(starting.map(([id]) => this.refresh({ id }))).then(() => {});
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(this.#options.refreshMs ?? 60_000, () => {
      void this.refresh({ residency: 'remote' }).then(() => this.#timer !== null && this.#schedule());
    });
  }

  /**
   * Makes the configured ones, keeps those that did not change, and takes out those that are gone: these are disposed of when
   * the calls that use them have ended. A local one that takes another's place has listed its models before: no call finds
   * them missing. Errors of making one are thrown: they are errors of the config. Error: `closed`, and nothing is left of it.
   */
  async apply(entries: Readonly<Record<BackendId, BackendEntry>>, parse: (entry: BackendEntry) => unknown): Promise<void> {
    const gone = [...this.#slots].filter(([id, slot]) => slot.entry !== null && !isDeepStrictEqual(entries[id], slot.entry));
    const made: { id: BackendId; backend: Backend; entry: BackendEntry; models: readonly ModelDescriptor[] | null }[] = [];
    try {
      for (const [id, entry] of Object.entries(entries)) {
        const replaces = this.#slots.has(id);
        if (replaces && !gone.some(([old]) => old === id)) continue;
        const backend = await this.#create(id, entry, parse(entry));
        made.push({ id, backend, entry, models: replaces ? await listAhead(backend) : null });
      }
      if (this.#isDisposed) throw new TuttiError('closed', 'Tutti was closed while its backends were made.');
    } catch (error) {
      // All or none: those that were made for nothing hold connections, maybe processes.
      await Promise.all(made.map(({ backend }) => this.#dispose(backend)));
      throw error;
    }
    for (const [id] of gone) this.#takeOut(id);
    for (const { id, backend, entry, models } of made) {
      const slot = this.#place(id, backend, entry);
      if (models !== null) this.#listed(id, slot, models);
    }
  }

  async #create(id: BackendId, entry: BackendEntry, config: unknown): Promise<Backend> {
    const definition = this.#definitions.get(entry.type);
    if (definition === undefined)
      throw new TuttiError('config_invalid', `backends.${id}.type: there is no kind of backend called \`${entry.type}\`.`);
    const { dataDir, directory, log, clock } = this.#options;
    return definition.create(config as never, { id, dataDir: join(dataDir, 'backends', id), directory, log, clock });
  }

  /** Adds one that was made in code. */
  add(backend: Backend): void {
    if (this.#slots.has(backend.id)) {
      throw new TuttiError('invalid_request', `There is a backend called \`${backend.id}\` already.`, { param: 'id' });
    }
    this.#place(backend.id, backend, null);
  }

  #place(id: BackendId, backend: Backend, entry: BackendEntry | null): Slot {
    const stop = new AbortController();
    const slot: Slot = { backend, entry, stop, state: 'starting', error: null, models: 0, listing: null };
    this.#slots.set(id, slot);
    return slot;
  }

  #takeOut(id: BackendId): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    slot.stop.abort();
    this.#options.withdraw(id);
    const leaving = this.#dispose(slot.backend).finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  async #dispose(backend: Backend): Promise<void> {
    try {
      await this.#options.whenIdle?.(backend);
      await backend[Symbol.asyncDispose]();
    } catch (error) {
      this.#options.log.warn({ err: error, backend: backend.id }, `backend ${backend.id} did not end well`);
    }
  }

  has(id: BackendId): boolean {
    return this.#slots.has(id);
  }

  /** Errors: `unknown_backend`, which names the known ones. */
  get(id: BackendId): Backend {
    const slot = this.#slots.get(id);
    if (slot !== undefined) return slot.backend;
    const known = this.ids();
    const close = nearest(id, known);
    throw new TuttiError(
      'unknown_backend',
      `There is no backend \`${id}\`. ${known.length === 0 ? 'None is configured.' : `Known: ${(close.length > 0 ? [...new Set([...close, ...known])] : known).join(', ')}.`}`,
      { param: 'backend', details: { known } },
    );
  }

  /** The backend of a model. Errors: `unsupported_input` for an orchestration, which has none; `unknown_backend`. */
  of({ id, backend }: Pick<ModelDescriptor, 'id' | 'backend'>): Backend {
    if (backend !== null) return this.get(backend);
    const message = `${id} is an orchestration: it has no weights and no runner of its own. Name one of its members.`;
    throw new TuttiError('unsupported_input', message, { param: 'model' });
  }

  ids(): BackendId[] {
    return [...this.#slots.keys()];
  }

  values(): Backend[] {
    return [...this.#slots.values()].map((slot) => slot.backend);
  }

  list(): BackendStatus[] {
    return [...this.#slots].map(([id, slot]) => ({
      id,
      type: slot.backend.type,
      residency: slot.backend.residency,
      state: slot.state,
      models: slot.models,
      error: slot.error === null ? null : { code: slot.error.code, message: slot.error.message },
    }));
  }

  /** What the servers that load models themselves hold now. One that does not answer within a second is unknown. Never rejects. */
  async servers(): Promise<ServerMemory[]> {
    const asked = [...this.#slots.values()].map(({ backend, entry, stop }) =>
      askServer(backend, entry?.gpu_memory_limit_mb, AbortSignal.any([stop.signal, AbortSignal.timeout(SERVER_TIMEOUT_MS)])),
    );
    return (await Promise.all(asked)).filter((server) => server !== null);
  }

  /** Whether a backend works, in a sentence; from its own check, else from a listing. Never rejects. */
  async health(id: BackendId, signal: AbortSignal): Promise<Health> {
    const backend = this.get(id);
    try {
      if (backend.health !== undefined) return await backend.health(signal);
      const models = await backend.list(signal);
      return { ok: true, message: `${models.length} models` };
    } catch (error) {
      return { ok: false, message: TuttiError.from(error).message };
    }
  }

  /** Asks backends for their models; never rejects, the state says how it went. */
  async refresh(filter: { residency?: 'local' | 'remote'; id?: BackendId } = {}): Promise<void> {
    const chosen = [...this.#slots].filter(
      ([id, slot]) =>
        (filter.id === undefined || filter.id === id) &&
        (filter.residency === undefined || filter.residency === slot.backend.residency),
    );
    await Promise.all(chosen.map(([id, slot]) => (slot.listing ??= this.#list(id, slot).finally(() => (slot.listing = null)))));
  }

  async #list(id: BackendId, slot: Slot): Promise<void> {
    try {
      const models = await slot.backend.list(AbortSignal.any([slot.stop.signal, AbortSignal.timeout(LIST_TIMEOUT_MS)]));
      if (this.#slots.get(id) !== slot) return;
      this.#listed(id, slot, models);
    } catch (error) {
      if (this.#slots.get(id) === slot) this.#setState(id, slot, 'down', TuttiError.from(error, 'upstream_unreachable'));
    }
  }

  #listed(id: BackendId, slot: Slot, models: readonly ModelDescriptor[]): void {
    this.#options.publish(id, models);
    slot.models = models.length;
    this.#setState(id, slot, 'up', null);
  }

  #setState(id: BackendId, slot: Slot, state: BackendState, error: TuttiError | null): void {
    const before = slot.state;
    slot.state = state;
    slot.error = error;
    if (state === 'up' && before !== 'up') this.#options.events.publish('backend.up', { backend: id, models: slot.models });
    if (state !== 'down' || before === 'down' || error === null) return;
    const { code, message, retryable } = error;
    this.#options.events.publish('backend.down', { backend: id, error: { code, message, retryable } });
    this.#options.log.warn({ backend: id, code }, `backend ${id} is down: ${message}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#timer?.[Symbol.dispose]();
    this.#timer = null;
    for (const id of this.ids()) this.#takeOut(id);
    await Promise.all(this.#leaving);
  }
}

/** null for a remote one, whose models are found by any name, and when it fails: the listing that follows will say why. */
async function listAhead(backend: Backend): Promise<readonly ModelDescriptor[] | null> {
  if (backend.residency === 'remote') return null;
  try {
    return await backend.list(AbortSignal.timeout(LIST_TIMEOUT_MS));
  } catch {
    return null; // see above
  }
}
