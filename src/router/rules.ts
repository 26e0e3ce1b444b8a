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
}

/** Compiles and type-checks the rules for requests (those without `after`). Throws `config_invalid` naming the rule. */
export function compileRules(rules: readonly RoutingRule[]): CompiledRules {
  const compiled = rules.flatMap((rule, index) => (rule.after ? [] : [{ rule, index, evaluate: compile(rule, index) }]));
  return {
    first(task, request) {
      const failures: (RuleMatch & { message: string })[] = [];
      if (compiled.length === 0) return { match: null, failures };
      const context = contextOf(task, request);
      for (const { rule, index, evaluate } of compiled) {
        try {
          if (evaluate(context) === true) return { match: { rule, index }, failures };
        } catch (error) {
          failures.push({ rule, index, message: firstLine(error) });
        }
      }
      return { match: null, failures };
    },
  };
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

function compile(rule: RoutingRule, index: number): (context: object) => unknown {
  const path = `routing.rules[${index}].when`;
  const checked = environment.check(rule.when);
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
  return environment.parse(rule.when);
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
