/** Images for a model that cannot see: a vision model says in words what is in them. */
import type { ChatInput, ChatMessage, ContentPart } from '../contracts/chat.ts';
import type { CallOptions, Model } from '../contracts/model.ts';
import type { Operation, Operations } from '../contracts/operations.ts';
import { isContent, type Part } from '../contracts/part.ts';
import { TuttiError } from '../errors/error.ts';

/** Asks a vision model; the steps of the call are its caller's affair. */
export type AskVision = (input: ChatInput, key: string) => Promise<string>;

export function hasImages({ messages }: ChatInput): boolean {
  return messages.some(({ content }) => Array.isArray(content) && content.some(({ type }) => type === 'image_url'));
}

/** How models say that they cannot see. */
const REFUSALS: ReadonlySet<string> = new Set(['unsupported_input', 'upstream_rejected']);

/**
 * A model of which nobody has said what it can do is given images as they are; when it refuses them before its first word, it is asked
 * again with descriptions. `describe` yields the steps of describing; null: nobody can.
 */
export function withImagesTried(
  model: Model,
  describe: (input: ChatInput, options: CallOptions) => AsyncGenerator<Part, ChatInput> | null,
): Model {
  if (model.descriptor.assumed !== true) return model;
  return {
    descriptor: model.descriptor,
    async *call<O extends Operation>(operation: O, input: Operations[O]['input'], options: CallOptions) {
      let said = false;
      try {
        for await (const part of model.call(operation, input, options)) {
          said ||= isContent(part);
          yield part;
        }
        return;
      } catch (error) {
        const isRefused = TuttiError.isInstance(error) && REFUSALS.has(error.code);
        const describing = !said && isRefused && operation === 'chat' && hasImages(input as ChatInput);
        const steps = describing ? describe(input as ChatInput, options) : null;
        if (steps === null) throw error;
        yield* model.call('chat', yield* steps, options);
      }
    },
  };
}

/**
 * The conversation with a description in place of each message's images. The vision model gets the images of a message with
 * that message's own text, so that it looks for what is asked.
 */
export async function describeImages(input: ChatInput, ask: AskVision): Promise<ChatInput> {
  let number = 0;
  const messages = await Promise.all(
    input.messages.map(async (message): Promise<ChatMessage> => {
      const { content } = message;
      if (!Array.isArray(content) || message.role !== 'user') return message;
      const images = content.filter(({ type }) => type === 'image_url');
      if (images.length === 0) return message;
      number++;
      const text = content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n');
      const description = await ask(question(text, images), number === 1 ? 'vision' : `vision#${number}`);
      const others = content.filter(({ type }) => type !== 'image_url');
      const said: ContentPart = {
        type: 'text',
        text: `[${images.length === 1 ? 'The image shows' : 'The images show'}: ${description.trim()}]`,
      };
      const parts = [said, ...others];
      // Many text-only models take plain strings alone.
      return {
        ...message,
        content: parts.every((part) => part.type === 'text') ? parts.map(({ text: own }) => own).join('\n\n') : parts,
      };
    }),
  );
  return { ...input, messages };
}

function question(text: string, images: readonly ContentPart[]): ChatInput {
  const asked = text === '' ? '' : ` They will be used to answer: ${text}`;
  const prompt = `Describe what is in ${images.length === 1 ? 'the image' : 'the images'}, with all text and numbers that can be read.${asked}`;
  return { messages: [{ role: 'user', content: [{ type: 'text', text: prompt }, ...images] }] };
}
