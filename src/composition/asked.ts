import type { ToolCall } from '../contracts/chat.ts';
import type { AskedAnswer } from '../arbiter/ask.ts';
import { isContent, type Part } from '../contracts/part.ts';
import type { Confidence } from '../contracts/confidence.ts';
import type { StepPath } from '../contracts/vocabulary.ts';

/** Collects the answer of a call that a part of Tutti makes on its own; all that is not the answer goes to `trace`. */
export async function collectAsked(
  parts: AsyncIterable<Part>,
  step: StepPath,
  trace: (part: Part) => void,
): Promise<AskedAnswer> {
  const text: string[] = [];
  const calls: { id: string; name: string; arguments: string }[] = [];
  let confidence: Confidence | null = null;
  for await (const part of parts) {
    if (part.step !== step || !(isContent(part) || part.type === 'finish')) {
      trace(part);
      continue;
    }
    if (part.type === 'text-delta') text.push(part.text);
    if (part.type === 'finish') confidence = part.confidence ?? null;
    if (part.type !== 'tool-call-delta') continue;
    const call = (calls[part.index] ??= { id: '', name: '', arguments: '' });
    call.id ||= part.id ?? '';
    call.name += part.name ?? '';
    call.arguments += part.arguments ?? '';
  }
  const toolCalls = calls
    .filter(Boolean)
    .map(({ id, name, arguments: written }): ToolCall => ({ id, type: 'function', function: { name, arguments: written } }));
  return { text: text.join(''), toolCalls, confidence };
}
