/**
 * Policies: how good a model is for a request, from its quality, its speed, its price and whether it is loaded. Pure.
 *
 * Each is brought to 0..1, where more is better, by a fixed scale, so that a score does not depend on the other models:
 * - quality: the rating for the capability, as the registry gives it
 * - speed: from the time of a typical answer (first token, and 200 more tokens): 1 / (1 + ms / 2000), so 2 s gives 0.5.
 *   Until it has been measured: the speed set by hand, else 0.5
 * - cost: from the price of a typical call (1,000 tokens in, 300 out): 1 / (1 + dollars / 0.002), so 0.2 cents give 0.5.
 *   An unknown price is not free: it counts as 1 cent, which is dear. Models that run in this machine's memory have
 *   nobody to pay: without a price they count as free
 * - loading: what a model that is not in memory loses, and half of it while it is being loaded
 *
 * The score is the weighted mean of the first three, less the loading.
 */
import type { ModelDescriptor } from '../contracts/model.ts';
import { costOf } from '../contracts/usage.ts';
import type { Capability } from '../contracts/vocabulary.ts';
import type { ModelState } from '../pool/contract.ts';
import { rateModel } from '../registry/ranking.ts';
import type { Speed } from './measurements.ts';
import type { Policy } from './schema.ts';

/** What a policy looks at. */
export interface ModelFacts {
  readonly model: ModelDescriptor;
  readonly capability: Capability;
  readonly residency: ModelState;
  /** undefined: never measured. */
  readonly measured: Speed | undefined;
}

interface Weights {
  readonly quality: number;
  readonly speed: number;
  readonly cost: number;
  readonly loading: number;
}

const WEIGHTS: Readonly<Record<Policy, Weights>> = {
  performance: { quality: 0.15, speed: 0.7, cost: 0.15, loading: 0.3 },
  accuracy: { quality: 0.85, speed: 0.1, cost: 0.05, loading: 0.02 },
  cost: { quality: 0.1, speed: 0.1, cost: 0.8, loading: 0.05 },
  balanced: { quality: 0.4, speed: 0.3, cost: 0.3, loading: 0.1 },
};

const TYPICAL_USAGE = { inputTokens: 1000, outputTokens: 300 };
const TYPICAL_TOKENS_AFTER_FIRST = 200;
const HALF_SPEED_MS = 2000;
const HALF_COST_USD = 0.002;
const UNKNOWN_COST_USD = 0.01;
const UNKNOWN_SPEED = 0.5;
/** Assumed while only the time of the first token has been measured. */
const ASSUMED_TOKENS_PER_SECOND = 50;

/** 0..1 or a little below (a cold model that is bad in everything). Comparable among all models of one capability and policy. */
export function scoreOf(facts: ModelFacts, policy: Policy): number {
  const weights = WEIGHTS[policy];
  return (
    weights.quality * rateModel(facts.model, facts.capability).quality +
    weights.speed * speedOf(facts) +
    weights.cost * (1 / (1 + typicalCost(facts).usd / HALF_COST_USD)) -
    weights.loading * UNLOADED[facts.residency]
  );
}

/** The figures behind a score: `quality 0.75, 412 ms, free; loaded`. */
export function explain(facts: ModelFacts): string {
  const rating = rateModel(facts.model, facts.capability);
  const quality = `quality ${trim(rating.quality)}${rating.source === 'prior' ? ' (assumed)' : ''}`;
  return `${quality}, ${explainSpeed(facts)}, ${explainCost(facts)}; ${RESIDENCY_WORDS[facts.residency]}`;
}

const RESIDENCY_WORDS: Readonly<Record<ModelState, string>> = {
  loaded: 'loaded',
  loading: 'loading',
  waiting: 'waiting for room',
  unloading: 'being unloaded',
  cold: 'not loaded',
  remote: 'remote',
};

/** How much of the loading is still to be done. */
const UNLOADED: Readonly<Record<ModelState, number>> = { loaded: 0, loading: 0.5, waiting: 1, unloading: 1, cold: 1, remote: 0 };

/** Milliseconds of a typical answer, by measurement; null until measured. */
function typicalMs(measured: Speed | undefined): number | null {
  if (measured === undefined) return null;
  const { firstTokenMs, tokensPerSecond } = measured;
  if (firstTokenMs === null && tokensPerSecond === null) return null;
  return (firstTokenMs ?? 0) + (TYPICAL_TOKENS_AFTER_FIRST * 1000) / (tokensPerSecond ?? ASSUMED_TOKENS_PER_SECOND);
}

function speedOf({ model, measured }: ModelFacts): number {
  const ms = typicalMs(measured);
  return ms === null ? (model.speed ?? UNKNOWN_SPEED) : 1 / (1 + ms / HALF_SPEED_MS);
}

function typicalCost({ model, residency }: ModelFacts): { usd: number; known: boolean } {
  const usd = costOf(TYPICAL_USAGE, model.price);
  if (usd !== null) return { usd, known: true };
  const ours = model.price === undefined && residency !== 'remote';
  return ours ? { usd: 0, known: true } : { usd: UNKNOWN_COST_USD, known: false };
}

function explainSpeed({ model, measured }: ModelFacts): string {
  if (measured?.firstTokenMs != null) {
    const rate = measured.tokensPerSecond === null ? '' : ` and ${Math.round(measured.tokensPerSecond)} tokens/s`;
    return `${Math.round(measured.firstTokenMs)} ms${rate}`;
  }
  if (measured?.tokensPerSecond != null) return `${Math.round(measured.tokensPerSecond)} tokens/s`;
  return model.speed === undefined ? 'speed not measured' : `speed ${trim(model.speed)} set by hand`;
}

function explainCost(facts: ModelFacts): string {
  const { usd, known } = typicalCost(facts);
  if (!known) return 'price unknown';
  return usd === 0 ? 'free' : `$${trim(usd * 1000, 3)} for 1,000 typical calls`;
}

function trim(value: number, digits = 2): string {
  return String(Number(value.toFixed(digits)));
}
