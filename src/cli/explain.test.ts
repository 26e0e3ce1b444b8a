import { expect, it } from 'vitest';
import type { WireDetails } from '../server/wire/answer.ts';
import type { WireRun, WireStep } from '../server/wire/runs.ts';
import { renderDetails, renderRun } from './explain.ts';

function step(path: string, over: Partial<WireStep> = {}): WireStep {
  return {
    path,
    kind: 'model',
    name: path,
    model: path,
    backend: null,
    reason: null,
    status: 'completed',
    started_at: 100,
    ended_at: 101.5,
    first_token_ms: null,
    usage: null,
    cost_usd: null,
    confidence: null,
    error: null,
    steps: [],
    ...over,
  };
}

function run(over: Partial<WireRun>): WireRun {
  return {
    id: 'run_1',
    target: 'panel',
    operation: 'chat',
    status: 'completed',
    principal: 'local',
    started_at: 100,
    ended_at: 102,
    first_token_ms: 250,
    route: null,
    usage: null,
    cost_usd: null,
    confidence: null,
    error: null,
    steps: [],
    ...over,
  } as WireRun;
}

it('shows why these models, in their order, and why others were left out', () => {
  const text = renderRun(
    run({
      route: {
        target: 'auto',
        resolved_by: 'auto',
        candidates: [
          { model: 'a', score: 0.75, reason: 'quality 0.75' },
          { model: 'b', score: null, reason: 'its fallback' },
        ],
        excluded: [{ model: 'c', reason: 'its backend is down' }],
        features: { type: 'reasoning', complexity: 3, has_images: false, key: null },
      },
    }),
  );
  expect(text.split('\n')).toEqual([
    'run run_1  panel  ok  2.0 s  first token 250 ms',
    '  resolved by auto; type reasoning, complexity 3',
    '  1. a  quality 0.75 (score 0.750)',
    '  2. b  its fallback',
    '  –  c  its backend is down',
  ]);
});

it('shows the steps as a tree, each with how it went', () => {
  const usage = { input_tokens: 5, output_tokens: 7 } as WireStep['usage'];
  const failed = step('b', { status: 'failed', error: { code: 'upstream_error', message: 'it broke', retryable: true } });
  const root = step('root', {
    steps: [
      step('a', {
        usage,
        cost_usd: 0.0125,
        confidence: { score: 0.5, method: 'logprobs', calibrated: false },
      }),
      step('guess', { usage: { ...usage!, estimated: true } }), // given above
      step('inner', { kind: 'orchestration', steps: [failed, step('c', { status: 'running', ended_at: null })] }),
    ],
  });
  expect(
    renderRun(run({ steps: [root] }))
      .split('\n')
      .slice(1),
  ).toEqual([
    '├─ a  ok  1.5 s  5 + 7 tokens  $0.0125  confidence 0.50 (logprobs)',
    '├─ guess  ok  1.5 s  5 + 7 tokens (estimated)',
    '└─ inner  ok  1.5 s',
    '   ├─ b  failed  1.5 s  it broke (upstream_error)',
    '   └─ c  running',
  ]);
});

it('shows a member and the one attempt at it in one line', () => {
  const attempt = step('m', { first_token_ms: 250, steps: [step('inner')] });
  const same = step('m', { kind: 'member', steps: [attempt] });
  const other = step('reasoning', { kind: 'member', steps: [step('m')] });
  const late = step('slow', { kind: 'member', status: 'failed', steps: [step('slow', { status: 'cancelled' })] });
  const twice = step('best', { kind: 'member', steps: [step('a', { status: 'failed' }), step('b')] });
  const lines = renderRun(run({ steps: [step('root', { steps: [same, other, late, twice] })] })).split('\n');
  expect(lines.slice(1)).toEqual([
    '├─ m  ok  1.5 s  first token 250 ms',
    '│  └─ inner  ok  1.5 s',
    '├─ reasoning  m  ok  1.5 s',
    '├─ slow  failed  1.5 s',
    '└─ best  ok  1.5 s',
    '   ├─ a  failed  1.5 s',
    '   └─ b  ok  1.5 s',
  ]);
});

it('shows what an orchestration made of its members’ results', () => {
  const result = { execution_time_ms: 1200, usage: null, error: null, confidence: null, success: true } as const;
  const logprobs = { score: 0.9, method: 'logprobs', calibrated: false } as const;
  const details: WireDetails = {
    run_id: 'run_1',
    task: 'x',
    status: 'completed',
    orchestration: 'careful',
    strategy: 'phased',
    confidence: { ...logprobs, score: 0.3, method: 'verifier', adjustments: [{ rule: 'verification_rejected', factor: 1 / 3 }] },
    review: 'needed',
    models_used: ['a', 'b'],
    model_results: {
      reasoning: { ...result, model: 'a', role: 'reasoning', content: `It is\n42. ${'x'.repeat(200)}`, confidence: logprobs },
      verification: { ...result, model: 'b', role: 'verification', content: { verdict: 'rejected', reason: 'It is 41.' } },
      'context.vision': {
        ...result,
        model: 'c',
        role: 'vision',
        success: false,
        content: null,
        error: { code: 'member_timeout', message: 'too late', retryable: true },
      },
    },
    conflicts: [{ kind: 'verification_rejected', members: ['reasoning', 'verification'], message: 'It is 41.' }],
    decisions: [
      { message: 'went on without context.vision', by: 'careful' },
      { message: 'a, b agree', by: 'panel', path: 'reasoning' },
    ],
    fallback_chain: ['a'],
    execution_time_ms: 2000,
    usage_by_model: {},
    cost_usd: null,
  };
  expect(renderDetails(details).split('\n')).toEqual([
    'careful (phased)',
    `  reasoning  a  ok  1.2 s  confidence 0.90 (logprobs): It is 42. ${'x'.repeat(90)}…`,
    '  verification  b  ok  1.2 s: {"verdict":"rejected","reason":"It is 41."}',
    '  context.vision  vision  c  failed  1.2 s: too late (member_timeout)',
    '  decided: went on without context.vision',
    '  reasoning  decided: a, b agree',
    '  conflict: verification_rejected (reasoning, verification): It is 41.',
    '  confidence: 0.30 (verifier; verification_rejected × 0.333)  review needed',
  ]);
});
