import { describe, expect, it } from 'vitest';
import { asking, forHelper, forJudge, wordsOnly } from './asking.ts';
import type { ChatInput, ChatMessage } from './chat.ts';

const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } } as const;
const shown: ChatMessage = { role: 'user', content: [{ type: 'text', text: 'What is it?' }, image] };
const system: ChatMessage = { role: 'system', content: 'Be brief.' };

describe('asking', () => {
  it('puts the text in place of the last question, and keeps its images', () => {
    expect(asking([system, { role: 'user', content: 'Why?' }], 'How?')).toEqual([system, { role: 'user', content: 'How?' }]);
    expect(asking([shown], 'How?')).toEqual([{ role: 'user', content: [{ type: 'text', text: 'How?' }, image] }]);
  });

  it('asks at the end when the last message is not the user’s', () => {
    const result: ChatMessage = { role: 'tool', tool_call_id: 'c1', content: '21 °C' };
    expect(asking([shown, result], 'How?')).toEqual([shown, result, { role: 'user', content: 'How?' }]);
  });
});

describe('wordsOnly', () => {
  it('leaves text alone', () => {
    expect(wordsOnly([system, shown])).toEqual([system, { role: 'user', content: 'What is it?' }]);
  });
});

describe('forHelper and forJudge', () => {
  const input: ChatInput = {
    messages: [{ role: 'user', content: 'Why?' }],
    temperature: 0.2,
    seed: 7,
    max_tokens: 5,
    response_format: { type: 'json_object' },
    tools: [{ type: 'function', function: { name: 'look' } }],
    stop: 'x',
  };

  it('leave what concerns the answer to its author', () => {
    expect(forHelper(input)).toEqual({ messages: input.messages, temperature: 0.2, seed: 7 });
    expect(forJudge(input, 'Right?')).toEqual({ messages: [{ role: 'user', content: 'Right?' }], temperature: 0 });
  });
});
