/** The `tutti` object of an answer. */
import type { RunDetails } from '../contracts/library.ts';
import type { RunRecord } from '../contracts/run.ts';
import { toWireDetails, type WireDetails } from './wire/answer.ts';

/**
 * The object, or null where the answer is simply that of the one model that was asked, and its usage the provider's own count.
 * `always`: never null.
 */
export function detailsIfTelling(
  details: RunDetails,
  { fallbacks, cacheHit, usage }: RunRecord,
  always = false,
): WireDetails | null {
  const isEstimated = usage.estimated === true;
  const telling = fallbacks > 0 || cacheHit || isEstimated || details.strategy !== null || details.status === 'waiting';
  return always || telling ? toWireDetails(details) : null;
}
