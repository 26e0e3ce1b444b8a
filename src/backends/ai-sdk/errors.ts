import type { Code } from '../../errors/codes.ts';
import { TuttiError } from '../../errors/error.ts';
import { asNumber, asObject, asString } from '../../lib/json-value.ts';
import { networkError } from '../upstream/network-error.ts';
import { errorFromResponse, quote, type Refuser } from '../upstream/refusal.ts';

/** The SDK's errors by their `name`: recognised by it and not by class, so that the SDK need not be loaded. */
const CODES: Readonly<Record<string, Code>> = {
  AI_LoadAPIKeyError: 'upstream_unauthorized',
  AI_LoadSettingError: 'upstream_unauthorized',
  AI_NoSuchModelError: 'model_not_found',
  AI_InvalidPromptError: 'upstream_rejected',
  AI_InvalidArgumentError: 'upstream_rejected',
  AI_EmptyResponseBodyError: 'upstream_invalid',
  AI_InvalidResponseDataError: 'upstream_invalid',
  AI_JSONParseError: 'upstream_invalid',
  AI_TypeValidationError: 'upstream_invalid',
  AI_NoContentGeneratedError: 'upstream_invalid',
};

/** What a wrapped model threw or put into its stream, as the error that a caller of Tutti gets. */
export function aiSdkError(error: unknown, who: Refuser, signal: AbortSignal): TuttiError {
  if (signal.aborted) return TuttiError.from(signal.reason, 'cancelled');
  if (TuttiError.isInstance(error)) return error;
  const fields = asObject(error);
  const name = asString(fields?.['name']) ?? '';
  const message = asString(fields?.['message']) ?? (typeof error === 'string' ? error : JSON.stringify(error));
  const options = { cause: error };
  if (name === 'AI_APICallError') return apiCallError(fields ?? {}, message, who);
  if (name === 'AI_UnsupportedFunctionalityError') {
    const isInput = /image|file|audio|media|url|content|part/i.test(asString(fields?.['functionality']) ?? message);
    return new TuttiError(
      isInput ? 'unsupported_input' : 'unsupported_parameter',
      `${who.name}:${who.model}: ${quote(message)}`,
      options,
    );
  }
  const code = Object.hasOwn(CODES, name) ? CODES[name] : undefined;
  if (code) return new TuttiError(code, `${who.name} has no answer from "${who.model}": ${quote(message)}`, options);
  const cause = asObject(fields?.['cause']);
  if (asString(cause?.['code']) !== null || asString(fields?.['code'])?.startsWith('E')) {
    return networkError(error, { name: who.name, url: 'its provider', phase: 'request' });
  }
  return new TuttiError('upstream_error', `${who.name}:${who.model} failed: ${quote(message)}`, options);
}

function apiCallError(error: Readonly<Record<string, unknown>>, message: string, who: Refuser): TuttiError {
  const status = asNumber(error['statusCode']);
  if (status === null) {
    return error['cause'] === undefined
      ? new TuttiError('upstream_unreachable', `${who.name} cannot be reached: ${quote(message)}`, { cause: error })
      : networkError(error['cause'], { name: who.name, url: asString(error['url']) ?? 'its provider', phase: 'request' });
  }
  // A 200 that is an error is an answer that the provider's package could not read.
  if (status < 300) return new TuttiError('upstream_invalid', `${who.name}:${who.model}: ${quote(message)}`, { cause: error });
  const headers = asObject(error['responseHeaders']) as Readonly<Record<string, string>> | null;
  const body = asString(error['responseBody']) ?? JSON.stringify({ error: { message } });
  return errorFromResponse({ status, headers: headers ?? {}, body }, who);
}
