/** What a server says when it refuses, as the error that a caller of Tutti gets. Pure. */
import type { Code } from '../../errors/codes.ts';
import { TuttiError } from '../../errors/error.ts';
import { asArray, asNumber, asObject, asString, parseJson, type JsonObject } from '../../lib/json-value.ts';

export interface Refusal {
  /** The HTTP status, or the one that an error inside a stream names; null when none is known. */
  readonly status: number | null;
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
  /** The body's text. */
  readonly body: string;
}

/** Who refused, for the message. */
export interface Refuser {
  /** The backend's id. */
  readonly name: string;
  readonly model: string;
  /** Never repeated in a message. */
  readonly secret?: string | undefined;
  readonly now: number;
}

/** An HTTP answer whose status is not 2xx. */
export function errorFromResponse(refusal: Refusal, who: Refuser): TuttiError {
  const said = readErrorBody(refusal.body);
  const code = refusal.status === null ? codeByWords(said) : codeOf(refusal.status, said);
  return makeError(code, { said, refusal, who });
}

/** The error object inside a stream or an answer with status 200, or null when the chunk is none. */
export function errorFromChunk(chunk: JsonObject, who: Refuser): TuttiError | null {
  const error = chunk['error'] ?? (chunk['object'] === 'error' ? chunk : null);
  if (error == null || error === '' || error === false) return null;
  const body = JSON.stringify({ error });
  const said = readErrorBody(body);
  const status = asNumber(said.code) ?? asNumber(asObject(error)?.['status_code']) ?? asNumber(asObject(error)?.['status']);
  const isStatus = status !== null && status >= 400 && status < 600;
  return errorFromResponse({ status: isStatus ? status : null, body }, who);
}

interface Said {
  readonly message: string;
  readonly code: string;
  readonly type: string;
  readonly param: string | null;
  /** Whether the body is an error of an API and not, say, a proxy's page. */
  readonly structured: boolean;
  readonly body: JsonObject | null;
}

/** `{error: {message, …}}` (OpenAI), `{error: "…"}` (Ollama), `{message, …}` (Mistral, vLLM), `{detail}` (FastAPI), or any text. */
function readErrorBody(text: string): Said {
  const parsed = parseJson(text);
  const root = asObject(asArray(parsed)[0] ?? parsed);
  const error = asObject(root?.['error']) ?? root;
  const raw = error?.['message'] ?? root?.['error'] ?? root?.['detail'] ?? root?.['message'];
  const message = asString(raw) ?? (raw == null ? '' : JSON.stringify(raw));
  // OpenRouter wraps what the provider said.
  const inner = asString(asObject(error?.['metadata'])?.['raw']);
  return {
    message: (inner !== null && inner !== message ? `${message} (${inner})` : message) || plainText(text),
    code: asString(error?.['code']) ?? String(asNumber(error?.['code']) ?? ''),
    type: asString(error?.['type']) ?? '',
    param: asString(error?.['param']),
    structured: root !== null && (root['error'] != null || root['message'] != null),
    body: error,
  };
}

