/** What is wrong with an orchestration is told when the config is checked, with file and line. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/tutti.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-config-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function errorOf(yaml: string, backends = 'backends: {}'): Promise<string> {
  const file = join(folder, 'tutti.yaml');
  await writeFile(file, `${backends}\norchestrations:\n${yaml}`);
  return readConfig({ file, environment: {} }).then(
    () => 'it was taken',
    (error: unknown) => (error as Error).message.replaceAll(file, 'FILE'),
  );
}

describe('an orchestration that cannot work is refused', () => {
  it.each([
    [
      'an unknown member',
      '  p:\n    strategy: fallback\n    members:\n      - embedded:base\n      - embeded:nano\n',
      /FILE:7:9 orchestrations\.p\.members\[1\]: `embeded:nano` is no model/,
    ],
    [
      'a model that the embedded ones do not have',
      '  p: { strategy: fallback, members: [embedded:base, embedded:nono] }\n',
      /FILE:3:\d+ orchestrations\.p\.members\[1\]: `embedded:nono` is no model.*did you mean `embedded:nano`/,
    ],
    [
      'a word that is nothing',
      '  panel: { strategy: fallback, members: [embedded:base] }\n  p: { strategy: fallback, members: [panle] }\n',
      /FILE:4:\d+ orchestrations\.p\.members\[0\]: `panle` is no model.*did you mean `panel`/,
    ],
    [
      'whom a member may ask, if that is nobody',
      '  p: { strategy: fallback, members: [{ model: embedded:base, consult: [nobody] }] }\n',
      /FILE:3:\d+ orchestrations\.p\.members\[0\]\.consult\[0\]: `nobody` is no model/,
    ],
    [
      'an unknown judge',
      '  p: { strategy: consensus, members: [embedded:nano, embedded:base], voting: judge, judge: nobody:x }\n',
      /FILE:3:\d+ orchestrations\.p\.judge: `nobody:x`/,
    ],
    [
      'a cycle',
      '  a: { strategy: fallback, members: [b] }\n  b: { strategy: race, members: [embedded:base, a] }\n',
      /FILE:3:\d+ orchestrations\.a: .*a → b → a/,
    ],
    ['an orchestration of itself', '  a: { strategy: fallback, members: [a] }\n', /a → a/],
    [
      'more cycles than one can look through',
      Array.from({ length: 23 }, (_unused, i) => `  o${i}: { strategy: fallback, members: [o${i}] }\n`).join(''),
      /o19 → o19\n.*orchestrations: and 3 more that call each other without end/,
    ],
    [
      'an empty panel',
      '  p: { strategy: consensus, members: [] }\n',
      /FILE:3:\d+ orchestrations\.p\.members: a consensus needs at least one member/,
    ],
    [
      'an impossible quorum',
      '  p: { strategy: consensus, members: [embedded:nano, embedded:base], quorum: 3 }\n',
      /FILE:3:\d+ orchestrations\.p\.quorum: a quorum of 3 cannot be reached/,
    ],
    [
      'an impossible threshold',
      '  p: { strategy: handoff, members: [embedded:nano, embedded:base], confidence_threshold: 70 }\n',
      /FILE:3:\d+ orchestrations\.p\.confidence_threshold: .*between 0 and 1/,
    ],
    [
      'a key that is none',
      '  p: { strategy: race, members: [embedded:nano], accpt: 1 }\n',
      /FILE:3:\d+ orchestrations\.p\.accpt: no such key/,
    ],
    [
      'a budget of nothing',
      '  p: { strategy: race, members: [embedded:nano], budget: { max_calls: 0 } }\n',
      /FILE:3:\d+ orchestrations\.p\.budget\.max_calls/,
    ],
    ['a strategy that is none', '  p: { strategy: consenus, members: [embedded:nano] }\n', /did you mean `consensus`/],
    [
      'a team without specialists',
      '  p: { strategy: arbiter, arbiter: embedded:tools, specialists: {} }\n',
      /FILE:3:\d+ orchestrations\.p\.specialists/,
    ],
    [
      'a role that is none',
      '  p: { strategy: workflow, steps: [code, dance], roles: { code: { model: embedded:base } } }\n',
      /FILE:3:\d+ orchestrations\.p\.steps/,
    ],
    [
      'phases whose arbiter is missing',
      '  p: { strategy: phased, reasoning: embedded:base, next: arbiter }\n',
      /FILE:3:\d+ orchestrations\.p\.arbiter: `next: arbiter` needs an `arbiter`/,
    ],
    [
      'an arbiter of phases that nobody has',
      '  p: { strategy: phased, reasoning: embedded:base, next: arbiter, arbiter: embedded:bose }\n',
      /FILE:3:\d+ orchestrations\.p.*embedded:bose/,
    ],
    ['a pipeline without stages', '  p: { strategy: pipeline, stages: [] }\n', /FILE:3:\d+ orchestrations\.p\.stages/],
  ])('%s', async (_what, yaml, message) => {
    expect(await errorOf(yaml)).toMatch(message);
  });

  it('also without `backends:`, when some may be found', async () => {
    const yaml = '  p: { strategy: fallback, members: [ollama:qwen3, openai:gpt, embedded:nono, oolama:qwen3, other] }\n';
    const lines = (await errorOf(yaml, '')).split('\n');
    expect(lines.map((line) => /`[^`]+`/.exec(line)?.[0])).toEqual(['`embedded:nono`', '`oolama:qwen3`', '`other`']);
  });

  it('and all that is wrong is told at once', async () => {
    const yaml = [
      '  a: { strategy: fallback, members: [a] }',
      '  b: { strategy: fallback, members: [c] }',
      '  c: { strategy: fallback, members: [b] }',
      '  d: { members: [embedded:base] }',
      '  e: { strategy: fallback, members: [d, nobody] }',
      '  f: { strategy: fallback, members: [] }',
    ].join('\n');
    const lines = (await errorOf(`${yaml}\nreview: { ask: 2 }\n`)).split('\n');
    expect(lines.map((line) => Number(/FILE:(\d+):/.exec(line)?.[1])).toSorted((x, y) => x - y)).toEqual([3, 4, 6, 7, 8, 9]);
    expect(lines.find((line) => line.includes('FILE:7:'))).toContain('`nobody`');
  });

  it('and one that can is taken', async () => {
    expect(
      await errorOf('  p: { strategy: fallback, members: [embedded:nano], budget: { max_calls: 3 }, description: Safe. }\n'),
    ).toBe('it was taken');
  });
});
