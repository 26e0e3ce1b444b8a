/** What the library's callers may get wrong in a registration or a rating. Config and HTTP are checked by `schema.ts` as well. */
import { TuttiError } from '../errors/error.ts';
import type { ModelRegistration } from '../contracts/registration.ts';
import { CAPABILITY_PATTERN } from '../contracts/vocabulary.ts';
import type { Rating } from './layers.ts';

/** Errors: `invalid_request`, with the field in `param`. */
export function checkRegistration(registration: ModelRegistration): void {
  if (registration.id.trim() === '') throw invalid('id', 'A model needs an id.');
  if (registration.capabilities?.length === 0) throw invalid('capabilities', 'A model needs at least one capability.');
  for (const capability of registration.capabilities ?? []) {
    if (!CAPABILITY_PATTERN.test(capability)) {
      throw invalid('capabilities', `\`${capability}\` is not a capability: lower-case letters, digits and underscores only.`);
    }
  }
  checkRating(registration);
}

/** Errors: `invalid_request`, with the field in `param`. */
export function checkRating(rating: Rating): void {
  for (const [capability, value] of Object.entries(rating.quality ?? {})) checkShare(`quality.${capability}`, value);
  checkShare('speed', rating.speed);
}

function checkShare(param: string, value: number | null | undefined): void {
  if (value === null || value === undefined) return;
  if (!(value >= 0 && value <= 1)) throw invalid(param, `A rating is a number from 0 to 1; \`${param}\` is ${value}.`);
}

function invalid(param: string, message: string): TuttiError {
  return new TuttiError('invalid_request', message, { param });
}
