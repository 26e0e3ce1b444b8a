import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chatInput } from '../contracts/chat.ts';
import { validate } from './validate.ts';

const chat = (fields: object) => () => validate(chatInput, { messages: [{ role: 'user', content: 'x' }], ...fields });

describe('a value that does not fit its schema', () => {
  it.each([
    [{ messages: undefined }, 'messages', '`messages` is missing.'],
    [{ messages: [] }, 'messages', 'Messages must hold at least one message.'],
    [{ messages: 'x' }, 'messages', '`messages` must be a list, not a text.'],
    [{ messages: [null] }, 'messages[0]', '`messages[0]` must be an object, not null.'],
    [
      { messages: [{ role: 'usr', content: 'x' }] },
      'messages[0].role',
      '`messages[0].role` must be one of `system`, `developer`, `user`, `assistant`, `tool`.',
    ],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content', '`messages[0].content` must be a text or a list.'],
    [
      { messages: [{ role: 'user', content: [{ type: 'imge' }] }] },
      'messages[0].content[0].type',
      '`messages[0].content[0].type` must be one of `text`, `image_url`, `input_audio`, `file`, `refusal`.',
    ],
    [{ temperature: 'hot' }, 'temperature', '`temperature` must be a number, not a text.'],
    [{ temperature: 3 }, 'temperature', '`temperature` must be at most 2.'],
    [{ max_tokens: 1.5 }, 'max_tokens', '`max_tokens` must be a whole number.'],
    [{ max_tokens: 0 }, 'max_tokens', '`max_tokens` must be at least 1.'],
    [{ stop: Array.from({ length: 17 }, () => 'x') }, 'stop', '`stop` must be at most 16 items long.'],
    [{ stop: [''] }, 'stop[0]', '`stop[0]` must not be empty.'],
    [{ stop: [1] }, 'stop[0]', '`stop[0]` must be a text, not a number.'],
    [{ tool_choice: 'sometimes' }, 'tool_choice', '`tool_choice` must be one of `none`, `auto`, `required` or an object.'],
    [
      { tools: [{ type: 'function', function: { name: 'a b' } }] },
      'tools[0].function.name',
      '`tools[0].function.name` is not valid: a tool name has 1 to 128 letters, digits, dots, dashes or underscores.',
    ],
  ])('%j is refused, naming %s', (fields, param, message) => {
    expect(chat(fields)).toThrow(expect.objectContaining({ code: 'invalid_request', param, message }));
  });

  it('is measured against the form that it only exceeds, where there are several', () => {
    const schema = z.strictObject({ input: z.union([z.string(), z.array(z.string()).min(1).max(2), z.array(z.number())]) });
    expect(() => validate(schema, { input: [] })).not.toThrow();
    expect(() => validate(schema, { input: ['a', 'b', 'c'] })).toThrow('`input` must be at most 2 items long.');
    expect(() => validate(schema, { input: ['a', 1] })).toThrow('`input[1]` must be a text, not a number.');
  });

  it('names fields that a strict schema does not know, and a body that is missing', () => {
    const schema = z.strictObject({ a: z.string().optional() });
    expect(() => validate(schema, { b: 1 })).toThrow('The request has no field `b`.');
    expect(() => validate(schema, undefined)).toThrow('The body is missing.');
  });
});
