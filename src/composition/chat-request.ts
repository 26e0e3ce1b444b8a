/** From what a caller of the library writes to the input of a `chat` call. */
import { fileURLToPath } from 'node:url';
import { chatInput, chatSettings, type ChatInput, type ChatMessage, type ContentPart } from '../contracts/chat.ts';
import type { InputPart, MediaSource, Parameters, RunInput, RunRequest } from '../contracts/library.ts';
import { TuttiError } from '../errors/error.ts';
import { formatPath, plainIssues } from '../config/issues.ts';
import { toContentPart, type MediaAccess } from './media.ts';

/** Errors: `invalid_request` with the field's path, and those of reading media. */
export async function toChatInput(request: RunRequest, access: MediaAccess): Promise<ChatInput> {
  const { known, extra } = splitParameters(request.parameters ?? {});
  const reading = { ...access, signal: request.signal ?? access.signal };
  const candidate = {
    ...known,
    messages: await withImages(await toMessages(request.input, reading), request.images ?? [], reading),
    ...(request.tools !== undefined && { tools: [...request.tools] }),
    ...(request.toolChoice !== undefined && { tool_choice: request.toolChoice }),
    ...(request.responseFormat !== undefined && { response_format: request.responseFormat }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
  const parsed = chatInput.safeParse(candidate);
  if (parsed.success) return parsed.data;
  const [issue] = plainIssues(parsed.error.issues);
  const path = issue?.path ?? [];
  const param = formatPath(Object.hasOwn(known, path[0] ?? '') ? ['parameters', ...path] : path);
  throw new TuttiError('invalid_request', `\`${param}\`: ${issue?.reason ?? 'invalid'}.`, { param });
}

async function toMessages(input: RunInput, access: MediaAccess): Promise<ChatMessage[]> {
  if (typeof input === 'string') {
    if (input.trim() === '') throw new TuttiError('invalid_request', 'input is empty.', { param: 'input' });
    return [{ role: 'user', content: input }];
  }
  if (!Array.isArray(input) || input.length === 0) {
    throw new TuttiError('invalid_request', 'input must be a text, a list of parts, or a list of messages.', { param: 'input' });
  }
  if (isMessages(input)) return [...input];
  const content: ContentPart[] = [];
  for (const [i, part] of (input as readonly InputPart[]).entries())
    content.push(await toContentPart(part, access, `input[${i}]`));
  return [{ role: 'user', content }];
}

/** The conversation with these images in its last question. */
async function withImages(
  messages: ChatMessage[],
  images: NonNullable<RunRequest['images']>,
  access: MediaAccess,
): Promise<ChatMessage[]> {
  if (images.length === 0) return messages;
  const at = messages.findLastIndex(({ role }) => role === 'user');
  const question = messages[at];
  if (question?.role !== 'user') {
    throw new TuttiError('invalid_request', 'images go with a question, and no message is a user’s.', { param: 'images' });
  }
  const { content } = question;
  const parts: ContentPart[] = typeof content === 'string' ? [{ type: 'text', text: content }] : [...content];
  for (const [i, image] of images.entries()) {
    const param = `images[${i}]`;
    parts.push(await toContentPart({ type: 'image', ...sourceOf(image, param) }, access, param));
  }
  return messages.with(at, { ...question, content: parts });
}

function sourceOf(image: string | Uint8Array | MediaSource, param: string): MediaSource {
  if (typeof image !== 'string') return image instanceof Uint8Array ? { data: image } : image;
  if (/^(?:https?|data):/i.test(image)) return { url: image };
  return { path: /^file:/i.test(image) ? pathOf(image, param) : image };
}

function pathOf(url: string, param: string): string {
  try {
    return fileURLToPath(url);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TuttiError('invalid_request', `${param}: ${url} is no path of this machine: ${reason}.`, { param, cause });
  }
}

function isMessages(input: readonly unknown[]): input is readonly ChatMessage[] {
  return input.every((item) => typeof item === 'object' && item !== null && 'role' in item);
}

/** Settings by their wire names; what is no setting of a chat call goes on to remote models. */
export function splitParameters(parameters: Parameters): { known: Record<string, unknown>; extra: Record<string, unknown> } {
  const known: Record<string, unknown> = {};
  const extra: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    const wire = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (Object.hasOwn(chatSettings.shape, wire)) known[wire] = value;
    else extra[name] = value;
  }
  return { known, extra };
}
