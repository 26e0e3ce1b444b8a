import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { formatPath, plainIssues } from './issues.ts';

const member = z.union([z.string().min(1), z.strictObject({ model: z.string(), top_k: z.int().optional() })]);
const schema = z.strictObject({ members: z.array(member), reasoning: z.union([z.array(member).min(1, 'at least one'), member]) });

function problems(value: unknown): string[] {
  const { error } = schema.safeParse(value);
  return plainIssues(error?.issues ?? []).map(({ path, reason }) => `${formatPath(path)}: ${reason}`);
}

describe('plainIssues', () => {
  it('names the wrong key of what was meant as an object', () => {
    expect(problems({ members: [{ model: 'a', topk: 1 }], reasoning: 'a' })).toEqual(['members[0].topk: no such key']);
    expect(problems({ members: [], reasoning: ['a', { model: 'b', topk: 1 }] })).toEqual(['reasoning[1].topk: no such key']);
    expect(problems({ members: [], reasoning: { model: 1 } })).toEqual([
      'reasoning.model: Invalid input: expected string, received number',
    ]);
  });

  it('keeps what a schema says itself', () => {
    expect(problems({ members: [], reasoning: [] })).toEqual(['reasoning: at least one']);
  });

  it('says what would be taken where nothing fits', () => {
    expect(problems({ members: [5], reasoning: 7 })).toEqual([
      'members[0]: Invalid input: expected string or object',
      'reasoning: Invalid input: expected array or string or object',
    ]);
  });
});
