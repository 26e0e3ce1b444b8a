import type { ChatInput } from '../contracts/chat.ts';
import type { ContractSubject, FaultCase } from './backend-contract-setup.ts';
import type { FakeClock } from './fake-clock.ts';
import type { FakeUpstream } from './fake-upstream.ts';

/** What the suite needs of a backend that stands before a fake upstream. */
export interface UpstreamSubject extends ContractSubject {
  readonly upstream: FakeUpstream;
  readonly clock: FakeClock;
}

/**
 * Everything that a server can do wrong, with the error that must come of it: the same for every remote backend.
 * `stream` is the content type of the protocol's streams, `errorBody` how it writes an error.
 */
export function upstreamFaults(given: {
  readonly model: string;
  readonly input: ChatInput;
  readonly stream: string;
  readonly timeoutMs: number;
  errorBody(message: string): unknown;
}): FaultCase<UpstreamSubject>[] {
  const { model, input, errorBody } = given;
  const status =
    (code: number, message: string, rest: object = {}) =>
    ({ upstream }: UpstreamSubject): void =>
      upstream.next({ status: code, body: errorBody(message), ...rest });
  const silence = async ({ clock, upstream }: UpstreamSubject): Promise<void> => {
    await upstream.nextRequest();
    clock.advance(given.timeoutMs);
  };
  const fault = (rest: Omit<FaultCase<UpstreamSubject>, 'model' | 'input'>): FaultCase<UpstreamSubject> => ({
    model,
    input,
    ...rest,
  });
  return [
    fault({ name: 'a refused key', code: 'upstream_unauthorized', retryable: true, arrange: status(401, 'Incorrect API key') }),
    fault({
      name: 'a limited rate, with the time to wait',
      code: 'upstream_rate_limited',
      retryable: true,
      retryAfter: 7,
      arrange: status(429, 'Too many requests', { retryAfter: 7 }),
    }),
    fault({
      name: 'a refused request',
      code: 'upstream_rejected',
      retryable: false,
      arrange: status(400, 'temperature: too hot'),
    }),
    fault({
      name: 'a prompt that is too long',
      code: 'context_length_exceeded',
      retryable: false,
      arrange: status(400, 'maximum context length is 10 tokens'),
    }),
    fault({ name: 'an error of the server', code: 'upstream_error', retryable: true, arrange: status(500, 'out of luck') }),
    fault({
      name: 'an overloaded server',
      code: 'upstream_error',
      retryable: true,
      retryAfter: 2,
      arrange: status(503, 'busy', { retryAfter: 2 }),
    }),
    fault({
      name: 'a connection that is reset',
      code: 'upstream_unreachable',
      retryable: true,
      arrange: ({ upstream }) => upstream.next({ refuse: true }),
    }),
    fault({
      name: 'a server that is not there',
      code: 'upstream_unreachable',
      retryable: true,
      arrange: ({ upstream }) => upstream.stop(),
    }),
    fault({
      name: 'a server that never answers',
      code: 'upstream_timeout',
      retryable: true,
      arrange: ({ upstream }) => upstream.next({ stall: 'before head' }),
      during: silence,
    }),
    fault({
      name: 'a page instead of an answer',
      code: 'upstream_invalid',
      retryable: true,
      arrange: ({ upstream }) =>
        upstream.next({ replay: '<html><body>Welcome to nginx!</body></html>', contentType: 'text/html' }),
    }),
    fault({
      name: 'a stream of nonsense',
      code: 'upstream_invalid',
      retryable: true,
      arrange: ({ upstream }) => upstream.next({ replay: 'lorem ipsum dolor\nsit amet\n', contentType: given.stream, cut: 3 }),
    }),
    fault({
      name: 'an answer without a byte',
      code: 'stream_truncated',
      retryable: true,
      arrange: ({ upstream }) => upstream.next({ replay: '', contentType: given.stream }),
    }),
    fault({
      name: 'a page where the protocol should be',
      code: 'upstream_invalid',
      retryable: true,
      arrange: ({ upstream }) => upstream.next({ status: 404, body: '<html>404 page not found</html>' }),
    }),
  ];
}
