/** `tutti eval` against a running server whose models know the answers, or not. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeUpstream, type FakeUpstream } from '../../src/testing/fake-upstream.ts';
import { serve, Workspace, type Finished } from './program.ts';

let workspace: Workspace;
let upstream: FakeUpstream;
let url: string;

/** An answer of one token, with its probability. */
const said = (sum: number, logprob: number) => ({ tokens: [{ text: String(sum), logprob }] });
const sumOf = (text: string): number => text.split('+').reduce((sum, part) => sum + Number.parseInt(part, 10), 0);
const question = (body: { readonly messages?: unknown }): string =>
  String((body.messages as { content: string }[]).at(-1)?.content);

beforeAll(async () => {
  workspace = await Workspace.create();
  upstream = await createFakeUpstream({
    models: {
      clever: { answer: (input) => said(sumOf(question(input)), -0.05) },
      // Wrong from ten on, and it shows.
      small: { answer: (input) => (sumOf(question(input)) < 10 ? said(sumOf(question(input)), -0.1) : said(0, -1.5)) },
      caller: { answer: { toolCalls: [{ name: 'add', arguments: { b: 2, a: 1 } }] } },
    },
  });
  upstream.models.set('broken', { answer: { text: 'half', cutAfter: 0 } });
  await writeFile(
    workspace.path('tutti.yaml'),
    JSON.stringify({
      backends: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } },
      orchestrations: { safe: { strategy: 'fallback', members: ['up:broken', 'up:clever'] } },
      routing: { retries: 0 },
    }),
  );
  const items = Array.from({ length: 12 }, (_, i) => ({
    id: `q${i}`,
    prompt: `${i} + ${i}`,
    answer: 2 * i,
    skill: i < 5 ? 'easy' : 'hard',
  }));
  await writeFile(workspace.path('sums.jsonl'), items.map((item) => JSON.stringify(item)).join('\n'));
  ({ url } = await serve(workspace));
});
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await workspace[Symbol.asyncDispose]();
});

const evaluate = (...words: string[]): Promise<Finished> =>
  workspace.run(['eval', ...words, '--concurrency', '2'], { env: { TUTTI_URL: url } });

const readJson = async (name: string): Promise<unknown> => JSON.parse(await readFile(workspace.path(name), 'utf8'));

