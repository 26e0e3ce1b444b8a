import { describe, expect, it } from 'vitest';
import type { ChatInput } from '../../contracts/chat.ts';
import { chatRequest } from './chat-request.ts';

const input = (rest: Partial<ChatInput> = {}): ChatInput => ({ messages: [{ role: 'user', content: 'hi' }], ...rest });

describe('a chat request', () => {
  it('leaves out what is not set', () => {
    expect(chatRequest('m', input({ temperature: null, tools: [], n: 1 }), {})).toEqual({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
      stream_options: { include_usage: true },
    });
  });
  it('names the limit as the server does, and gives one where the server needs it', () => {
    const openai = { maxTokensField: 'max_completion_tokens' } as const;
    expect(chatRequest('m', input({ max_tokens: 5 }), openai)).toMatchObject({ max_completion_tokens: 5 });
    expect(chatRequest('m', input({ max_completion_tokens: 5 }), {})).toMatchObject({ max_tokens: 5 });
    expect(chatRequest('m', input(), { defaultMaxTokens: 4096 })).toMatchObject({ max_tokens: 4096 });
  });
  it('leaves out, renames and adds what the server’s dialect asks for', () => {
    const quirks = {
      leaveOut: ['logprobs'],
      rename: { seed: 'random_seed' },
      streamOptions: false,
      fixed: { safe: true },
      leaveOutOfMessages: ['name'],
    };
    const body = chatRequest(
      'm',
      input({ messages: [{ role: 'user', content: 'hi', name: 'ann' }], seed: 1, logprobs: true }),
      quirks,
    );
    expect(body).toEqual({ model: 'm', messages: [{ role: 'user', content: 'hi' }], random_seed: 1, safe: true, stream: true });
  });
  it('leaves out what some models alone refuse', () => {
    const quirks = { leaveOutFor: [{ models: /^o3/, settings: ['temperature'] }] };
    expect(chatRequest('openai/o3-mini', input({ temperature: 0, seed: 1 }), quirks)).toMatchObject({ seed: 1 });
    expect(chatRequest('openai/o3-mini', input({ temperature: 0 }), quirks)).not.toHaveProperty('temperature');
    expect(chatRequest('gpt-4o', input({ temperature: 0 }), quirks)).toMatchObject({ temperature: 0 });
  });
  it('asks for log-probabilities by number where the server counts them', () => {
    const body = chatRequest('m', input({ logprobs: true, top_logprobs: 3 }), { logprobsAsCount: true });
    expect(body).toMatchObject({ logprobs: 3 });
    expect(body).not.toHaveProperty('top_logprobs');
  });
  it('passes on unknown fields, but never over its own', () => {
    expect(
      chatRequest(
        'm',
        input({ extra: { thinking: { type: 'enabled' }, model: 'other', stream: false, temperature: 1 }, temperature: 0 }),
        {},
      ),
    ).toMatchObject({
      thinking: { type: 'enabled' },
      model: 'm',
      stream: true,
      temperature: 0,
    });
  });
  it('speaks of system where the server knows no developer', () => {
    const given = input({ messages: [{ role: 'developer', content: 'be kind' }] });
    expect(chatRequest('m', given, {})['messages']).toEqual([{ role: 'system', content: 'be kind' }]);
    expect(chatRequest('m', given, { developerRole: true })['messages']).toEqual([{ role: 'developer', content: 'be kind' }]);
  });
  it('sends earlier reasoning back only in the field that the server takes', () => {
    const given = input({ messages: [{ role: 'assistant', content: 'so', reasoning_content: 'hm' }] });
    expect(chatRequest('m', given, {})['messages']).toEqual([{ role: 'assistant', content: 'so' }]);
    expect(chatRequest('m', given, { reasoningField: 'reasoning' })['messages']).toEqual([
      { role: 'assistant', content: 'so', reasoning: 'hm' },
    ]);
  });
  it('asks for n choices only where the server gives them', () => {
    expect(chatRequest('m', input({ n: 3 }), { nativeChoices: true })).toMatchObject({ n: 3 });
    expect(chatRequest('m', input({ n: 3 }), {})).not.toHaveProperty('n');
  });
  it('takes a grammar where the server has a field for it', () => {
    const given = input({ response_format: { type: 'grammar', grammar: 'root ::= "a"' } });
    expect(chatRequest('m', given, { grammarField: 'grammar' })).toMatchObject({ grammar: 'root ::= "a"' });
    expect(() => chatRequest('m', given, {})).toThrow(expect.objectContaining({ code: 'unsupported_parameter' }) as Error);
  });
});
