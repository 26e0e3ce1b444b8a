/** What the router needs to know of models and backends. The composition root supplies it. */
import type { BackendId } from '../contracts/vocabulary.ts';
import type { Registry } from '../registry/registry.ts';

/** The registry, as far as the router reads it. */
export type ModelDirectory = Pick<
  Registry,
  'version' | 'backends' | 'aliases' | 'get' | 'describe' | 'capabilities' | 'withCapability' | 'resolve'
>;

/** What the router needs to know of a configured backend. */
export interface BackendFacts {
  /** True when a call to it never leaves this machine. */
  readonly onThisMachine: boolean;
  /** `backends.<id>.default_model`: the name of the model that answers when a call names only the backend. */
  readonly defaultModel?: string;
}

/** Configured backends by id. The map may change while the router holds it. */
export type BackendDirectory = Pick<ReadonlyMap<BackendId, BackendFacts>, 'get'>;
