/**
 * The candidates of one decision while they are being gathered: each model is looked at once and is taken, or left out
 * with its reason.
 */
import { mayHave, type ModelDescriptor } from '../contracts/model.ts';
import type { RouteCandidate } from '../contracts/run.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import type { Code } from '../errors/codes.ts';
import type { Blocked } from './breakers.ts';
import type { TaskFeatures } from './features.ts';

/** More are not worth trying for one request. */
export const MAX_CANDIDATES = 8;
/** Of those left out, so many are named. */
const MAX_EXCLUDED = 20;

export interface Exclusion {
  readonly model: ModelId;
  readonly reason: string;
  /** The error when nothing else is left. */
  readonly code: Code;
}

/** Why a model cannot answer this request, or null. */
export function unfit(model: ModelDescriptor, operation: string, task: TaskFeatures): Omit<Exclusion, 'model'> | null {
  if (!model.operations.includes(operation)) return cannot(model, operation);
  // An orchestration's members are looked at when they are called.
  if (model.backend === null) return null;
  if (task.hasImages && !mayHave(model, 'vision')) return NO_VISION;
  if (task.hasTools && !mayHave(model, 'tool_calling')) return NO_TOOLS;
  // The estimate may be a third too high; the model itself counts exactly.
  if (model.contextWindow !== undefined && task.tokens * ESTIMATE_MARGIN > model.contextWindow) {
    const reason = `context window of ${model.contextWindow} tokens is too small for about ${task.tokens}`;
    return { reason, code: 'context_length_exceeded' };
  }
  return null;
}

export function cannot(model: ModelDescriptor, operation: string): Omit<Exclusion, 'model'> {
  return {
    reason: `cannot \`${operation}\`, only ${model.operations.map((known) => `\`${known}\``).join(', ')}`,
    code: 'invalid_request',
  };
}

const NO_VISION: Omit<Exclusion, 'model'> = { reason: 'no vision for the image input', code: 'unsupported_input' };
const NO_TOOLS: Omit<Exclusion, 'model'> = { reason: 'no tool calling', code: 'unsupported_parameter' };
const ESTIMATE_MARGIN = 0.75;

export interface Option {
  readonly model: ModelDescriptor;
  /** null: named explicitly. */
  readonly score: number | null;
  readonly reason: () => string;
  /** Named by the request itself, so that only it can tell what it cannot do. */
  readonly insisted?: boolean;
}

export interface Checks {
  readonly operation: string;
  readonly task: TaskFeatures;
  readonly localOnly: boolean;
  /** Whether a model can say in words what images show: then those that cannot see are better than none. */
  readonly canDescribe: boolean;
  isHere(model: ModelDescriptor): boolean;
  blocked(model: ModelDescriptor): Blocked | null;
}

export class Selection {
  readonly #checks: Checks;
  readonly #seen = new Set<ModelId>();
  readonly #candidates: RouteCandidate[] = [];
  readonly #excluded: Exclusion[] = [];
  readonly #blocked: { readonly option: Option; readonly blocked: Blocked }[] = [];
  /** Left out for nothing but the images. */
  readonly #blind: Option[] = [];

  constructor(checks: Checks) {
    this.#checks = checks;
  }

  get size(): number {
    return this.#candidates.length;
  }

  get full(): boolean {
    return this.#candidates.length >= MAX_CANDIDATES;
  }

  get exclusions(): readonly Exclusion[] {
    return this.#excluded;
  }

  has(model: ModelId): boolean {
    return this.#seen.has(model);
  }

  /** Takes it or leaves it out. True when it was taken. */
  offer(option: Option): boolean {
    const { id } = option.model;
    if (this.#seen.has(id) || this.full) return false;
    this.#seen.add(id);
    const obstacle = this.#obstacle(option);
    if (obstacle !== null) {
      this.exclude({ model: id, ...obstacle });
      if (obstacle === NO_VISION && this.#checks.canDescribe && this.#couldRead(option)) this.#blind.push(option);
      return false;
    }
    const blocked = this.#checks.blocked(option.model);
    if (blocked !== null) {
      this.#blocked.push({ option, blocked });
      return false;
    }
    this.#candidates.push({ model: id, score: option.score, reason: option.reason() });
    return true;
  }

  exclude(exclusion: Exclusion): void {
    this.#seen.add(exclusion.model);
    if (this.#excluded.length < MAX_EXCLUDED) this.#excluded.push(exclusion);
  }

  /**
   * The candidates in the order of the offers. Models whose circuit is open are left out, but when only such are left the
   * one that may be tried soonest comes first: better than to fail blindly. When there are none of these either, those come that
   * need the images described.
   */
  result(): { candidates: readonly RouteCandidate[]; excluded: readonly Exclusion[] } {
    if (this.#candidates.length > 0) {
      const blocked = this.#blocked.map(({ option, blocked: { reason } }) => ({
        model: option.model.id,
        reason,
        code: UNAVAILABLE,
      }));
      return { candidates: this.#candidates, excluded: [...this.#excluded, ...blocked].slice(0, MAX_EXCLUDED) };
    }
    if (this.#blocked.length === 0 && this.#blind.length > 0) return this.#blindOnes();
    const leastBad = this.#blocked.toSorted((a, b) => a.blocked.retryAt - b.blocked.retryAt).slice(0, MAX_CANDIDATES);
    return {
      candidates: leastBad.map(({ option, blocked }) => ({
        model: option.model.id,
        score: option.score,
        reason: `${option.reason()}; ${blocked.reason}, but nothing better is left`,
      })),
      excluded: this.#excluded,
    };
  }

  #blindOnes(): { candidates: readonly RouteCandidate[]; excluded: readonly Exclusion[] } {
    const blind = new Set(this.#blind.map(({ model }) => model.id));
    return {
      candidates: this.#blind.slice(0, MAX_CANDIDATES).map(({ model, score, reason }) => ({
        model: model.id,
        score,
        reason: `${reason()}; images are described for it`,
      })),
      excluded: this.#excluded.filter(({ model }) => !blind.has(model)),
    };
  }

  /** Whether there is nothing in the way but the images. */
  #couldRead({ model }: Option): boolean {
    const { operation, task } = this.#checks;
    return unfit(model, operation, { ...task, hasImages: false }) === null && this.#checks.blocked(model) === null;
  }

  #obstacle(option: Option): Omit<Exclusion, 'model'> | null {
    const { model } = option;
    const { operation, task, localOnly } = this.#checks;
    if (localOnly && !this.#checks.isHere(model)) return NOT_HERE;
    if (option.insisted) return model.operations.includes(operation) ? null : cannot(model, operation);
    return unfit(model, operation, task);
  }
}

const UNAVAILABLE: Code = 'no_model_for_capability';
const NOT_HERE: Omit<Exclusion, 'model'> = {
  reason: 'not on this machine (routing.privacy: local_only)',
  code: 'no_local_model',
};
