/** Rules with `after`: they see the answer to an `auto` request, and may have another model answer instead. */
import { isContent, type Part } from '../contracts/part.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { ResponseFeatures } from '../router/rules.ts';
import { ROOT } from '../runs/run-tree.ts';

/** How a target was resolved whose answers these rules may see. */
export const LOOKED_BACK_AT: ReadonlySet<string> = new Set(['auto', 'rule']);
/** The step of who answers instead. */
export const AFTER_STEP = `${ROOT}/after`;

export interface LookingBack {
  readonly signal: AbortSignal;
  /** Who is to answer instead; null when the answer stands. */
  judge(response: Omit<ResponseFeatures, 'unclearToolCalls'>): { readonly target: string; readonly reason: string } | null;
  /** Calls it, at `AFTER_STEP`. */
  call(target: string, reason: string): AsyncIterable<Part>;
  answeredBy(model: ModelId, backend: string | null): void;
}

/** The parts of the answer that is given in the end. The first answer is held back until it is known to stand. */
export async function* lookingBack(
  parts: AsyncIterable<Part>,
  { signal, judge, call, answeredBy }: LookingBack,
): AsyncGenerator<Part> {
  const held: Part[] = [];
  let failure: TuttiError | null = null;
  try {
    for await (const part of parts) {
      if (part.step === ROOT && (isContent(part) || part.type === 'finish')) held.push(part);
      else yield part;
    }
  } catch (thrown) {
    failure = TuttiError.from(thrown);
    if (signal.aborted || failure.code === 'awaiting_input') throw failure;
  }
  const finish = held.find((part) => part.type === 'finish');
  const instead = judge({
    confidence: finish?.confidence?.score ?? 1,
    finishReason: finish?.reason ?? '',
    error: failure?.code ?? '',
  });
  if (instead === null) {
    if (failure !== null) throw failure;
    yield* held;
    return;
  }
  for await (const part of call(instead.target, instead.reason)) {
    if (part.type === 'step-start' && part.parent === AFTER_STEP && part.model !== null)
      answeredBy(part.model, part.backend ?? null);
    const own = part.step === AFTER_STEP && (isContent(part) || part.type === 'finish');
    yield own ? { ...part, step: ROOT } : part;
  }
}
