import { describe, it } from 'vitest';
import type { LlamaCppBackend } from '../../src/backends/llama-cpp/backend.ts';
import { backendContract, type ContractSubject } from '../../src/testing/backend-contract.ts';
import { ENDLESS, llamaFixture, user, type Fixture } from './fixtures.ts';

interface Subject extends ContractSubject {
  readonly backend: LlamaCppBackend;
  readonly fixture: Fixture;
}

const ADD = {
  type: 'function',
  function: {
    name: 'add',
    parameters: { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'integer' } }, required: ['a', 'b'] },
  },
} as const;
const TOOL_TEMPLATE =
  "{{- bos_token -}}{%- for tool in tools or [] -%}{{- '<|tools|>' + tool.function.name -}}{%- endfor -%}" +
  "{%- for message in messages -%}{{- '<|user|>' + message.content -}}{%- endfor -%}{{- '<|assistant|>' -}}";

backendContract<Subject>(
  'llama-cpp',
  {
    async create() {
      const fixture = await llamaFixture(
        {
          hello: { script: ['Hello', ' there', '!'] },
          endless: ENDLESS,
          thinker: { script: ['<think>', 'hm', 'm', '</think>', '\u000A', 'Yes', '.'] },
          caller: {
            chatTemplate: TOOL_TEMPLATE,
            script: ['<tool_call>', '{"name": "add", "argu', 'ments": {"a": 2,', ' "b": 3}}', '</tool_call>'],
          },
          vectors: { layers: 1 },
        },
        {
          shared_runner: true,
          models: { vectors: { capabilities: ['embedding'] }, thinker: { capabilities: ['text_generation', 'reasoning'] } },
        },
      );
      return { backend: fixture.backend, fixture, dispose: async () => fixture[Symbol.asyncDispose]() };
    },
    chat: { model: 'hello', input: { messages: [user('Hi')] }, text: 'Hello there!' },
    usage: 'reported',
    cancel: {
      model: 'endless',
      input: { messages: [user('Hi')] },
      // The iteration ends only after the runner's word (engine.test.ts proves what that is worth); here it must still answer.
      stopped: async ({ backend }) => {
        const endless = (await backend.list(new AbortController().signal)).find(({ name }) => name === 'endless');
        if (endless === undefined) throw new Error('the fixture lacks a model');
        await backend.countTokens(endless, 'abc');
      },
    },
    choices: { unsupported: 'Tutti makes n calls' },
    reasoning: { model: 'thinker', input: { messages: [user('Hi')] }, reasoning: 'hmm', text: 'Yes.' },
    logprobs: { model: 'hello', input: { messages: [user('Hi')], logprobs: true, top_logprobs: 3 } },
    tools: {
      model: 'caller',
      input: { messages: [user('What is 2 + 3?')], tools: [ADD] },
      calls: [{ name: 'add', arguments: { a: 2, b: 3 } }],
    },
    jsonSchema: {
      model: 'vectors',
      input: {
        messages: [user('Hi')],
        response_format: {
          type: 'json_schema',
          json_schema: {
            name: 'answer',
            schema: {
              type: 'object',
              properties: { ok: { type: 'boolean' }, size: { enum: ['small', 'large'] }, word: { type: 'string', maxLength: 5 } },
              required: ['ok', 'size', 'word'],
              additionalProperties: false,
            },
          },
        },
      },
    },
    images: { unsupported: 'llama.cpp in this process reads text only' },
    refusedImages: {
      model: 'hello',
      input: { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }] }] },
    },
    embeddings: { model: 'vectors', input: { input: ['one', 'two words', 'three'], dimensions: 16 }, count: 3 },
    unknownModel: { model: 'helo', input: { messages: [user('Hi')] } },
    truncation: { unsupported: 'a runner that dies is a crash' },
    crash: {
      model: 'endless',
      kill: (_, open) => {
        if (open.pid === undefined) throw new Error('a local model must have a process');
        process.kill(open.pid, 'SIGKILL');
      },
    },
    faults: [
      {
        name: 'a prompt that is longer than the context',
        model: 'hello',
        input: { messages: [user('x'.repeat(1100))] },
        code: 'context_length_exceeded',
        retryable: false,
      },
      {
        name: 'a schema that cannot be enforced',
        model: 'hello',
        input: {
          messages: [user('Hi')],
          response_format: { type: 'json_schema', json_schema: { name: 'a', schema: { type: 'string', pattern: '^a+$' } } },
        },
        code: 'invalid_schema',
        retryable: false,
      },
      {
        name: 'a grammar that is none',
        model: 'hello',
        input: { messages: [user('Hi')], response_format: { type: 'grammar', grammar: 'root ::= (' } },
        code: 'invalid_schema',
        retryable: false,
      },
    ],
  },
  { describe, it },
);
