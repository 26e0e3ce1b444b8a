/** Every command against one running server, whose models are a fake upstream's and a program's. */
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeUpstream, type FakeUpstream } from '../../src/testing/fake-upstream.ts';
import { serve, Workspace, type Finished, type ProgramOptions } from './program.ts';

const FAKE_SERVER = new URL('../fixtures/fake-server.ts', import.meta.url).pathname;

let workspace: Workspace;
let upstream: FakeUpstream;
let url: string;

beforeAll(async () => {
  workspace = await Workspace.create();
  upstream = await createFakeUpstream({
    models: {
      echo: {},
      seer: { answer: 'A dot.', capabilities: ['completion', 'vision'] },
      thinker: { answer: { reasoning: 'hm hm', text: 'so it is' } },
      caller: { answer: { toolCalls: [{ name: 'add', arguments: { a: 1 } }] } },
      odds: { answer: { tokens: [{ text: 'yes', logprob: -0.1 }] } },
      cut: { answer: { text: 'one two three', cutAfter: 2 } },
      // More than can be written before the reader leaves.
      verbose: { answer: { text: 'on and on '.repeat(20_000) } },
      endless: { answer: { text: 'one two', gates: { 1: new Promise(() => {}) } } },
      embed: { embed: (text) => [text.length, 3] },
    },
  });
  await writeFile(
    workspace.path('tutti.yaml'),
    JSON.stringify({
      backends: {
        up: { type: 'openai-compatible', base_url: `${upstream.url}/v1`, default_model: 'echo' },
        prog: { type: 'process', command: [process.execPath, FAKE_SERVER, '--port', '${PORT}'], models: ['echo'] },
      },
      models: {
        'up:seer': { capabilities: ['vision', 'text_generation'] },
        'up:embed': { capabilities: ['embedding'] },
        'up:odds': { capabilities: ['code_generation', 'text_generation'], quality: { code_generation: 0.9 } },
      },
      aliases: { pal: 'up:echo' },
      routing: { retries: 0 },
    }),
  );
  ({ url } = await serve(workspace));
});
afterAll(async () => {
  await upstream[Symbol.asyncDispose]();
  await workspace[Symbol.asyncDispose]();
});

function tutti(words: readonly string[], options: ProgramOptions = {}): Promise<Finished> {
  return workspace.run(words, { ...options, env: { TUTTI_URL: url, ...options.env } });
}

/** A new file of the workspace. */
async function file(name: string, content: string | Uint8Array): Promise<string> {
  await writeFile(workspace.path(name), content);
  return workspace.path(name);
}

/** The body of the last question that the upstream was asked. */
const asked = () => upstream.requests.findLast(({ method }) => method === 'POST')?.body;

