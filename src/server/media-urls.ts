/** Images that a conversation names by address: nothing of this machine is read but what the config allows. */
import { fileURLToPath } from 'node:url';
import { toContentPart, type MediaAccess } from '../composition/media.ts';
import type { ChatMessage, ContentPart } from '../contracts/chat.ts';
import { TuttiError } from '../errors/error.ts';

/**
 * `file:` addresses become data URLs, if they lie inside `server.file_roots`; other addresses must be `https:`, `http:` or
 * `data:`, or a server that a model runs in might read what it likes. Errors: `file_not_allowed`, `file_not_found`,
 * `invalid_request`.
 */
export async function readLocalImages(messages: readonly ChatMessage[], access: MediaAccess): Promise<ChatMessage[]> {
  const read: ChatMessage[] = [];
  for (const [i, message] of messages.entries()) {
    const { content } = message;
    if (!Array.isArray(content) || !content.some((part) => part.type === 'image_url')) {
      read.push(message);
      continue;
    }
    const parts: ContentPart[] = [];
    for (const [j, part] of content.entries())
      parts.push(await readPart(part, access, `messages[${i}].content[${j}].image_url.url`));
    read.push({ ...message, content: parts });
  }
  return read;
}

async function readPart(part: ContentPart, access: MediaAccess, param: string): Promise<ContentPart> {
  if (part.type !== 'image_url') return part;
  const { url } = part.image_url;
  if (/^(https?|data):/i.test(url)) return part;
  if (!/^file:/i.test(url)) {
    throw new TuttiError('invalid_request', `\`${param}\` must be an https:, http: or data: URL.`, { param });
  }
  const image = await toContentPart({ type: 'image', path: pathOf(url, param) }, access, param);
  return image.type === 'image_url' ? { ...part, image_url: { ...part.image_url, url: image.image_url.url } } : part;
}

function pathOf(url: string, param: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    throw new TuttiError('invalid_request', `\`${param}\` is not a file: URL of this machine.`, { cause, param });
  }
}
