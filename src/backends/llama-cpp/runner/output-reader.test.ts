import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutputReader, type ReaderOptions } from './output-reader.ts';

const PLAIN: ReaderOptions = { tools: [], bareCalls: false, reasoning: false, thinks: true, stops: [] };
const TOOLS: ReaderOptions = { ...PLAIN, tools: ['add', 'weather'] };

interface Read {
  text: string;
  reasoning: string;
  calls: { name: string; arguments: string }[];
}

function read(pieces: readonly string[], options: ReaderOptions): Read {
  const reader = new OutputReader(options);
  const out: Read = { text: '', reasoning: '', calls: [] };
  for (const segment of [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()]) {
    if (segment.kind === 'text') out.text += segment.text;
    else if (segment.kind === 'reasoning') out.reasoning += segment.text;
    else if (segment.name !== undefined) out.calls.push({ name: segment.name, arguments: '' });
    const call = segment.kind === 'call' ? out.calls[segment.index] : undefined;
    if (call !== undefined && segment.kind === 'call') call.arguments += segment.arguments ?? '';
  }
  return out;
}

const whole = (text: string, options: ReaderOptions = PLAIN): Read => read([text], options);

/** The same text, cut at random places. */
const cut = (text: string): fc.Arbitrary<string[]> =>
  fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 12 }).map((places) => {
    const at = [0, ...places.toSorted((a, b) => a - b), text.length];
    return at.slice(1).map((end, i) => text.slice(at[i], end));
  });

describe('text', () => {
  it('goes out as it is', () => {
    expect(whole('  Two words.\n').text).toBe('  Two words.\n');
  });

  it('ends before a stop sequence, also when tokens divide it', () => {
    expect(read(['abcE', 'N', 'Dxyz'], { ...PLAIN, stops: ['END'] }).text).toBe('abc');
  });

  it('ends before the earliest of several stop sequences', () => {
    expect(whole('one two three', { ...PLAIN, stops: ['three', 'two'] }).text).toBe('one ');
  });

  it('keeps what only looked like a stop sequence', () => {
    expect(read(['E', 'N', 'A'], { ...PLAIN, stops: ['END'] }).text).toBe('ENA');
    expect(read(['E', 'N'], { ...PLAIN, stops: ['END'] }).text).toBe('EN');
  });

  it('stops at a blank that stands first', () => {
    expect(whole('\nabc', { ...PLAIN, stops: ['\n'] }).text).toBe('');
  });

  it('says where each piece stood', () => {
    const reader = new OutputReader({ ...TOOLS });
    const segments = [
      ...reader.push('ab'),
      ...reader.push('cd<tool_call>{"name":"add","arguments":{}}</tool_call> e'),
      ...reader.end(),
    ];
    expect(segments.filter((s) => s.kind === 'text').map(({ text, from, to }) => [text, from, to])).toEqual([
      ['ab', 0, 2],
      ['cd', 2, 4],
      ['e', 57, 58],
    ]);
  });
});

describe('reasoning', () => {
  it('is what stands between the tags at the start', () => {
    expect(whole('<think>\nHm.\n</think>\n\nYes.')).toEqual({ text: 'Yes.', reasoning: '\nHm.\n', calls: [] });
  });

  it('begins at once when the prompt opened it', () => {
    expect(whole('Hm.</think>Yes.', { ...PLAIN, reasoning: true })).toEqual({ text: 'Yes.', reasoning: 'Hm.', calls: [] });
  });

  it('is all there is when the model never closes it', () => {
    expect(whole('<think>Hm. </thi')).toEqual({ text: '', reasoning: 'Hm. </thi', calls: [] });
  });

  it('is text where a tag stands in the middle of an answer', () => {
    expect(whole('The tag <think> opens.').text).toBe('The tag <think> opens.');
  });

  it('means nothing under a grammar', () => {
    expect(whole('<think>', { ...PLAIN, thinks: false }).text).toBe('<think>');
  });
});

