/**
 * Whether a remote model can take over another's name. Binding one makes no request, so a server that is down, or a name that it
 * does not know, would only show in the calls that follow.
 */
import type { Backend } from '../contracts/backend.ts';
import type { CallOptions, Model, ModelDescriptor } from '../contracts/model.ts';
import { isContent, type Part } from '../contracts/part.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import { TuttiError } from '../errors/error.ts';

/** A server that takes longer is not fit to take over. Milliseconds; the second for one word of an answer, which may load the model. */
const LIST_TIMEOUT_MS = 10_000;
const WORD_TIMEOUT_MS = 60_000;
/** What servers without a list of models, or with one that cannot be read, fail with. */
const NO_LIST: ReadonlySet<string> = new Set(['upstream_invalid', 'model_not_found']);

/**
 * Returns when the backend lists the model or, as some servers answer to more names than they list, when it says a word.
 * Errors: those of the backend, saying that `from` goes on answering.
 */
export async function checkTakeover(model: Model, backend: Backend, from: string): Promise<void> {
  const { descriptor } = model;
  try {
    if (await isListed(descriptor, backend)) return;
    await sayWord(model);
  } catch (cause) {
    const { code, message, status, retryable } = TuttiError.from(cause, 'backend_error');
    throw new TuttiError(code, `${descriptor.id} cannot answer for ${from}, which stays: ${message}`, {
      param: 'to',
      status,
      retryable,
      cause,
    });
  }
}

async function isListed({ name }: ModelDescriptor, backend: Backend): Promise<boolean> {
  try {
    const models = await backend.list(AbortSignal.timeout(LIST_TIMEOUT_MS));
    return models.some((listed) => listed.name === name);
  } catch (error) {
    if (TuttiError.isInstance(error) && NO_LIST.has(error.code)) return false;
    throw error;
  }
}

/** The cheapest call there is. Its first part of content is enough, or that it ends well: an answer may be empty. */
async function sayWord(model: Model): Promise<void> {
  const { id, operations } = model.descriptor;
  const signal = AbortSignal.timeout(WORD_TIMEOUT_MS);
  const options: CallOptions = { signal, step: 'root', principal: LOCAL_PRINCIPAL, priority: 0 };
  let parts: AsyncIterable<Part>;
  if (operations.includes('chat')) {
    parts = model.call('chat', { messages: [{ role: 'user', content: 'Hi' }], max_tokens: 16 }, options);
  } else if (operations.includes('embed')) {
    parts = model.call('embed', { input: 'Hi' }, options);
  } else {
    throw new TuttiError('model_not_found', `its backend does not list ${id}.`);
  }
  for await (const part of parts) if (isContent(part) || part.type === 'finish') return;
  throw new TuttiError('stream_truncated', `the stream of ${id} ended without an answer.`);
}
