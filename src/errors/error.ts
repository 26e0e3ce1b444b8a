import { ERROR_CODES, type Code, type ErrorCode } from './codes.ts';

/** What an error may carry beside its code and message. */
export interface TuttiErrorOptions {
  readonly cause?: unknown;
  /** The field of the request that is wrong, as a path: `messages[0].content`. */
  readonly param?: string;
  /** Machine-readable facts: the numbers, the candidates, the position. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Overrides the code's own. */
  readonly retryable?: boolean;
  /** Seconds after which trying again makes sense. */
  readonly retryAfter?: number;
  /** Overrides the code's own HTTP status. */
  readonly status?: number;
}

const BRAND = Symbol.for('tutti.error');

/** The one error class. `code` says what happened, the message what to do. */
export class TuttiError extends Error {
  readonly code: Code;
  readonly param: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryable: boolean;
  readonly retryAfter: number | undefined;
  readonly status: number;
  readonly [BRAND] = true;

  constructor(code: Code, message: string, options: TuttiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TuttiError';
    this.code = code;
    this.param = options.param;
    this.details = options.details ?? {};
    this.retryable = options.retryable ?? ERROR_CODES[code].retryable;
    this.retryAfter = options.retryAfter;
    this.status = options.status ?? ERROR_CODES[code].status;
  }

  /** The same error with more facts. */
  with(details: Readonly<Record<string, unknown>>): TuttiError {
    const { param, retryable, retryAfter, status, cause } = this;
    const copy = new TuttiError(this.code, this.message, {
      ...(cause !== undefined && { cause }),
      ...(param !== undefined && { param }),
      ...(retryAfter !== undefined && { retryAfter }),
      details: { ...this.details, ...details },
      retryable,
      status,
    });
    if (this.stack !== undefined) copy.stack = this.stack;
    return copy;
  }

  /** How the run came to fail (`RunDetails`), for errors of orchestrations. */
  get tutti(): unknown {
    return this.details.tutti;
  }

  get info(): ErrorCode {
    return ERROR_CODES[this.code];
  }

  /** Works across copies of the package, where `instanceof` does not. */
  static isInstance(value: unknown): value is TuttiError {
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  /** `value` itself when it is one of ours, else wrapped: an abort becomes `cancelled`, the rest `fallbackCode`. */
  static from(value: unknown, fallbackCode: Code = 'internal_error'): TuttiError {
    if (TuttiError.isInstance(value)) return value;
    if (value instanceof Error && (value.name === 'AbortError' || value.name === 'TimeoutError')) {
      return value.name === 'AbortError'
        ? new TuttiError('cancelled', 'The call was cancelled.', { cause: value })
        : new TuttiError('deadline_exceeded', 'The deadline of the call has passed.', { cause: value });
    }
    return new TuttiError(fallbackCode, value instanceof Error ? value.message : String(value), { cause: value });
  }
}

/** The OpenAI shape of an error body. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly code: string;
    readonly param: string | null;
    readonly details?: Readonly<Record<string, unknown>>;
    readonly tutti?: unknown;
  };
}

/** The error as the body of an HTTP answer, in OpenAI’s shape. */
export function toErrorBody(error: TuttiError): ErrorBody {
  const { tutti, ...details } = error.details;
  return {
    error: {
      message: error.message,
      type: error.info.type,
      code: error.code,
      param: error.param ?? null,
      ...(Object.keys(details).length > 0 && { details }),
      ...(tutti !== undefined && { tutti }),
    },
  };
}
