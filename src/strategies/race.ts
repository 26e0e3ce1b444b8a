/**
 * `race`: all members are asked at once; the first whole answer that is acceptable is given, and the others are stopped. When
 * none is acceptable, the one with the highest confidence is given, and the run tells why none was accepted.
 */
import { z } from 'zod';
import { memberConfig, memberKeys, namesOf, requestFor, takingPart } from '../contracts/member.ts';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import { partsOf, type ChildOptions, type StrategyContext, type StrategyDefinition } from '../contracts/strategy.ts';
import { TuttiError } from '../errors/error.ts';
import { allMembersFailed, type FailedMember } from '../errors/members.ts';
import { matchesInTime } from '../lib/bounded-match.ts';
import { inOrderOfEnd } from '../lib/in-order-of-end.ts';
import { schemaCheck } from '../lib/json-schema.ts';
import { parseJson } from '../lib/json-value.ts';

const accept = z.strictObject({
  /** At least so confident, 0..1. An answer without a confidence is not. Default: any. */
  min_confidence: z.number().min(0).max(1).optional(),
  /** The text, or a tool call, must be there. Default true. */
  not_empty: z.boolean().default(true),
  /** The whole text must be JSON. Default false. */
  json: z.boolean().default(false),
  /** The whole text must be JSON that fits this JSON Schema. */
  schema: z
    .record(z.string(), z.unknown())
    .superRefine((schema, issues) => {
      const made = schemaCheck(schema);
      if ('problem' in made) issues.addIssue({ code: 'custom', message: `no usable JSON Schema: ${made.problem}` });
    })
    .optional(),
  /** A regular expression that the text must match somewhere. */
  pattern: z
    .string()
    .min(1)
    .refine((pattern) => toPattern(pattern) !== null, 'not a regular expression')
    .optional(),
});
type Accept = z.infer<typeof accept>;

const config = z.strictObject({
  strategy: z.literal('race'),
  members: z.array(memberConfig).min(1, 'a race needs at least one member'),
  accept: accept.prefault({}),
  /** For each member. Default: no limit of its own. */
  timeout_seconds: z.number().positive().optional(),
});
type RaceConfig = z.infer<typeof config>;

export const raceStrategy: StrategyDefinition<RaceConfig> = {
  strategy: 'race',
  config,
  describe: ({ members }) => ({
    members: members.map(({ model }) => model),
    names: namesOf(members),
    operations: ['chat', 'embed'],
  }),
  run,
};

async function* run(context: StrategyContext<RaceConfig>): AsyncGenerator<Part> {
  const { config: settings, options, overrides, request } = context;
  const members = takingPart(settings.members, overrides.members);
  const keys = memberKeys(members);
  const stop = new AbortController();
  const child: ChildOptions = {
    signal: stop.signal,
    optional: members.length > 1,
    ...(settings.timeout_seconds !== undefined && { timeoutMs: settings.timeout_seconds * 1000 }),
  };
  const calls = members.map(
    (member, i) => context.call(keys[i]!, member.model, requestFor(request, member), child).answer(), // one key a member
  );
  const failures: FailedMember[] = [];
  const refused: { readonly answer: ChildAnswer; readonly why: string }[] = [];
  for await (const ended of inOrderOfEnd(calls)) {
    const key = keys[ended.index]!; // one key a member
    if (ended.status === 'rejected') {
      failures.push({ member: key, ...context.rethrow(ended.reason) });
      continue;
    }
    const why = request.operation === 'chat' ? refusalOf(ended.value, settings.accept) : null;
    if (why !== null) {
      refused.push({ answer: ended.value, why });
      continue;
    }
    stop.abort(new TuttiError('cancelled', 'Another member was faster.'));
    context.report({ type: 'decision', message: `${key} was the first with an acceptable answer`, data: { winner: key } });
    yield* partsOf(ended.value, options.step);
    return;
  }
  yield* partsOf(bestOf(context, refused, failures), options.step);
}

/** Nobody was good enough: the most confident of those who said anything. */
function bestOf(
  context: StrategyContext<RaceConfig>,
  refused: readonly { readonly answer: ChildAnswer; readonly why: string }[],
  failures: readonly FailedMember[],
): ChildAnswer {
  const score = ({ confidence }: ChildAnswer): number => confidence?.score ?? -1;
  const [best] = refused.filter(({ answer }) => !isEmpty(answer)).toSorted((a, b) => score(b.answer) - score(a.answer));
  const reasons = refused.map(({ answer, why }): FailedMember => ({ member: answer.key, code: 'not_accepted', message: why }));
  if (best === undefined) throw allMembersFailed([...failures, ...reasons]);
  const { key } = best.answer;
  const why = reasons.map(({ member, message }) => `${member}: ${message}`).join('; ');
  context.report({
    type: 'decision',
    message: `no answer was acceptable (${why}); ${key} is the most confident`,
    data: { winner: null, given: key },
  });
  return best.answer;
}

/** Why an answer is not acceptable; null when it is. */
function refusalOf(answer: ChildAnswer, { min_confidence, not_empty, json, schema, pattern }: Accept): string | null {
  if (not_empty && isEmpty(answer)) return 'the answer is empty';
  const score = answer.confidence?.score;
  if (min_confidence !== undefined && score === undefined)
    return `no confidence is known, at least ${min_confidence} is asked for`;
  if (min_confidence !== undefined && score !== undefined && score < min_confidence)
    return `a confidence of ${score.toFixed(2)} is below ${min_confidence}`;
  // Calls have a form of their own.
  if (answer.toolCalls.length > 0) return null;
  const value = json || schema !== undefined ? parseJson(answer.text.trim()) : null;
  if (value === undefined) return 'the answer is not JSON';
  const made = schema === undefined ? null : schemaCheck(schema);
  const misfit = made === null || 'problem' in made ? null : made.check(value);
  if (misfit !== null) return `the answer does not fit the schema: ${misfit}`;
  const expression = pattern === undefined ? null : toPattern(pattern);
  if (expression === null) return null;
  const matches = matchesInTime(expression, answer.text);
  return matches === true
    ? null
    : matches === false
      ? 'the answer does not match the pattern'
      : 'the pattern takes too long on the answer';
}

function isEmpty({ text, toolCalls, artifact }: ChildAnswer): boolean {
  return text.trim() === '' && toolCalls.length === 0 && artifact === undefined;
}

function toPattern(source: string): RegExp | null {
  try {
    return new RegExp(source, 'u');
  } catch {
    return null; // the config check says so
  }
}
