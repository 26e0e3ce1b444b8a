import { describe, expect, it } from 'vitest';
import { TuttiError } from '../errors/error.ts';
import type { TaskFeatures } from './features.ts';
import { compileRules, type RequestFeatures } from './rules.ts';

const task = (more: Partial<TaskFeatures> = {}): TaskFeatures => ({
  type: 'text_generation',
  intent: 'general',
  complexity: 3,
  requiresSpeed: false,
  tokens: 100,
  hasImages: false,
  hasTools: false,
  ...more,
});
const request = (more: Partial<RequestFeatures> = {}): RequestFeatures => ({
  model: 'auto',
  key: '',
  principal: 'local',
  stream: false,
  metadata: {},
  ...more,
});
const rules = (...expressions: string[]) =>
  compileRules(expressions.map((when, i) => ({ when, use: `model-${i}`, after: false })));
const matches = (when: string, of: Partial<TaskFeatures> = {}, by: Partial<RequestFeatures> = {}): boolean =>
  rules(when).first(task(of), request(by)).match !== null;

describe('a rule', () => {
  it.each<[string, Partial<TaskFeatures>, Partial<RequestFeatures>, boolean]>([
    ['task.complexity > 7', { complexity: 8 }, {}, true],
    ['task.complexity > 7', { complexity: 7 }, {}, false],
    ['task.complexity > 7.5', { complexity: 8 }, {}, true],
    ['task.complexity == 8', { complexity: 8 }, {}, true],
    ["task.type == 'code_generation'", { type: 'code_generation' }, {}, true],
    ["task.intent in ['debug', 'arch']", { intent: 'arch' }, {}, true],
    ['task.requires_speed && !task.has_images', { requiresSpeed: true }, {}, true],
    ['task.has_tools', { hasTools: true }, {}, true],
    ['task.tokens >= 4096', { tokens: 5000 }, {}, true],
    ["request.key == 'app'", {}, { key: 'app' }, true],
    ["request.key == ''", {}, {}, true],
    ["request.principal == 'local' && request.stream", {}, { stream: true }, true],
    ["request.model == 'auto'", {}, {}, true],
    ["'team' in request.metadata && request.metadata.team == 'legal'", {}, { metadata: { team: 'legal' } }, true],
    ["has(request.metadata.team) && request.metadata.team == 'legal'", {}, {}, false],
    ["request.metadata['size'] > 3", {}, { metadata: { size: 4 } }, true],
  ])('%s of %j, %j is %j', (when, of, by, expected) => {
    expect(matches(when, of, by)).toBe(expected);
  });

  it('decides only when no earlier one does', () => {
    const { match } = rules('task.complexity > 7', 'task.complexity > 1', 'true').first(task(), request());
    expect(match).toMatchObject({ index: 1, rule: { use: 'model-1' } });
  });

  it('that cannot be evaluated does not match, and says why', () => {
    const { match, failures } = rules("request.metadata.team == 'legal'", 'true').first(task(), request());
    expect(match?.index).toBe(1);
    expect(failures).toMatchObject([{ index: 0, message: 'No such key: team' }]);
  });

  it('that gives something else than true does not match', () => {
    expect(matches('request.metadata.flag', {}, { metadata: { flag: 'yes' } })).toBe(false);
  });

  it('with `after` is for answers only', () => {
    const compiled = compileRules([
      { when: 'true', use: 'first', after: false },
      { when: "response.confidence < 0.5 && response.error == ''", use: 'unsure', after: true },
      { when: 'response.unclear_tool_calls', use: 'tools', after: true },
    ]);
    const response = { confidence: 1, unclearToolCalls: false, finishReason: 'stop', error: '' };
    const after = (more: Partial<typeof response>) =>
      compiled.afterwards(task(), request(), { ...response, ...more }).match?.rule.use;
    expect(compiled.looksBack).toBe(true);
    expect(compiled.first(task(), request()).match?.rule.use).toBe('first');
    expect([after({}), after({ confidence: 0.4 }), after({ unclearToolCalls: true })]).toEqual([undefined, 'unsure', 'tools']);
  });

  it('without `after` knows no answer', () => {
    expect(() => compileRules([{ when: 'response.confidence < 0.5', use: 'a', after: false }])).toThrow(/response/);
  });
});

describe('a wrong rule', () => {
  it.each([
    ['a syntax error', 'task.complexity >'],
    ['an unknown variable', 'tusk.complexity > 1'],
    ['an unknown field', 'task.difficulty > 1'],
    ['types that do not go together', "task.complexity > 'high'"],
    ['an expression that is not a condition', 'task.complexity + 1'],
  ])('%s is an error of the config that names the rule', (_, when) => {
    let error: unknown;
    try {
      rules('true', when);
    } catch (thrown) {
      error = thrown;
    }
    expect(TuttiError.isInstance(error) && error).toMatchObject({
      code: 'config_invalid',
      param: 'routing.rules[1].when',
      details: { rule: 1 },
    });
    expect((error as TuttiError).message).toContain(when);
  });
});
