import { describe, expect, it } from 'vitest';
import type { ChatMessage, ToolDefinition } from '../../../contracts/chat.ts';
import { PromptTemplate } from './prompt.ts';

const SHOW = '{{ messages | tojson }}';
const same = (text: string): string => text;
const add: ToolDefinition = { type: 'function', function: { name: 'add', description: 'Adds.' } };

function render(source: string | null, messages: readonly ChatMessage[], tools: readonly ToolDefinition[] = []): string {
  return new PromptTemplate(source, { bos_token: '<s>', eos_token: '</s>' }).render({ messages, tools }, same).text;
}
const shown = (messages: readonly ChatMessage[], source = SHOW): unknown => JSON.parse(render(source, messages));

describe('messages', () => {
  it('reach the template with joined text and the role system', () => {
    const messages: ChatMessage[] = [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ];
    expect(shown(messages)).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'ab' },
    ]);
  });

  it('bring calls as objects, and results with the name of their function', () => {
    const call = { id: 'call_1', type: 'function' as const, function: { name: 'add', arguments: '{"a":1}' } };
    const messages: ChatMessage[] = [
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', content: '3', tool_call_id: 'call_1' },
    ];
    expect(shown(messages)).toEqual([
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'add', arguments: { a: 1 } } }],
      },
      { role: 'tool', content: '3', tool_call_id: 'call_1', name: 'add' },
    ]);
  });

  it('have ids of nine letters for Mistral', () => {
    const shownIds = JSON.stringify(
      shown([{ role: 'tool', content: '3', tool_call_id: 'call_with_a_long_id' }], `${SHOW}{# [TOOL_CALLS] #}`),
    );
    expect(shownIds).toMatch(/"tool_call_id":"[a-z0-9]{9}"/);
  });

  it.each([
    [{ type: 'image_url', image_url: { url: 'data:,' } }, 'images'],
    [{ type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } }, 'audio'],
    [{ type: 'file', file: { file_id: 'x' } }, 'files'],
  ] as const)('with %j are refused with their place', (part, word) => {
    expect(() => render(SHOW, [{ role: 'user', content: [{ type: 'text', text: 'a' }, part] }])).toThrow(
      expect.objectContaining({
        code: 'unsupported_input',
        param: 'messages[0].content[1]',
        message: expect.stringContaining(word),
      }),
    );
  });

  it('that the template refuses are an unsupported input, with its reason', () => {
    expect(() => render("{{ raise_exception('roles must alternate') }}", [{ role: 'user', content: 'a' }])).toThrow(
      expect.objectContaining({ code: 'unsupported_input', message: expect.stringContaining('roles must alternate') }),
    );
  });
});

describe('a template', () => {
  it('is ChatML where the file has none', () => {
    expect(render(null, [{ role: 'user', content: 'Hi' }])).toBe('<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n');
  });

  it('that cannot be read is a fault of the file', () => {
    expect(() => new PromptTemplate('{% if %}', {})).toThrow(expect.objectContaining({ code: 'invalid_model_file' }));
  });

  it('tells whether it opens the reasoning', () => {
    const opened = new PromptTemplate("{{ 'x<think>\\n' }}", {}).render({ messages: [], tools: [] }, same);
    expect(opened.opensReasoning).toBe(true);
  });

  it.each([
    ['{# <tool_call> [TOOL] #}', 'hermes'],
    ['{# [TOOL_CALLS] #}', 'mistral'],
    ['{# {"name": …, "parameters": …} #}', 'llama'],
    ['{# <start_function_call> #}', 'gemma'],
    ['', 'hermes'],
  ])('%s writes calls in the form of %s', (source, format) => {
    expect(new PromptTemplate(source, {}).callFormat).toBe(format);
  });
});

describe('tools', () => {
  it('are given to a template that knows them', () => {
    expect(render('{{ tools | tojson }}', [], [add])).toContain('"name": "add"');
  });

  it('are explained in the system message to one that does not', () => {
    expect(render(SHOW, [{ role: 'system', content: 'Be brief.' }], [add])).toMatch(/Be brief\.[^]*add[^]*<tool_call>/);
    expect(shown([{ role: 'user', content: 'Hi' }])).toHaveLength(1);
  });
});
