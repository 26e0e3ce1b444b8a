import type { ChatInput } from '../../contracts/chat.ts';
import type { Clock } from '../../contracts/clock.ts';
import type { ModelDescriptor } from '../../contracts/model.ts';
import type { Part } from '../../contracts/part.ts';
import type { StepPath } from '../../contracts/vocabulary.ts';
import { TuttiError } from '../../errors/error.ts';
import { deferred } from '../../lib/deferred.ts';
import { IdleWatch } from '../upstream/idle-watch.ts';
import type { Refuser } from '../upstream/refusal.ts';
import { callOptions } from './call-options.ts';
import { aiSdkError } from './errors.ts';
import type { AiSdkLanguageModel, AiSdkStreamPart } from './models.ts';
import { AiSdkStreamReader } from './stream-reader.ts';

export interface StreamChatOptions {
  readonly descriptor: ModelDescriptor;
  readonly step: StepPath;
  readonly who: Refuser;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * One chat call of a wrapped model. The model is told to stop by its abort signal and by cancelling its stream; a model
 * that heeds neither is left alone, so that the caller never waits for it.
 */
export async function* streamChat(model: AiSdkLanguageModel, input: ChatInput, options: StreamChatOptions): AsyncGenerator<Part> {
  const { descriptor, step, who, signal } = options;
  refuseImages(descriptor, input);
  const controller = new AbortController();
  const stopped = deferred<never>();
  stopped.promise.catch(() => {}); // it is also thrown by whoever races with it
  const stop = (reason: TuttiError): void => {
    stopped.reject(reason);
    controller.abort(reason);
  };
  const onAbort = (): void => stop(TuttiError.from(signal.reason, 'cancelled'));
  signal.addEventListener('abort', onAbort, { once: true });
  using watch = new IdleWatch(options.clock, options.timeoutMs, () =>
    stop(new TuttiError('upstream_timeout', `${descriptor.id} sent nothing for ${options.timeoutMs / 1000} s.`)),
  );
  let reader: ReadableStreamDefaultReader<AiSdkStreamPart> | null = null;
  try {
    const started = Promise.resolve(model.doStream(callOptions(model, input, controller.signal) as never)); // made for this model's version
    const { stream } = await Promise.race([started, stopped.promise]);
    reader = (stream as ReadableStream<AiSdkStreamPart>).getReader();
    const parts = new AiSdkStreamReader({
      step,
      model: descriptor.id,
      estimateInput: () => Math.ceil(JSON.stringify(input.messages).length / 4),
      toError: (error) => aiSdkError(error, who, signal),
    });
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), stopped.promise]);
      if (done) break;
      watch.pause();
      yield* parts.read(value);
      watch.heard();
    }
    yield* parts.end();
  } catch (error) {
    throw aiSdkError(error, who, signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
    controller.abort();
    // Not awaited, and whatever it says: the call is over.
    reader?.cancel().catch(() => {}); // a stream that failed already refuses
  }
}

/** Providers differ in what they do with an image that a model cannot see; the descriptor says whether it can. */
function refuseImages({ id, capabilities }: ModelDescriptor, { messages }: ChatInput): void {
  if (capabilities.includes('vision')) return;
  messages.forEach(({ content }, index) => {
    if (Array.isArray(content) && content.some((part) => part.type === 'image_url')) {
      throw new TuttiError(
        'unsupported_input',
        `${id} takes no images, as far as is known. If it does, give it the capability vision.`,
        {
          param: `messages[${index}].content`,
        },
      );
    }
  });
}
