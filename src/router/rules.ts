/**
 * Routing rules: CEL expressions over these variables, which exist for every request.
 *
 * | variable              | type              |                                                             |
 * |-----------------------|-------------------|-------------------------------------------------------------|
 * | `task.type`           | string            | a capability                                                |
 * | `task.intent`         | string            | `code`, `docs`, `debug`, `arch`, `general`                  |
 * | `task.complexity`     | int               | 0..10                                                       |
 * | `task.requires_speed` | bool              |                                                             |
 * | `task.tokens`         | int               | estimated tokens of the prompt                              |
 * | `task.has_images`     | bool              |                                                             |
 * | `task.has_tools`      | bool              |                                                             |
 * | `request.model`       | string            | what the caller asked for                                   |
 * | `request.key`         | string            | the name of the API key; empty without one                  |
 * | `request.principal`   | string            |                                                             |
 * | `request.stream`      | bool              |                                                             |
 * | `request.metadata`    | map(string, dyn)  | ask `'team' in request.metadata` before reading an entry    |
 *
 * Rules with `after: true` are looked at once the answer to an `auto` request is there, and see it, too:
 *
 * | variable                      | type   |                                                                     |
 * |-------------------------------|--------|---------------------------------------------------------------------|
 * | `response.confidence`         | double | 0..1; 1 when it is not known                                        |
 * | `response.unclear_tool_calls` | bool   | calls were meant that neither the reader nor the interpreter made out |
 * | `response.finish_reason`      | string | `stop`, `length`, `tool_calls`, `content_filter`; empty when it failed |
 * | `response.error`              | string | an error's code; empty when there is an answer                      |
 *
 * Types are checked with the config. What can only fail later (reading an entry that a map does not have) makes the rule not match.
 */
import { Environment } from '@marcbachmann/cel-js';
import { TuttiError } from '../errors/error.ts';
import type { TaskFeatures } from './features.ts';
import type { RoutingRule } from './schema.ts';

/** The variables `request.*` of rules. */
export interface RequestFeatures {
  readonly model: string;
  readonly key: string;
  readonly principal: string;
  readonly stream: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** The variables `response.*` of rules with `after`. */
export interface ResponseFeatures {
  readonly confidence: number;
  readonly unclearToolCalls: boolean;
  readonly finishReason: string;
  readonly error: string;
}

export interface RuleMatch {
  /** Its place in `routing.rules`, from 0. */
  readonly index: number;
  readonly rule: RoutingRule;
}

export interface RuleOutcome {
  readonly match: RuleMatch | null;
  /** Rules before the match that could not be evaluated, and why. */
  readonly failures: readonly (RuleMatch & { readonly message: string })[];
}

export interface CompiledRules {
  /** The first rule that is true for the request. */
  first(task: TaskFeatures, request: RequestFeatures): RuleOutcome;
  /** The first rule with `after` that is true for the answer. */
  afterwards(task: TaskFeatures, request: RequestFeatures, response: ResponseFeatures): RuleOutcome;
  /** Whether there is any with `after`. */
  readonly looksBack: boolean;
}

interface Compiled extends RuleMatch {
  readonly evaluate: (context: object) => unknown;
}

/** Compiles and type-checks the rules. Throws `config_invalid` naming the rule. */
export function compileRules(rules: readonly RoutingRule[]): CompiledRules {
  const compiled = rules.map((rule, index): Compiled => ({ rule, index, evaluate: compile(rule, index) }));
  const before = compiled.filter(({ rule }) => !rule.after);
  const after = compiled.filter(({ rule }) => rule.after);
  return {
    first: (task, request) => firstOf(before, () => contextOf(task, request)),
    afterwards: (task, request, { confidence, unclearToolCalls, finishReason, error }) =>
      firstOf(after, () => ({
        ...contextOf(task, request),
        response: { confidence, unclear_tool_calls: unclearToolCalls, finish_reason: finishReason, error },
      })),
    looksBack: after.length > 0,
  };
}

function firstOf(compiled: readonly Compiled[], contextFor: () => object): RuleOutcome {
  const failures: (RuleMatch & { message: string })[] = [];
  if (compiled.length === 0) return { match: null, failures };
  const context = contextFor();
  for (const { rule, index, evaluate } of compiled) {
    try {
      if (evaluate(context) === true) return { match: { rule, index }, failures };
    } catch (error) {
      failures.push({ rule, index, message: firstLine(error) });
    }
  }
  return { match: null, failures };
}

const environment = new Environment({ homogeneousAggregateLiterals: false })
  .registerVariable({
    name: 'task',
    schema: {
      type: 'string',
      intent: 'string',
      complexity: 'int',
      requires_speed: 'bool',
      tokens: 'int',
      has_images: 'bool',
      has_tools: 'bool',
    },
  })
  .registerVariable({
    name: 'request',
    schema: { model: 'string', key: 'string', principal: 'string', stream: 'bool', metadata: 'map<string, dyn>' },
  });
const afterwards = environment.clone().registerVariable({
  name: 'response',
  schema: { confidence: 'double', unclear_tool_calls: 'bool', finish_reason: 'string', error: 'string' },
});

function compile(rule: RoutingRule, index: number): (context: object) => unknown {
  const path = `routing.rules[${index}].when`;
  const known = rule.after ? afterwards : environment;
  const checked = known.check(rule.when);
  if (!checked.valid) {
    throw new TuttiError('config_invalid', `${path}: ${firstLine(checked.error)} (in \`${rule.when}\`)`, {
      param: path,
      details: { rule: index },
      cause: checked.error,
    });
  }
  const type = String(checked.type);
  if (type !== 'bool' && type !== 'dyn') {
    throw new TuttiError('config_invalid', `${path}: gives ${type}, must give true or false (in \`${rule.when}\`)`, {
      param: path,
      details: { rule: index },
    });
  }
  return known.parse(rule.when);
}

/** CEL's integers are bigints here. */
function contextOf(task: TaskFeatures, request: RequestFeatures): object {
  return {
    task: {
      type: task.type,
      intent: task.intent,
      complexity: BigInt(task.complexity),
      requires_speed: task.requiresSpeed,
      tokens: BigInt(task.tokens),
      has_images: task.hasImages,
      has_tools: task.hasTools,
    },
    request,
  };
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? message;
}
