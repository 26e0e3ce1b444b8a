import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ExecuteRequest } from '../contracts/library.ts';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import { Journal, type JournalEntry } from '../host/journal.ts';
import { readState, writeState } from './resumable-state.ts';

const answer = (text: string): ChildAnswer => ({
  key: 'first',
  model: 'x:a',
  text,
  reasoning: null,
  toolCalls: [],
  finishReason: 'stop',
  confidence: { score: 0.5, method: 'logprobs', calibrated: false },
  usage: { inputTokens: 1, outputTokens: 2 },
});
const entry = (text: string): JournalEntry => ({
  answer: answer(text),
  trace: [{ type: 'step-end', step: 'root/first', outcome: 'completed', at: 1 }],
  ms: 12.5,
});
const request: ExecuteRequest = {
  operation: 'chat',
  input: { messages: [{ role: 'user', content: 'Book a table.' }], temperature: 0 },
  model: 'team',
  principal: { id: 'app', role: 'admin' },
  timeout: 1000,
  budget: { maxCalls: 3 },
  commit: 'finish',
};
const waiting = { step: 'root/ask', question: 'For how many?' };
const journal = new Journal({
  entries: [['root/first', entry('A')]],
  replies: [['root/ask', 'two']],
  anew: [['root/first', 1]],
  found: [],
});
const write = (more: object = {}, state = journal.state()): string =>
  writeState({ request: { ...request, ...more }, waiting }, state);
const unreadable = expect.objectContaining({ code: 'stored_data_unreadable', message: expect.stringContaining('run_1') });

describe('a run as stored text', () => {
  it('is read as it was written, whatever was said', () => {
    const text = fc.string({ unit: 'binary' });
    const steps = fc.uniqueArray(fc.string(), { maxLength: 5 });
    fc.assert(
      fc.property(steps, text, text, (names, said, replied) => {
        const state = new Journal({
          entries: names.map((name) => [`root/${name}`, entry(said)]),
          replies: names.map((name) => [`root/${name}`, replied]),
          anew: names.map((name, i) => [name, i]),
          found: names.map((name) => [name, names]),
        }).state();
        const asked = { ...request, input: { messages: [{ role: 'user', content: said }] } } as ExecuteRequest;
        const read = readState('run_1', writeState({ request: asked, waiting: { step: 'root', question: replied } }, state));
        expect(read.journal.state()).toEqual(state);
        expect(read.waiting).toEqual({ step: 'root', question: replied });
        expect(read.request).toEqual({ ...asked, principal: { id: 'app', role: 'user' } });
      }),
      { numRuns: 50 },
    );
  });

  it('has who asked, but no rights: these are those of the day', () => {
    expect(write()).not.toContain('admin');
    expect(readState('run_1', write({ principal: LOCAL_PRINCIPAL })).request.principal).toEqual(LOCAL_PRINCIPAL);
  });

  it('has nothing but what a request is known to have', () => {
    const signal = new AbortController().signal;
    expect(write({ signal, client: { apiKey: 'sk-1' } })).toBe(write());
  });

  it('has no credentials of the request, and leaves alone what only has such a name', () => {
    const tools = [{ type: 'function', function: { name: 'f', parameters: { properties: { password: { type: 'string' } } } } }];
    const input = {
      ...request.input,
      tools,
      extra: { api_key: 'sk-1', 'X-API-Key': 'sk-1', headers: { Authorization: 'sk-1' } },
    };
    const text = write({ input, metadata: { access_token: 'sk-1', trace: 'kept' } });
    expect(text).not.toContain('sk-1');
    expect(readState('run_1', text).request).toMatchObject({ input: { tools }, metadata: { trace: 'kept' } });
  });

  it('is not made of bytes, which JSON would spoil', () => {
    const artifact = { kind: 'image', value: { png: Buffer.from('png') } };
    const state = new Journal({
      entries: [['root/a', { ...entry(''), answer: { ...answer(''), artifact } }]],
      replies: [],
      anew: [],
      found: [],
    });
    expect(() => write({}, state.state())).toThrow(expect.objectContaining({ code: 'unsupported_input' }));
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, -10)],
    ['empty', () => ''],
    ['of another version', (text: string) => text.replace('"version":1', '"version":2')],
    ['without a request', (text: string) => text.replace('"operation"', '"operations"')],
    ['with a trace that is none', (text: string) => text.replace('"trace":[{', '"trace":[1,{')],
    ['with more than was written', (text: string) => text.replace('"waiting"', '"more":1,"waiting"')],
  ])('is an error of its run when it is %s', (_, spoil) => {
    expect(() => readState('run_1', spoil(write()))).toThrow(unreadable);
  });
});