describe('run', () => {
  it('prints the answer, and nothing else, on standard output', async () => {
    expect(await tutti(['run', 'up:thinker', 'Is it so?'])).toMatchObject({ status: 0, stdout: 'so it is\n', stderr: '' });
  });

  it('takes a question from standard input, and settings from options', async () => {
    const words = ['run', 'pal', '--system', 'Be brief.', '--temperature', '0.5', '--max-tokens', '7', '--seed', '-3'];
    expect(await tutti(words, { input: 'from a pipe\n' })).toMatchObject({ status: 0, stdout: 'from a pipe\n\n' });
    expect(asked()).toMatchObject({ temperature: 0.5, max_tokens: 7, seed: -3 });
    expect(asked()?.['messages']).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'from a pipe\n' },
    ]);
  });

  it('prints one JSON document with --json, in snake case', async () => {
    const { status, json, stderr } = await tutti(['--json', 'run', 'up:caller', 'go']);
    expect([status, stderr]).toEqual([0, '']);
    const answer = {
      run_id: expect.stringMatching(/^run_/),
      model: 'up:caller',
      text: '',
      tool_calls: [{ name: 'add', arguments: '{"a":1}' }],
      finish_reason: 'tool_calls',
      usage: { prompt_tokens: expect.any(Number) },
    };
    expect(json).toMatchObject([answer]);
  });

  it('sends images, sounds and files along, and lets a capability choose the model', async () => {
    const image = await file('dot.png', Buffer.from('pixels'));
    const note = await file('note.txt', 'text');
    const seen = await tutti(['run', '--capability', 'vision', '--image', image, '--file', note, 'What is this?']);
    expect(seen).toMatchObject({ status: 0, stdout: 'A dot.\n' });
    expect(asked()).toMatchObject({ model: 'seer' });
    expect(asked()?.['messages']).toMatchObject([
      {
        content: [
          { type: 'text', text: 'What is this?' },
          { image_url: { url: 'data:image/png;base64,cGl4ZWxz' } },
          { type: 'file' },
        ],
      },
    ]);
  });

  it('keeps to the backend named, and exits with 2 when there is none of that name', async () => {
    expect(await tutti(['run', '--backend', 'up', 'Hello there'])).toMatchObject({ status: 0 });
    const { status, stdout, stderr } = await tutti(['run', '--backend', 'nope', 'Hello there']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('There is no backend `nope`. Configured: embedded, prog, up.');
  });

  it('asks several models at once, in their order, and says which failed', async () => {
    const { status, stdout, stderr } = await tutti(['run', '--models', 'up:echo,nope, pal', '1 + 1']);
    expect(stdout).toMatch(/^up:echo\t1 \+ 1\nnope\tThere is no model `nope`.*\(model_not_found\)\npal\t1 \+ 1\n$/);
    expect([status, stderr]).toEqual([1, '1 of 3 failed.\n']);
  });

  it('asks one model each line of a file, with --json a result each line', async () => {
    const lines = await file('questions.jsonl', '"one"\n\n{"input": "two"}\n');
    const { status, json } = await tutti(['run', '--batch', lines, '--json', 'up:echo', '--system', 'Be brief.']);
    expect([status, json]).toMatchObject([
      0,
      [
        { index: 0, output: 'one' },
        { index: 1, output: 'two' },
      ],
    ]);
    const bad = await tutti(['run', '--batch', '-', 'up:echo'], { input: '"one"\ntwo' });
    expect([bad.status, bad.stderr]).toMatchObject([1, expect.stringContaining('-:2 is not JSON')]);
  });

  it('makes the answer follow a schema, offers tools, and prints probabilities', async () => {
    const schema = await file('schema.json', '{"type": "object"}');
    const tools = await file('tools.json', '{"tools": [{"type": "function", "function": {"name": "add", "parameters": {}}}]}');
    const { stdout } = await tutti(['run', 'up:odds', 'Really?', '--schema', schema, '--tools', tools, '--logprobs']);
    expect(stdout).toBe('yes\n  90.5 %  "yes"\n');
    expect(asked()).toMatchObject({
      response_format: { json_schema: { schema: { type: 'object' } } },
      tools: [{ type: 'function' }],
    });
    const { status, stderr } = await tutti(['run', 'up:odds', 'Really?', '--schema', await file('bad.json', '{')]);
    expect([status, stderr]).toMatchObject([1, expect.stringMatching(/bad\.json is not JSON/)]);
  });

  it('gives vectors for the capability `embedding`', async () => {
    expect(await tutti(['run', '--capability', 'embedding', 'four'])).toMatchObject({ status: 0, stdout: '[4,3]\n' });
  });

  it('explains how the answer came about, also of one that failed', async () => {
    const { stdout, stderr } = await tutti(['run', '--explain', 'up:echo', 'Hello there']);
    expect([stdout, stderr]).toMatchObject([
      'Hello there\n',
      expect.stringMatching(/^run run_\w+ +up:echo +ok.*\n +resolved by id/),
    ]);
    const failed = await tutti(['run', '--explain', 'up:cut', 'Hello there']);
    expect(failed).toMatchObject({ status: 1, stderr: expect.stringMatching(/^run run_[^]*stream_truncated/) });
  });

  it('says what is missing when there is no question', async () => {
    const { status, stderr } = await tutti(['run', 'up:echo', '-'], { input: ' \n' });
    expect([status, stderr]).toMatchObject([2, expect.stringContaining('There is no question.')]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('stops the run on the server at %s', async (signal) => {
    const request = upstream.nextRequest('/v1/chat');
    const program = workspace.start(['run', 'up:endless', 'Go on.'], { env: { TUTTI_URL: url } });
    await program.says(/one/);
    program.signal(signal);
    expect(await (await request).ended).toBe('aborted');
    expect(await program.ended).toMatchObject({ status: signal === 'SIGINT' ? 130 : 143, stdout: 'one\n', stderr: '' });
  });

  it('ends, and stops the run, when nobody reads its output', async () => {
    const request = upstream.nextRequest('/v1/chat');
    const program = workspace.start(['run', 'up:verbose', 'Go on.'], { env: { TUTTI_URL: url } });
    await program.says(/on and on/);
    program.child.stdout?.destroy();
    expect(await (await request).ended).toBe('aborted');
    expect(await program.ended).toMatchObject({ status: 141, stderr: '' });
  });
});

describe('chat', () => {
  it('holds a conversation that comes through a pipe', async () => {
    const input = 'first\n/clear\nsecond\n/model up:thinker\nthird\n/exit\nnever\n';
    const { status, stdout } = await tutti(['chat', 'up:echo', '--system', 'Be brief.'], { input });
    expect([status, stdout]).toEqual([0, 'first\nsecond\nso it is\n']);
    expect(asked()?.['messages']).toMatchObject([
      { role: 'system' },
      { content: 'second' },
      { role: 'assistant' },
      { content: 'third' },
    ]);
  });

  it('goes on after a question that failed, and then exits with 1', async () => {
    const { status, stdout, stderr } = await tutti(['chat', '--json', 'nope'], { input: 'first\n/model up:echo\nsecond\n' });
    const [failure, answer] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(failure).toMatchObject({ error: { code: 'model_not_found' } });
    expect(answer).toMatchObject({ model: 'up:echo', text: 'second' });
    expect([status, stderr]).toMatchObject([1, expect.stringContaining('There is no model `nope`')]);
  });
});

describe('models', () => {
  it('are listed in a table, and as JSON', async () => {
    const { stdout } = await tutti(['models']);
    expect(stdout).toMatch(/^MODEL +STATE +CONTEXT +PARAMETERS +CAPABILITIES\n/);
    expect(stdout).toMatch(/^up:echo +remote +/m);
    const { json } = await tutti(['models', '--json']);
    expect(json).toMatchObject([{ models: expect.arrayContaining([expect.objectContaining({ id: 'prog:echo' })]) }]);
  });

  it('are found by capability, best first, each with its reason', async () => {
    const { stdout } = await tutti(['models', '--capability', 'code_generation', '--best']);
    expect(stdout).toMatch(/WHY\nup:odds .* quality 0\.9 for code_generation, set by hand\n$/);
    expect(await tutti(['models', '--capability', 'ocr'])).toMatchObject({
      status: 0,
      stdout: 'No model has the capability ocr.\n',
    });
    expect(await tutti(['models', '--best'])).toMatchObject({ status: 2, stderr: expect.stringContaining('needs --capability') });
  });

  it('are added, shown, changed and removed while the server runs', async () => {
    const words = [
      'up:new',
      '--capability',
      'ocr,vision',
      '--device',
      'cpu',
      '--context-window',
      '4096',
      '--set',
      'metadata.size=7B',
    ];
    const added = await tutti(['models', 'add', ...words, '--set', 'price.per_call=0.1']);
    expect(added).toMatchObject({ status: 0, stdout: 'up:new is registered with ocr, vision, until restart.\n' });
    const changed = await tutti(['models', 'set', 'up:new', 'quality.code_generation=0.75', 'fallbacks=up:echo,pal', '--json']);
    expect(changed.json).toMatchObject([{ quality: { code_generation: 0.75 }, fallbacks: ['up:echo', 'pal'] }]);
    const { stdout } = await tutti(['models', 'info', 'up:new']);
    for (const line of ['context_window: 4096', '  device: cpu', '  size: 7B', '  per_call: 0.1'])
      expect(stdout).toContain(`${line}\n`);
    expect(await tutti(['models', 'remove', 'up:new'])).toMatchObject({ status: 0 });
    const gone = await tutti(['models', 'info', 'up:new', '--json']);
    expect(gone).toMatchObject({ status: 1, json: [{ error: { code: 'model_not_found' } }] });
    expect(gone.stderr).toContain('There is no model `up:new`');
  });

  it('refuse changes that make no sense', async () => {
    const { status, stderr } = await tutti(['models', 'set', 'up:echo', 'quality']);
    expect([status, stderr]).toMatchObject([2, expect.stringContaining('`quality` is not key=value')]);
    expect(await tutti(['models', 'set', 'up:echo', 'colour=red'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('colour'),
    });
  });

  it('are loaded, seen, and unloaded; their runner’s output can be read', async () => {
    const silent = await tutti(['logs', 'prog:echo']);
    expect(silent).toMatchObject({ status: 0, stdout: '', stderr: expect.stringContaining('has written nothing') });
    const { status, stdout, stderr } = await tutti(['models', 'load', 'prog:echo']);
    expect([status, stdout]).toMatchObject([0, expect.stringMatching(/^prog:echo is loaded on cpu/)]);
    expect(stderr).toMatch(/^(loading prog:echo\n)?$/);
    expect((await tutti(['ps'])).stdout).toMatch(/^prog:echo +loaded +cpu/m);
    expect((await tutti(['logs', 'prog:echo'])).stdout).toMatch(/^listens on \d+$/m);
    expect((await tutti(['logs', 'prog:echo', '--json'])).json).toContainEqual({ line: expect.stringMatching(/^listens on/) });
    const following = workspace.start(['logs', '-f', 'prog:echo'], { env: { TUTTI_URL: url } });
    await following.says(/listens on/);
    await tutti(['run', 'prog:echo', 'Hello there']);
    await following.says(/request completed/);
    following.signal('SIGINT');
    expect((await following.ended).status).toBe(130);
    const kept = await tutti(['models', 'evict', '--target-memory-mb', '100000']);
    expect(kept.stdout).toMatch(/^Unloaded nothing: 0 MiB freed, [\d.]+ MiB in use\.\n$/);
    const evicted = await tutti(['models', 'evict', '--target-memory-mb', '0', '--json']);
    expect(evicted.json).toMatchObject([{ evicted: ['prog:echo'], used_mb: 0 }]);
    expect(await tutti(['models', 'load', '--no-wait', 'prog:echo', '--json'])).toMatchObject({ status: 0 });
    expect(await tutti(['models', 'unload', 'prog:echo'])).toMatchObject({ status: 0, stdout: 'prog:echo is not in memory.\n' });
  });

  it('are swapped', async () => {
    const { status, stdout } = await tutti(['models', 'swap', 'up:thinker', 'up:echo']);
    expect([status, stdout]).toEqual([0, 'up:echo answers for up:thinker now.\n']);
    expect((await tutti(['run', 'up:thinker', 'Is it so?'])).stdout).toBe('Is it so?\n');
  });

  it('have no log when they have no runner here', async () => {
    const { status, stderr } = await tutti(['logs', 'up:echo']);
    expect([status, stderr]).toMatchObject([1, expect.stringContaining('up:echo has no runner here')]);
  });
});

describe('ps', () => {
  it('shows memory and backends, and all of the status as JSON', async () => {
    const { stdout } = await tutti(['ps']);
    expect(stdout).toMatch(/^Memory {2}/m);
    expect(stdout).toMatch(/^up \(openai-compatible\) +up +9 models$/m);
    expect((await tutti(['ps', '--json'])).json).toMatchObject([
      { loaded_models: [], backends: expect.any(Array), resources: {} },
    ]);
  });

  it('shows figures of the runs', async () => {
    await tutti(['run', 'up:echo', 'Hello there']);
    expect((await tutti(['ps', '--stats'])).stdout).toMatch(/^Runs \d+, successful [\d.]+ %[^]*^up:echo +\d+$/m);
    expect((await tutti(['ps', '--stats', '--json'])).json).toMatchObject([{ total_executions: expect.any(Number) }]);
    const of = async (...filters: string[]): Promise<unknown> => (await tutti(['ps', ...filters, '--json'])).json[0];
    expect(await of('--target', 'no:one')).toMatchObject({ total_executions: 0 });
    expect(await of('--stats', '--target', 'up:echo')).toMatchObject({ model_usage: { 'up:echo': expect.any(Number) } });
    expect(await of('--target', 'up:echo', '--model', 'no:one')).toMatchObject({ total_executions: 0 });
  });
});

describe('any command', () => {
  it('says so when no server answers at --url', async () => {
    const { status, stdout, stderr } = await tutti(['--url', 'http://127.0.0.1:9', 'models']);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^No Tutti server answers at http:\/\/127\.0\.0\.1:9 \(.*ECONNREFUSED.*\)\. Start one with `tutti serve`/,
    );
    expect(await tutti(['--url', 'nonsense', 'models'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('http://host:port'),
    });
  });

  it('finds the server of the config by itself, unless told to stay in this process', async () => {
    const port = new URL(url).port;
    const env = { TUTTI_URL: '', TUTTI_SERVER_PORT: port };
    const found = await tutti(['models', 'load', 'up:echo'], { env });
    expect(found).toMatchObject({ status: 0, stderr: '' });
    const local = await tutti(['--local', 'models', 'set', 'up:echo', 'pinned=true', '--json'], { env });
    expect(local).toMatchObject({ status: 0, stderr: 'With --local this lasts only until the command ends.\n' });
    expect((await tutti(['models', 'info', 'up:echo', '--json'])).json).not.toMatchObject([{ pinned: true }]);
  });

  it('explains wrong usage on standard error, with status 2', async () => {
    for (const [words, message] of [
      [['modles'], /unknown command 'modles'\n\(Did you mean models\?\)/],
      [
        ['run', '--temperature', 'hot', 'x'],
        /argument 'hot' is invalid\. It takes a number from 0 to 2\.\n\(see tutti run --help\)/,
      ],
      [['serve', '--port', '1.5'], /It takes a whole number from 0 to 65535/],
      [['models', 'evict'], /required option '--target-memory-mb/],
    ] as const) {
      const { status, stdout, stderr } = await tutti(words);
      expect([status, stdout, stderr]).toMatchObject([2, '', expect.stringMatching(message)]);
    }
    const { status, json } = await tutti(['run', '--seed', 'x', '--json']);
    expect([status, json]).toMatchObject([2, [{ error: { code: 'invalid_request' } }]]);
  });

  it('writes colours to a terminal only, or when forced to', async () => {
    const escape = '\u001B[';
    expect((await tutti(['models'])).stdout).not.toContain(escape);
    expect((await tutti(['models'], { env: { FORCE_COLOR: '1' } })).stdout).toContain(escape);
    expect((await tutti(['models'], { env: { NO_COLOR: '1' } })).stdout).not.toContain(escape);
  });
});