function plainText(text: string): string {
  const words = text.replaceAll(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replaceAll(/<[^>]*>/g, ' ');
  return words.replaceAll(/\s+/g, ' ').trim();
}

const CONTEXT =
  /context_length_exceeded|exceed_context_size|maximum context length|context (length|window|size)|prompt is too long|too many tokens|input is too long|tokens? exceeds? the/i;
const NO_MODEL =
  /model_not_found|model[^.]{0,120}(does not exist|not found|is not supported|is not available|has been deprecated)|(not a valid|invalid|unknown|no such) model|no endpoints found for|not found, try pulling/i;
const NO_IMAGES =
  /image input is not supported|support image input|not a multimodal model|does not support (image|vision|multimodal)|Content blocks are expected to be either text|image_url[^.]{0,40}(not supported|only supported)|file type you uploaded is not supported/i;
const UNAUTHORIZED = /invalid_api_key|authentication|unauthorized|incorrect api key/i;
const RATE = /rate_limit|rate limit|too many requests|insufficient_quota|quota/i;
const SERVER = /server_error|internal|overloaded|unavailable|timeout|api_error|upstream|provider/i;

function codeOf(status: number, said: Said): Code {
  const words = `${said.code} ${said.type} ${said.message}`;
  if (NO_IMAGES.test(words)) return 'unsupported_input';
  if (status === 401 || status === 403) return 'upstream_unauthorized';
  if (status === 429) return 'upstream_rate_limited';
  if (status === 408) return 'upstream_timeout';
  if (status === 402 || status === 409 || status === 425) return 'upstream_error'; // no credit, busy: another provider may answer
  if (status < 400) return 'upstream_invalid';
  if (CONTEXT.test(words) && status !== 404) return 'context_length_exceeded';
  if (status >= 500) return 'upstream_error';
  if (NO_MODEL.test(words)) return 'model_not_found';
  // A 404 without an error of the API is a wrong address, not a wrong model.
  if (status === 404 || status === 405) return said.structured ? 'model_not_found' : 'upstream_invalid';
  return 'upstream_rejected';
}

/** For errors inside a stream, where no status says what they are. */
function codeByWords(said: Said): Code {
  const words = `${said.code} ${said.type} ${said.message}`;
  if (NO_IMAGES.test(words)) return 'unsupported_input';
  if (CONTEXT.test(words)) return 'context_length_exceeded';
  if (NO_MODEL.test(words)) return 'model_not_found';
  if (RATE.test(words)) return 'upstream_rate_limited';
  if (UNAUTHORIZED.test(words)) return 'upstream_unauthorized';
  if (SERVER.test(words)) return 'upstream_error';
  return said.type === 'invalid_request_error' ? 'upstream_rejected' : 'upstream_error';
}

function makeError(code: Code, { said, refusal, who }: { said: Said; refusal: Refusal; who: Refuser }): TuttiError {
  const quoted = quote(said.message, who.secret);
  const status = refusal.status === null ? '' : ` (${refusal.status})`;
  const retryAfter = readRetryAfter(refusal.headers ?? {}, who.now);
  const tokens = code === 'context_length_exceeded' ? readTokens(said) : {};
  return new TuttiError(code, `${opening(code, who)}${status}: ${quoted}`, {
    ...(said.param !== null && { param: said.param }),
    ...(retryAfter !== undefined && { retryAfter }),
    details: {
      ...(refusal.status !== null && { upstream_status: refusal.status }),
      ...(said.code && { upstream_code: said.code }),
      ...tokens,
    },
  });
}

function opening(code: Code, { name, model }: Refuser): string {
  switch (code) {
    case 'model_not_found':
      return `${name} has no model "${model}"`;
    case 'context_length_exceeded':
      return `The prompt is too long for ${name}:${model}`;
    case 'unsupported_input':
      return `${name}:${model} cannot take this input`;
    case 'upstream_unauthorized':
      return `${name} refused the key; check api_key of this backend`;
    case 'upstream_rate_limited':
      return `${name} limits the rate`;
    case 'upstream_invalid':
      return `${name} has no such path or does not speak this protocol; check base_url`;
    default:
      return `${name} refused the call of ${model}`;
  }
}

/** The start of what a server said, without the secret. */
export function quote(text: string, secret?: string): string {
  const safe = secret && secret.length >= 4 ? text.replaceAll(secret, '[key]') : text;
  if (safe === '') return 'no reason given';
  return safe.length > 500 ? `${safe.slice(0, 500)}…` : safe;
}

/** Seconds to wait: `retry-after-ms`, or `retry-after` as a number or a date. */
function readRetryAfter(headers: Readonly<Record<string, string | string[] | undefined>>, now: number): number | undefined {
  const ms = asNumber([headers['retry-after-ms']].flat()[0]);
  if (ms !== null) return Math.max(0, ms / 1000);
  const after = [headers['retry-after']].flat()[0];
  const seconds = asNumber(after);
  if (seconds !== null) return Math.max(0, seconds);
  const date = Date.parse(after ?? '');
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}

/** The prompt's length and the window, where the server names them. */
function readTokens({ body, message }: Said): { tokens?: number; context_window?: number } {
  const window = asNumber(body?.['n_ctx']) ?? asNumber(/maximum context length (?:is|of) (\d+)/i.exec(message)?.[1]);
  const prompt =
    asNumber(body?.['n_prompt_tokens']) ??
    asNumber(
      /resulted in (\d+)|requested (?:about )?(\d+)/i
        .exec(message)
        ?.slice(1)
        .find((found) => found !== undefined),
    );
  return { ...(prompt !== null && { tokens: prompt }), ...(window !== null && { context_window: window }) };
}
