/** Models that work together, from the command line: by name, given with the command, changed for one call, asking back. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeUpstream, type FakeUpstream } from '../../src/testing/fake-upstream.ts';
import { serve, Workspace, type Finished, type ProgramOptions } from './program.ts';

const ASKING = fileURLToPath(new URL('../fixtures/asking.ts', import.meta.url));

let workspace: Workspace;
let upstream: FakeUpstream;
let url: string;

beforeAll(async () => {
  workspace = await Workspace.create();
  upstream = await createFakeUpstream({
    models: {
      a: { answer: 'A' },
      b: { answer: 'B' },
      cut: { answer: { text: 'one', cutAfter: 0 } },
      caller: { answer: { toolCalls: [{ name: 'add', arguments: { a: 1 } }] } },
      // Once it fails, then it answers.
      late: { answer: [{ cutAfter: 0 }, { text: 'B' }] },
    },
  });
  const ability = { capabilities: ['poetry', 'text_generation'] };
  await writeFile(
    workspace.path('tutti.yaml'),
    JSON.stringify({
      backends: { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } },
      models: { 'up:a': { ...ability, quality: { poetry: 0.9 } }, 'up:b': { ...ability, quality: { poetry: 0.5 } } },
      aliases: { pal: 'up:a' },
      plugins: [ASKING],
      orchestrations: {
        ask: { strategy: 'asking', members: ['up:a', 'up:b'], description: 'asks a person' },
        brittle: { strategy: 'asking', members: ['up:a', 'up:late'] },
        safe: { strategy: 'fallback', members: ['up:cut', 'up:b'] },
        lost: { strategy: 'fallback', members: ['up:cut'] },
      },
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

async function file(name: string, content: string): Promise<string> {
  await writeFile(workspace.path(name), content);
  return workspace.path(name);
}

const asked = () => upstream.requests.findLast(({ method }) => method === 'POST')?.body;

describe('run --strategy', () => {
  it('lets the members work together, with settings and tools', async () => {
    const tools = await file('tools.json', '[{"type": "function", "function": {"name": "add", "parameters": {}}}]');
    const words = [
      'run',
      '--strategy',
      'fallback',
      '--members',
      'up:cut, up:caller',
      '--temperature',
      '0.5',
      'What is',
      '1 + 1?',
    ];
    const { status, stdout, stderr } = await tutti([...words, '--tools', tools, '--tool-choice', 'add', '--system', 'Be brief.']);
    expect([status, stdout, stderr]).toEqual([0, 'add({"a":1})\n', '']);
    expect(asked()).toMatchObject({
      temperature: 0.5,
      tool_choice: { type: 'function', function: { name: 'add' } },
      messages: [{ role: 'system', content: 'Be brief.' }, { content: 'What is 1 + 1?' }],
    });
  });

  it('takes the best models for a capability, and prints all of it as JSON', async () => {
    const words = ['run', '--strategy', 'fallback', '--capability', 'poetry', '--num-models', '1', '--json', 'x'];
    const { status, json } = await tutti(words);
    expect([status, json]).toMatchObject([
      0,
      [
        {
          model: 'up:a',
          text: 'A',
          usage: { completion_tokens: expect.any(Number) },
          tutti: {
            strategy: 'fallback',
            orchestration: 'inline:fallback',
            model_results: { 'up:a': { execution_time_ms: expect.any(Number) } },
          },
        },
      ],
    ]);
  });

  it('is a policy that chooses one model, too', async () => {
    expect(await tutti(['run', '--strategy', 'accuracy', '--capability', 'poetry', 'x'])).toMatchObject({
      status: 0,
      stdout: 'A\n',
    });
  });

  it('sends the keys of the strategy as the config has them', async () => {
    const stages = await file('stages.yaml', '- { model: up:a }\n- { model: up:b }\n');
    const refused = async (...words: string[]) => {
      const { status, json } = await tutti(['run', '--json', '--strategy', 'fallback', '--members', 'up:a', ...words, 'x']);
      return [status, (json[0] as { error: { message: string } }).error.message] as const;
    };
    // A fallback has none of them, and says so by name.
    expect(await refused('--stages', stages)).toEqual([2, expect.stringContaining('stages: no such key')]);
    expect(await refused('--voting', 'judge')).toEqual([2, expect.stringContaining('voting: no such key')]);
    expect(await refused('--confidence-threshold', '0.8')).toEqual([2, expect.stringContaining('confidence_threshold')]);
    expect(await refused('--set', 'limits.turns=3')).toEqual([2, expect.stringContaining('limits: no such key')]);
    expect(await refused('--stages', await file('none.yaml', 'a: 1'))).toEqual([2, expect.stringContaining('holds no stages')]);
    expect(await tutti(['run', '--strategy', 'fallback', '--set', 'members=[up:cut, up:b]', 'x'])).toMatchObject({
      stdout: 'B\n',
    });
  });

  it.each([
    [['--num-models', '3', 'x'], '--num-models needs --strategy'],
    [['--strategy', 'fallback', '--models', 'up:a', 'x'], '--strategy and --models do not go together'],
    [['--from', 'up:a', 'x'], 'With `requesting_model` goes a `capability`'],
    [['--strategy', 'fallbck', '--members', 'up:a', 'x'], 'did you mean `fallback`?'],
  ])('explains wrong usage: %j', async (words, message) => {
    expect(await tutti(['run', ...words])).toMatchObject({ status: 2, stderr: expect.stringContaining(message) });
  });
});

describe('run', () => {
  it('asks on behalf of another model', async () => {
    const words = ['run', '--from', 'up:a', '--capability', 'poetry', 'x'];
    expect(await tutti(words)).toMatchObject({ status: 0, stdout: 'B\n' });
  });

  it('lets only some members take part', async () => {
    expect(await tutti(['run', 'safe', '--members', 'up:b', 'x', '--explain'])).toMatchObject({ status: 0, stdout: 'B\n' });
    const { status, stderr } = await tutti(['run', 'safe', '--members', 'up:a', 'x']);
    expect([status, stderr]).toMatchObject([1, expect.stringMatching(/no member is called up:a; there are: up:cut, up:b/)]);
  });

  it('explains what the members did', async () => {
    const { stdout, stderr } = await tutti(['run', 'safe', 'x', '--explain']);
    expect(stdout).toBe('B\n');
    expect(stderr).toMatch(/^└─ safe +ok/m);
    expect(stderr).toMatch(/^ +├─ up:cut +failed/m);
    expect(stderr).toMatch(/^safe \(fallback\)\n +up:cut +failed .*\n +up:b +ok .*: B\n +confidence: /m);
  });

  it('fails with the reason of each member when none could answer, and explains it', async () => {
    const { status, stdout, stderr } = await tutti(['run', 'lost', 'x', '--explain']);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/No member could answer: up:cut: /);
    expect(stderr).toMatch(/^lost \(fallback\)\n +up:cut +failed/m);
    const { json } = await tutti(['run', 'lost', 'x', '--json']);
    expect(json).toMatchObject([
      { error: { code: 'all_members_failed', tutti: { model_results: { 'up:cut': { success: false } } } } },
    ]);
  });
});

describe('a run that asks', () => {
  it('prints its question and how to reply where nobody is at a terminal, and goes on with the reply', async () => {
    const { status, stdout, stderr } = await tutti(['run', 'ask', 'x']);
    expect([status, stdout]).toEqual([3, 'A: go on?\n']);
    const [, run = ''] = /tutti run --reply (run_\w+) /.exec(stderr) ?? [];
    expect(await tutti(['run', '--reply', run, 'yes'])).toMatchObject({ status: 0, stdout: 'A yes B\n', stderr: '' });
    expect(await tutti(['run', '--reply', run, 'yes'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('not_waiting'),
    });
  });

  it('is one JSON document with --json', async () => {
    const { status, json } = await tutti(['run', 'ask', 'x', '--json']);
    expect([status, json]).toMatchObject([3, [{ text: 'A: go on?', tutti: { status: 'waiting' } }]]);
  });

  it('ends with the command where no server runs', async () => {
    const { status, stderr } = await workspace.run(['--local', 'run', 'ask', 'x']);
    expect([status, stderr]).toMatchObject([3, expect.stringContaining('it ends with this command')]);
  });

  it('outlives the command where content is stored', async () => {
    const env = { TUTTI_RUNS_STORE_CONTENT: 'true', TUTTI_DATA_DIR: workspace.path('data-of-commands') };
    const { status, stderr } = await workspace.run(['--local', 'run', 'ask', 'x'], { env });
    expect(status).toBe(3);
    const [, run = ''] = /tutti run --reply (run_\w+) /.exec(stderr) ?? [];
    expect(await workspace.run(['--local', 'run', '--reply', run, 'yes'], { env })).toMatchObject({ stdout: 'A yes B\n' });
  });

  it('goes on after a failure', async () => {
    const { json } = await tutti(['run', 'brittle', 'x', '--json']);
    const { run_id: run } = json[0] as { run_id: string };
    expect(await tutti(['run', '--reply', run, 'yes'])).toMatchObject({ status: 1 });
    expect(await tutti(['run', '--resume', run])).toMatchObject({ status: 0, stdout: 'A yes B\n' });
  });

  it('gets the next line of a chat as its reply', async () => {
    const input = 'first\nyes\n/clear\nsecond\n/clear\nthird\nno\n';
    const { status, stdout } = await tutti(['chat', 'ask'], { input });
    expect([status, stdout]).toEqual([0, 'A: go on?\nA yes B\nA: go on?\nA: go on?\nA no B\n']);
  });
});

describe('use', () => {
  const add = {
    type: 'function',
    function: { name: 'add', parameters: { type: 'object', properties: { a: { type: 'integer' } } } },
  };
  const tools = () => file('add.json', JSON.stringify([add]));

  it('interprets a text, a message, or a call that failed', async () => {
    const use = async (...words: string[]) => tutti(['use', 'interpret', '--tools', await tools(), ...words]);
    const read = await use('--text', 'Well: <tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>');
    expect(read).toMatchObject({ status: 0, stdout: 'add({"a":1})\n', stderr: 'parsed, confidence 0.95\n' });
    const call = { id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a": "2"}' } };
    const message = await file('message.json', JSON.stringify({ content: null, tool_calls: [call] }));
    expect((await use('--message', message, '--json')).json).toMatchObject([{ source: 'repaired' }]);
    const failed = await use('--call', await file('call.txt', 'add(a="3")'), '--error', 'a is no number');
    expect(failed).toMatchObject({ status: 0, stdout: 'add({"a":3})\n' });
    expect(await use('--text', 'x', '--error', 'y')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('needs --call'),
    });
  });

  it('mediates, through a pipe', async () => {
    const done = await tutti(['use', 'mediate', '--to', 'up:a'], { input: 'It is 42.' });
    expect(done).toMatchObject({
      status: 0,
      stdout: 'It is 42.\n',
      stderr: expect.stringMatching(/^as_is, about \d+ tokens\n$/),
    });
    const { json } = await tutti(['use', 'mediate', '--to', 'up:a', '--as', 'tool_calls', '--tools', await tools(), '--json'], {
      input: '{"name": "add", "arguments": {"a": 1}}',
    });
    expect(json).toMatchObject([{ action: 'interpreted', tool_calls: [{ function: { name: 'add' } }] }]);
  });

  it('diagnoses', async () => {
    const words = ['use', 'diagnose', '--phase', 'reasoning', '--code', 'upstream_rate_limited', '--recent-actions', 'asked a'];
    const { status, stdout, stderr } = await tutti([...words, '--error', 'slow down']);
    expect([status, stdout, stderr]).toEqual([
      0,
      expect.stringMatching(/^retry_with_changes {2}Wait.*; 5\n.+\n$/),
      'by the table of first aid\n',
    ]);
    const state = await file('state.json', '{"tries": 3}');
    expect((await tutti([...words, '--json', '--state', state], { input: 'slow down' })).json).toMatchObject([
      { action: 'retry_with_changes', needs_user: false, source: 'rule' },
    ]);
  });

  it('reinterprets', async () => {
    const words = ['use', 'reinterpret', '--failure-reason', 'no call'];
    expect(await tutti(words, { input: 'hm' })).toMatchObject({ status: 0, stdout: 'hm\n', stderr: 'nobody made more of it\n' });
    expect(await tutti(words, { input: ' ' })).toMatchObject({ status: 2, stderr: expect.stringContaining('--response') });
  });
});

describe('models', () => {
  it('lists orchestrations with what they do, and aliases', async () => {
    const { stdout } = await tutti(['models']);
    expect(stdout).toMatch(/^ORCHESTRATION +STRATEGY +MODELS +DESCRIPTION\nask +asking +up:a up:b +asks a person\n/m);
    expect(stdout).toMatch(/^safe +fallback +up:cut up:b +-$/m);
    expect(stdout).toMatch(/^ALIAS +STANDS FOR\npal +up:a\n/m);
    expect(stdout).not.toMatch(/^safe +orchestration/m);
    expect((await tutti(['models', '--json'])).json).toMatchObject([{ aliases: { pal: ['up:a'] } }]);
  });
});