describe('eval', () => {
  it('prints a table and writes a report for programs and one for people', async () => {
    const { status, stdout, stderr } = await evaluate(
      'sums.jsonl',
      '--models',
      'up:small, up:clever',
      '--orchestrations',
      'safe',
      '--price',
      'up:small=1,2',
    );
    expect([status, stderr]).toMatchObject([0, expect.stringContaining('Written: sums.eval.json, sums.eval.html')]);
    expect(stdout).toMatch(/^TARGET +RIGHT +VS up:clever/);
    expect(stdout).toMatch(/^up:small +41\.7 % \(.*−58\.3 \(/m);
    expect(stdout).toMatch(/^safe +100\.0 % \(.* 0\.0 \(/m);
    expect(await readJson('sums.eval.json')).toMatchObject({
      data: 'sums.jsonl',
      items: 12,
      best_model: 'up:clever',
      targets: [
        {
          name: 'up:small',
          kind: 'model',
          right: 5,
          accuracy: 5 / 12,
          calls: 12,
          compute: null,
          cost_usd: expect.any(Number),
          confidence: { items: 12, auroc: 1 },
          versus_best: { only_here: 0, only_there: 7 },
          skills: { easy: { right: 5, items: 5 }, hard: { right: 0, items: 7 } },
        },
        { name: 'up:clever', cost_usd: null, versus_best: null },
        // Each item is a call that failed and one that did not.
        { name: 'safe', kind: 'orchestration', right: 12, failed: 0, calls: 24 },
      ],
    });
    const html = await readFile(workspace.path('sums.eval.html'), 'utf8');
    expect(html).toMatch(/^<!doctype html>/);
    expect(html).toContain('<svg');
    expect(html).not.toMatch(/(?:src|href)=|url\(|@import/);
  });

  it('prints one document with --json, and writes where it is told, or nothing', async () => {
    const { status, json } = await evaluate('sums.jsonl', '--models', 'up:small', '--limit', '5', '--no-output', '--json');
    expect([status, json]).toMatchObject([0, [{ items: 5, targets: [{ name: 'up:small', items: 5 }] }]]);
    expect((json[0] as { targets: object[] }).targets[0]).not.toHaveProperty('answers');
    await evaluate('sums.jsonl', '--models', 'up:small', '--limit', '3', '--output', 'mine');
    expect(await readJson('mine.json')).toMatchObject({ targets: [{ answers: [{ right: true }, {}, {}] }] });
    expect(existsSync(workspace.path('mine.html'))).toBe(true);
  });

  it('writes into folders, which it makes, and the HTML report alone where it is named', async () => {
    const few = ['sums.jsonl', '--models', 'up:small', '--limit', '2'];
    expect((await evaluate(...few, '--output', 'out/today.html')).stderr).toContain('Written: out/today.json, out/today.html');
    expect((await evaluate(...few, '--output', 'out')).stderr).toContain('Written: out/sums.eval.json, out/sums.eval.html');
    const { json, stderr } = await evaluate(...few, '--json', '--html', 'new/report.html');
    expect([json, stderr]).toMatchObject([[{ items: 2 }], expect.stringContaining('Written: new/report.html\n')]);
    expect(await readFile(workspace.path('new/report.html'), 'utf8')).toMatch(/^<!doctype html>/);
  });

  it('takes expected tool calls, and standard input', async () => {
    const tools = [{ type: 'function', function: { name: 'add', parameters: { type: 'object' } } }];
    const input = [
      { prompt: 'add 1 and 2', tools, expected: [{ name: 'add', arguments: { a: 1, b: 2 } }] },
      { prompt: 'say hello', tools, expected: [] },
    ]
      .map((item) => JSON.stringify(item))
      .join('\n');
    const { json } = await workspace.run(['eval', '-', '--models', 'up:caller', '--no-output', '--json'], {
      env: { TUTTI_URL: url },
      input,
    });
    expect(json).toMatchObject([{ targets: [{ right: 1, items: 2 }] }]);
  });

  it('saves what was measured, for this server and those to come', async () => {
    const { status, stderr } = await evaluate('sums.jsonl', '--models', 'up:clever,up:small', '--no-output', '--save');
    expect([status, stderr]).toMatchObject([0, expect.stringContaining('Saved what was measured of up:small.')]);
    const model = await workspace.run(['models', 'info', 'up:small', '--json'], { env: { TUTTI_URL: url } });
    const quality = { default: 0.4286, easy: expect.any(Number), hard: expect.any(Number) };
    expect(model.json).toMatchObject([{ measured_quality: quality }]);
    expect(await readJson('.tutti/measured.json')).toMatchObject({ models: { 'up:small': { items: 12, quality } } });
  });

  it('says what is wrong with the call and the data before it asks anybody', async () => {
    const before = upstream.requests.length;
    expect(await evaluate('sums.jsonl')).toMatchObject({ status: 2, stderr: expect.stringContaining('--models a,b') });
    expect(await evaluate('sums.jsonl', '--models', 'up:small,up:small')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('named twice'),
    });
    await writeFile(workspace.path('bad.jsonl'), '{"prompt": "1 + 1", "answer": 2}\n{"prompt": "1 + 2"}\n');
    expect(await evaluate('bad.jsonl', '--models', 'up:small')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('bad.jsonl:2: it needs `answer`'),
    });
    expect(await evaluate('none.jsonl', '--models', 'up:small')).toMatchObject({ status: 1 });
    expect(await evaluate('sums.jsonl', '--models', 'up:small', '--price', 'up:small')).toMatchObject({ status: 2 });
    expect(await evaluate('sums.jsonl', '--models', 'up:small', '--output', 'sums.jsonl/x')).toMatchObject({
      stderr: expect.stringContaining('sums.jsonl/x.json cannot be written'),
    });
    expect(upstream.requests.slice(before).filter(({ method }) => method === 'POST')).toEqual([]);
  });

  it('ends at a name that nothing has, and counts the failures of a model that is there', async () => {
    expect(await evaluate('sums.jsonl', '--models', 'nope', '--no-output')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('model_not_found'),
    });
    const { status, stdout, stderr } = await evaluate(
      'sums.jsonl',
      '--models',
      'up:broken',
      '--limit',
      '4',
      '--no-output',
      '--save',
    );
    expect([status, stdout]).toMatchObject([1, expect.stringMatching(/FAILED/)]);
    expect(stderr).toMatch(/up:broken failed 4 times, first: .*\(stream_truncated\)/);
    expect(stderr).toContain('up:broken gave no answer: nothing is saved of it.');
  });
});
