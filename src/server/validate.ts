/** From zod's issues to one error that names the field and says what it takes. */
import type { z } from 'zod';
import { formatPath } from '../config/issues.ts';
import { TuttiError } from '../errors/error.ts';

type Issue = z.core.$ZodIssue;
type Bound = Extract<Issue, { code: 'too_small' | 'too_big' }>;

/** The value as its schema reads it. Throws `invalid_request` with `param` for the first thing that is wrong. */
export function validate<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = innermost(result.error.issues);
  const param = formatPath(issue.path);
  throw new TuttiError('invalid_request', sentence(issue, param), param === '' ? {} : { param });
}

/**
 * Of a union's branches, the one that the value came nearest to fitting says best what is wrong: one that it only exceeds, else the one
 * with the deepest issue and the fewest.
 */
function innermost(issues: readonly Issue[], base: readonly PropertyKey[] = []): Issue {
  const issue = issues[0]!; // zod never fails without an issue
  const path = [...base, ...issue.path];
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return { ...issue, path };
  const forms = issue.errors.filter((branch) => branch.length > 0);
  const branches = forms.map((branch) => ({ issue: innermost(branch, path), wrong: branch.length }));
  const exceeded = branches.find((branch) => isBound(branch.issue));
  if (exceeded !== undefined) return exceeded.issue;
  const depth = (branch: { readonly issue: Issue }): number => branch.issue.path.length;
  const [nearest] = branches.toSorted((a, b) => depth(b) - depth(a) || a.wrong - b.wrong);
  if (nearest !== undefined && depth(nearest) > path.length) return nearest.issue;
  return { ...issue, path, errors: branches.map((branch) => [branch.issue]) } as Issue; // the same kind of issue, with its errors made flat
}

function isBound(issue: Issue): issue is Bound {
  return issue.code === 'too_small' || issue.code === 'too_big';
}

function sentence(issue: Issue, param: string): string {
  const subject = param === '' ? 'The body' : `\`${param}\``;
  switch (issue.code) {
    case 'invalid_type':
      if (isMissing(issue)) return `${subject} is missing.`;
      // A number that is not whole is one all the same.
      return `${subject} must be ${expectation(issue)}${issue.expected === 'int' ? '' : `, not ${received(issue)}`}.`;
    case 'invalid_union':
      if ('options' in issue && Array.isArray(issue.options)) return `${subject} must be one of ${list(issue.options)}.`;
      if (issue.errors.flat().every(isMissing)) return `${subject} is missing.`;
      return `${subject} must be ${[...new Set(issue.errors.flat().map(expectation))].join(' or ')}.`;
    case 'invalid_value':
      return `${subject} must be ${expectation(issue)}.`;
    case 'unrecognized_keys':
      return `${param === '' ? 'The request' : subject} has no field ${list(issue.keys)}.`;
    case 'too_small':
    case 'too_big':
      // A schema's own words, as in `messages must hold at least one message`, say it better.
      if (!/^Too (small|big)/.test(issue.message)) return capital(`${issue.message}.`);
      return `${subject} must ${isEmptiness(issue) ? 'not be empty' : `be ${bound(issue)}`}.`;
    default:
      return `${subject} is not valid: ${issue.message}.`;
  }
}

function isMissing(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return article(issue.expected);
    case 'invalid_value':
      return `${issue.values.length > 1 ? 'one of ' : ''}${list(issue.values)}`;
    default:
      return issue.message;
  }
}

function received(issue: Issue): string {
  return article(/received (\w+)$/.exec(issue.message)?.[1] ?? 'what was sent');
}

const ARTICLES: Readonly<Record<string, string>> = {
  array: 'a list',
  object: 'an object',
  record: 'an object',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function article(type: string): string {
  return ARTICLES[type] ?? type;
}

function isEmptiness({ code, origin, ...issue }: Bound): boolean {
  return code === 'too_small' && 'minimum' in issue && issue.minimum === 1 && (origin === 'string' || origin === 'array');
}

function bound(issue: Bound): string {
  const limit = issue.code === 'too_small' ? issue.minimum : issue.maximum;
  const word =
    issue.code === 'too_small' ? (issue.inclusive ? 'at least' : 'more than') : issue.inclusive ? 'at most' : 'less than';
  const unit = issue.origin === 'string' ? ' characters long' : issue.origin === 'array' ? ' items long' : '';
  return `${word} ${String(limit)}${unit}`;
}

function list(values: readonly unknown[]): string {
  return values.map((value) => `\`${String(value)}\``).join(', ');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
