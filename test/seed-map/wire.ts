import type { Harness } from '../server/harness.ts';

/** A JSON answer with its status. */
export async function call(
  harness: Harness,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: never }> {
  const response = await harness.fetch(path, { method, ...(body !== undefined && { body }) });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as never };
}

/** The body of an answer that must be a good one. */
export async function get(harness: Harness, path: string): Promise<never> {
  const { status, body } = await call(harness, 'GET', path);
  if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** The code of the error that a call ends with. */
export async function codeOf(calling: Promise<unknown>): Promise<unknown> {
  return calling.then(
    () => 'no error',
    (error: { code?: unknown }) => error.code ?? error,
  );
}