describe('tool calls', () => {
  const add = { name: 'add', arguments: '{"a": 1, "b": "}"}' };
  const cases: [string, string, Read['calls']][] = [
    ['Hermes', '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": "}"}}\n</tool_call>', [add]],
    ['Hermes, arguments first', '<tool_call>{"arguments": {"a": 1, "b": "}"}, "name": "add"}</tool_call>', [add]],
    [
      'Hermes, arguments as a string',
      '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>',
      [{ name: 'add', arguments: '{"a": 1}' }],
    ],
    ['Hermes, without arguments', '<tool_call>{"name": "add"}</tool_call>', [{ name: 'add', arguments: '{}' }]],
    ['Hermes, never closed', '<tool_call>{"name": "add", "arguments": {"a": 1, "b": "}"}}', [add]],
    [
      'two, with a line between',
      '<tool_call>{"name": "add", "arguments": {}}</tool_call>\n<tool_call>{"name": "weather", "arguments": {"city": "Ulm"}}</tool_call>',
      [
        { name: 'add', arguments: '{}' },
        { name: 'weather', arguments: '{"city": "Ulm"}' },
      ],
    ],
    [
      'Qwen Coder',
      '<tool_call>\n<function=weather>\n<parameter=city>\nNew\nUlm\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>',
      [{ name: 'weather', arguments: '{"city":"New\\nUlm","days":3}' }],
    ],
    [
      'Mistral, old',
      '[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1}}, {"name": "weather", "arguments": {}}]',
      [
        { name: 'add', arguments: '{"a": 1}' },
        { name: 'weather', arguments: '{}' },
      ],
    ],
    ['Mistral, new', '[TOOL_CALLS]add[ARGS]{"a": 1}', [{ name: 'add', arguments: '{"a": 1}' }]],
    ['Mistral with an id', '[TOOL_CALLS]add[CALL_ID]abc123def[ARGS]{"a": 1}', [{ name: 'add', arguments: '{"a": 1}' }]],
    [
      'Mistral, several',
      '[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]weather[ARGS]{}',
      [
        { name: 'add', arguments: '{"a": 1}' },
        { name: 'weather', arguments: '{}' },
      ],
    ],
    ['Llama 3', '<|python_tag|>{"name": "add", "parameters": {"a": 1}}', [{ name: 'add', arguments: '{"a": 1}' }]],
    ['Llama 3.1, custom', '<function=add>{"a": 1}</function>', [{ name: 'add', arguments: '{"a": 1}' }]],
    [
      'FunctionGemma',
      '<start_function_call>call:weather{city:<escape>New, {Ulm}<escape>,days:3,detail:{wind:true,hours:[1,2]}}<end_function_call>',
      [{ name: 'weather', arguments: '{"city":"New, {Ulm}","days":3,"detail":{"wind":true,"hours":[1,2]}}' }],
    ],
    [
      'OpenAI’s own shape',
      '<tool_call>{"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}</tool_call>',
      [{ name: 'add', arguments: '{"a": 1}' }],
    ],
  ];
  for (const [name, text, calls] of cases) {
    it(`are read in the form of ${name}, however it is cut`, () => {
      expect(whole(text, TOOLS)).toEqual({ text: '', reasoning: '', calls });
      fc.assert(
        fc.property(cut(text), (pieces) => {
          expect(read(pieces, TOOLS)).toEqual({ text: '', reasoning: '', calls });
        }),
      );
    });
  }

  it('stand beside text and reasoning', () => {
    const text = '<think>Sum.</think>Let me add.\n<tool_call>{"name": "add", "arguments": {}}</tool_call>\n';
    const expected = { text: 'Let me add.\n', reasoning: 'Sum.', calls: [{ name: 'add', arguments: '{}' }] };
    fc.assert(
      fc.property(cut(text), (pieces) => {
        expect(read(pieces, TOOLS)).toEqual(expected);
      }),
    );
  });

  it('hand out the name before the arguments are complete', () => {
    const reader = new OutputReader(TOOLS);
    expect(reader.push('<tool_call>{"name": "add", "argum')).toEqual([{ kind: 'call', index: 0, name: 'add' }]);
    expect(reader.push('ents": {"a": ')).toEqual([{ kind: 'call', index: 0, arguments: '{"a": ' }]);
    expect(reader.push('1}')).toEqual([{ kind: 'call', index: 0, arguments: '1}' }]);
  });

  it('never let half a marker out', () => {
    const reader = new OutputReader(TOOLS);
    const early = 'text <tool_ca'.split('').flatMap((c) => reader.push(c));
    expect(early.map((segment) => (segment.kind === 'text' ? segment.text : '')).join('')).toBe('text ');
  });

  it('are text when no tools were offered', () => {
    const text = '<tool_call>{"name": "add"}</tool_call>';
    expect(whole(text)).toEqual({ text, reasoning: '', calls: [] });
  });

  it('that are none come out as the text that they are', () => {
    const text = '<tool_call>add(1, 2)</tool_call>';
    expect(whole(text, TOOLS)).toEqual({ text, reasoning: '', calls: [] });
    expect(whole('<start_function_call>nonsense<end_function_call>', TOOLS).calls).toEqual([]);
  });

  it('that are cut off before their name come out as text', () => {
    expect(whole('<tool_call>{"na', TOOLS)).toEqual({ text: '<tool_call>{"na', reasoning: '', calls: [] });
  });

  it('that are cut off later keep what was written', () => {
    expect(whole('<tool_call>{"name": "add", "arguments": {"a": 1', TOOLS).calls).toEqual([
      { name: 'add', arguments: '{"a": 1' },
    ]);
  });
});

describe('a bare JSON object at the start', () => {
  const options = { ...TOOLS, bareCalls: true };

  it('is a call when it names a tool', () => {
    const text = '{"name": "add", "parameters": {"a": 1}}';
    fc.assert(
      fc.property(cut(text), (pieces) => {
        expect(read(pieces, options).calls).toEqual([{ name: 'add', arguments: '{"a": 1}' }]);
      }),
    );
  });

  it('is text when it is another JSON answer', () => {
    for (const text of ['{"answer": 42}', '{"name": "Ada", "age": 36}', '[1, 2, 3]', '{}'])
      fc.assert(
        fc.property(cut(text), (pieces) => {
          expect(read(pieces, options)).toEqual({ text, reasoning: '', calls: [] });
        }),
      );
  });
});

it('loses nothing of any text, however it is cut', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom('<think>', '</think>', '<tool', '_call>', '[TOOL_CALLS]', '{"name":', '<', '\n', ' '),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
      const plain = { ...PLAIN, thinks: false };
      expect(read(pieces, plain).text).toBe(pieces.join(''));
      expect(read(pieces, TOOLS)).toEqual(whole(pieces.join(''), TOOLS));
    }),
  );
});
