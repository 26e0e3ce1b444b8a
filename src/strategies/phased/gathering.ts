/** The first phase: what the answer needs to know, from several sources at once. */
import { joinContext, type ContextPiece } from '../../answers/framing.ts';
import { asking, forHelper } from '../../contracts/asking.ts';
import type { ChatInput, ContentPart } from '../../contracts/chat.ts';
import { chatFor } from '../../contracts/member.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import { questionOf, type StrategyContext, type StrategyRequest } from '../../contracts/strategy.ts';
import type { FailedMember } from '../../errors/members.ts';
import type { PhasedConfig } from './config.ts';
import type { Branch, Plan } from './plan.ts';

type Context = StrategyContext<PhasedConfig>;

/** What came of the sources. */
export interface Gathered {
  /** All that is known, as one text; '' when nothing is. */
  readonly text: string;
  /** That text, by who gave it. */
  readonly pieces: readonly ContextPiece[];
  /** What those said who looked at images, by their steps. */
  readonly seen: readonly { readonly key: string; readonly text: string }[];
  readonly failures: readonly FailedMember[];
}

/** What a source looks at. */
type Need = 'images' | 'sound' | 'query' | 'question';

const NEEDS: Readonly<Record<string, Need>> = {
  vision: 'images',
  ocr: 'images',
  object_detection: 'images',
  image_classification: 'images',
  image_segmentation: 'images',
  speech_to_text: 'sound',
  audio_classification: 'sound',
  speaker_diarization: 'sound',
  web_search: 'query',
};

const LOOK =
  'Describe what the images show, as far as it bears on what is asked. If they show an error message, quote it; if not, do not speak of errors.';

/**
 * Asks all sources at once. One that fails or is late is left out; so is one that has nothing to look at. `remark`: what was amiss
 * with what they gave before.
 */
export async function gather(context: Context, { branches, limits }: Plan, remark: string | null = null): Promise<Gathered> {
  const question = remark === null ? questionOf(context.request) : `${questionOf(context.request)}\n\n${remark}`;
  const asked = branches.flatMap((branch) => {
    const request = requestFor(context, branch, question);
    if (request !== null) return [{ branch, request }];
    const { key } = branch;
    context.report({
      type: 'decision',
      message: `${key} is left out: there is no ${needOf(branch) === 'query' ? 'query' : 'input'} for it`,
    });
    return [];
  });
  const answers = await Promise.allSettled(
    asked.map(({ branch: { key, source }, request }) =>
      context.call(key, source.model, request, { timeoutMs: limits.context, confidence: false, optional: true }).answer(),
    ),
  );
  const failures: FailedMember[] = [];
  const told: { branch: Branch; answer: ChildAnswer }[] = [];
  for (const [i, { branch }] of asked.entries()) {
    const settled = answers[i]!; // one for each that was asked
    if (settled.status === 'fulfilled') told.push({ branch, answer: settled.value });
    else failures.push({ member: branch.key, ...context.rethrow(settled.reason) });
  }
  if (failures.length > 0) {
    context.report({ type: 'decision', message: `goes on without ${failures.map(({ member }) => member).join(', ')}` });
  }
  const given: ContextPiece[] =
    context.overrides.context === undefined ? [] : [{ source: 'context', text: context.overrides.context }];
  const pieces = [...given, ...told.map(({ branch, answer }) => ({ source: branch.name, text: answer.text }))];
  return {
    text: joinContext(pieces),
    pieces,
    seen: told.flatMap(({ branch, answer }) => (needOf(branch) === 'images' ? [{ key: branch.key, text: answer.text }] : [])),
    failures,
  };
}

/** What was known, and what has come to it. */
export function joined(before: Gathered, more: Gathered): Gathered {
  const isNew = ({ source, text }: ContextPiece): boolean =>
    !before.pieces.some((known) => known.source === source && known.text.trim() === text.trim());
  const pieces = [...before.pieces, ...more.pieces.filter(isNew)];
  return {
    text: joinContext(pieces),
    pieces,
    seen: [...before.seen, ...more.seen],
    failures: [...before.failures, ...more.failures],
  };
}

function needOf({ source }: Branch): Need {
  return NEEDS[source.capability ?? ''] ?? 'question';
}

/** What the source is asked; null when there is nothing for it. */
function requestFor(context: Context, branch: Branch, question: string): StrategyRequest<'chat'> | null {
  const { capability: _capability, ...member } = branch.source;
  const asked = context.request.input as ChatInput;
  const isPlain = question === questionOf(context.request);
  const input = forHelper(asked, isPlain ? asked.messages : asking(asked.messages, question));
  const need = needOf(branch);
  if (need === 'question') return chatFor(input, member);
  if (need === 'query') {
    const query = context.overrides.webSearchQuery?.trim() ?? '';
    return query === '' ? null : chatFor({ ...input, messages: [{ role: 'user', content: query }] }, member);
  }
  const media = mediaOf(input, need === 'images' ? 'image_url' : 'input_audio');
  if (media.length === 0) return null;
  const looking = asking([{ role: 'user', content: [...media] }], question);
  const { instructions = need === 'images' ? LOOK : undefined } = member;
  return chatFor({ ...input, messages: looking }, { ...member, ...(instructions !== undefined && { instructions }) });
}

/** The pictures (or sound) that were shown last. */
function mediaOf({ messages }: ChatInput, type: ContentPart['type']): readonly ContentPart[] {
  for (const { role, content } of messages.toReversed()) {
    const parts = role !== 'user' || typeof content === 'string' ? [] : content.filter((part) => part.type === type);
    if (parts.length > 0) return parts;
  }
  return [];
}
