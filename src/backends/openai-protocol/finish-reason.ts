import type { FinishReason } from '../../contracts/part.ts';

/** What servers call the end of an answer. `error` and `truncated` are no ends: the answer is not complete. */
const REASONS: Readonly<Record<string, FinishReason | 'error' | 'truncated'>> = {
  stop: 'stop',
  eos: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  length: 'length',
  max_tokens: 'length',
  model_length: 'length',
  tool_calls: 'tool_calls',
  tool_use: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  sensitive: 'content_filter',
  safety: 'content_filter',
  error: 'error',
  insufficient_system_resource: 'error',
  network_error: 'error',
  abort: 'truncated',
};

/** An unknown word is an ordinary end: a server that says why it ended has ended. */
export function readFinishReason(word: string): FinishReason | 'error' | 'truncated' {
  const key = word.toLowerCase();
  return Object.hasOwn(REASONS, key) ? REASONS[key]! : 'stop'; // hasOwn
}
