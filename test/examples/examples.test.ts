import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What each example must print, whatever the models' wits. */
const PRINTS: Readonly<Record<string, RegExp>> = {
  ab: /^ada: (arm (?:old|new) \(by user\))$[\s\S]*^ada: \1$/m,
  'ai-sdk': /^Hello from the SDK\nembedded:base says: .+$/m,
  arbiter: /^Calculate 8 \* 9\. .+\n {2}The arbiter chose (?:math|words|nobody)[\s\S]*^Reverse .+\n {2}The arbiter chose/m,
  conflicts:
    /^verification_rejected \(reasoning, verification\)[\s\S]*^vision_error [\s\S]*^tool_unavailable [\s\S]*^confidence 0\.3: verification_rejected\n.*needed$/m,
  consensus: /^panel: .+ \(agreement [01]\.\d+\)\n[\s\S]*^alone: .+ \(agreement [01]\.\d+\)\n[\s\S]*embedded:mini-a\.\d/m,
  conversation: /^debate: .*\n {2}ada: [\s\S]*^hearing: .*\n {2}ada: .*\n {2}bob: .*$/m,
  conversations:
    /^ada says .*; to bob: pass\nbob was shown m2 [\s\S]*^ada has 2 messages\nbob has 1 messages\n[\s\S]*4 turns left\nin the fork .*here: 4 entries, there: 3$/m,
  ensemble:
    /^best: ".*\n {2}asked: embedded:mini-a, embedded:mini-b, embedded:mini-c[\s\S]*^chosen: [\s\S]*^all: "\[embedded:mini-a\]/m,
  events: /run\.completed[\s\S]*totalExecutions: 1/,
  fallback: /\[ 'embedded:base' \][\s\S]*cloud:big\/0: failed \(upstream_unreachable\)/,
  handoff: /^What is 2 \+ 3\? .+ \([01]\.\d+, asked: embedded:nano.*\)\n {2}embedded:nano (?:is sure enough|hands over): /m,
  library: /^embedded:base: .+ \(\d+ tokens, run run_\w+\)\n.+$/m,
  memory:
    /embedded:base cannot be evicted now[\s\S]*embedded:nano is gone \(asked\)[\s\S]*evicted: embedded:nano[\s\S]*embedded:base: [\d.]+ MiB, 0 calls/,
  'openai-client': /%\n[\s\S]*\{ larger: (17|71) \}/,
  orchestrate: /^.+ \(embedded:.+, embedded:.+, embedded:.+\)\n.+ \(inline:handoff, embedded:nano /m,
  'parallel-context': /^Pause, .*\ncontext\.vision: completed, context\.web_search: completed\nat once: true$/m,
  'pause-and-reply': /^waiting: The answer has a confidence of [\s\S]*^completed: 7, 12, 41, 58, 63 \(declared 1\)$/m,
  phased:
    /^reasoning: ".*"\nverification: \{"verdict":"\w+[\s\S]*^decided: context\.vision is left out[\s\S]*^confidence [01]\.\d+ .*review: \w+$/m,
  'phased-kimi-vision':
    /^context\.vision \(ollama:minicpm-v\): A page[\s\S]*^reasoning \(moonshot:kimi-k2\.6\): 1\. Read[\s\S]*^answer: 1\. Read/m,
  pipeline: /^find \(embedded:base\): .+\nreverse \(embedded:base\): .+\nshout \(embedded:mini-a\): .+\nanswer: .+[01]\.\d+$/m,
  plugin: /^With pleasure: .+$/m,
  race: /embedded:\S+ (?:was the first|is the most confident)[\s\S]*^ {2}embedded:base: (?:answered|cancelled)$/m,
  routing: /^embedded:nano: [\s\S]*^embedded:base: [\s\S]*policy|accuracy for/m,
  singleton: /^the same: true\nkimi-k2 has answered\nHere I am\.\n[\s\S]*'moonshot:kimi-k2\.6': 1/m,
  tools: /^get_weather\(.*\)\n.+$/m,
  verification:
    /^42: approved, confidence 1\nCanberra: rejected, confidence 0\.3\n {2}the verifier’s [\s\S]*^Sydney: not asked for/m,
  'vision-screenshot':
    /^seen: A login form[\s\S]*^plan: \[.*playwright_fill[\s\S]*^conflicts: 0\nasked for embedded:base: .*minicpm-v, embedded:base$/m,
  workflow: /^all: .*\n {2}code: ".*\n {2}review: \{"verdict"[\s\S]*^code, docs: .*\n {2}code: ".*\n {2}docs: "/m,
};

const root = join(import.meta.dirname, '..', '..');
const names = readdirSync(join(root, 'examples')).map((file) => basename(file, '.ts'));
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-examples-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('examples', () => {
  it('are all expected to print something', () => {
    expect(Object.keys(PRINTS).sort()).toEqual(names.sort());
  });

  it.each(names)('%s runs', async (name) => {
    const file = join(root, 'examples', `${name}.ts`);
    const environment = { ...process.env, TUTTI_DATA_DIR: join(folder, name) };
    const { stdout } = await promisify(execFile)(process.execPath, ['--conditions', 'tutti-source', file], {
      cwd: folder,
      env: environment,
    });
    expect(stdout).toMatch(PRINTS[name] ?? /^never$/);
  });

  it('run by `npm run example <name>`, too', async () => {
    const environment = { ...process.env, TUTTI_DATA_DIR: join(folder, 'by-npm') };
    const { stdout } = await promisify(execFile)('npm', ['run', '-s', 'example', 'singleton'], { cwd: root, env: environment });
    expect(stdout).toMatch(PRINTS.singleton ?? /^never$/);
  });
});
