/** Models that take images as bytes only get those that a conversation names by web address. */
import type { ChatInput, ChatMessage, ContentPart } from '../contracts/chat.ts';
import type { CallOptions, Model } from '../contracts/model.ts';
import type { Operation, Operations } from '../contracts/operations.ts';
import { fetchMedia } from './fetch-media.ts';
import { sniff } from './media.ts';

/** An image is rarely larger; a conversation with many would fill the memory. */
const MOST_BYTES = 32 * 1024 * 1024;

/** The model, if it takes addresses; else one that fetches first. `publicOnly`: see `fetchMedia`. */
export function withImageBytes(model: Model, publicOnly: boolean): Model {
  if (model.descriptor.imagesAsBytes !== true || !model.descriptor.capabilities.includes('vision')) return model;
  return {
    descriptor: model.descriptor,
    async *call<O extends Operation>(operation: O, input: Operations[O]['input'], options: CallOptions) {
      const read = operation === 'chat' ? await fetchImages(input as ChatInput, publicOnly, options.signal) : input;
      yield* model.call(operation, read, options);
    },
  };
}

async function fetchImages(input: ChatInput, publicOnly: boolean, signal: AbortSignal): Promise<ChatInput> {
  const messages = await Promise.all(
    input.messages.map(async (message, i): Promise<ChatMessage> => {
      const { content } = message;
      if (!Array.isArray(content)) return message;
      const parts = content.map((part, j) => fetchImage(part, `messages[${i}].content[${j}].image_url.url`, publicOnly, signal));
      return { ...message, content: await Promise.all(parts) };
    }),
  );
  return { ...input, messages };
}

async function fetchImage(part: ContentPart, param: string, publicOnly: boolean, signal: AbortSignal): Promise<ContentPart> {
  if (part.type !== 'image_url' || !/^https?:/i.test(part.image_url.url)) return part;
  const { bytes, mediaType } = await fetchMedia(part.image_url.url, { maxBytes: MOST_BYTES, publicOnly, param, signal });
  const url = `data:${sniff(bytes) ?? mediaType ?? 'image/png'};base64,${bytes.toString('base64')}`;
  return { ...part, image_url: { ...part.image_url, url } };
}
