/** Turns what zod and YAML find wrong into lines a person can act on: file, line, path, reason. */
import { isMap, isScalar, isSeq, type Document, type LineCounter, type Node } from 'yaml';
import type { z } from 'zod';
import { nearest } from '../lib/nearest.ts';

export interface ConfigIssue {
  readonly file: string | null;
  /** 1-based; null when the value does not come from the file. */
  readonly line: number | null;
  readonly column: number | null;
  /** `server.port`, `routing.rules[0].when`; empty for the whole file. */
  readonly path: string;
  readonly reason: string;
}

export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const key of path) text += typeof key === 'number' ? `[${key}]` : text === '' ? String(key) : `.${String(key)}`;
  return text;
}

/** `tutti.yaml:3:5 server.port: …` */
export function formatIssue(issue: ConfigIssue): string {
  const place = [issue.file ?? 'config', issue.line, issue.column].filter((part) => part !== null).join(':');
  return `${place} ${issue.path === '' ? '' : `${issue.path}: `}${issue.reason}`;
}

/** Where in the file a path stands: the value's own place, or its nearest parent's. */
export class SourceMap {
  readonly #document: Document | null;
  readonly #lines: LineCounter;
  readonly #elsewhere = new Map<string, string>();
  readonly file: string | null;

  constructor(file: string | null, document: Document | null, lines: LineCounter) {
    this.file = file;
    this.#document = document;
    this.#lines = lines;
  }

  /** The value at this path does not come from the file, whatever the file has there. `origin`: `the environment variable X`. */
  override(path: readonly PropertyKey[], origin: string): void {
    this.#elsewhere.set(formatPath(path), origin);
  }

  issue(path: readonly PropertyKey[], reason: string, at: 'value' | 'key' = 'value'): ConfigIssue {
    const origin = this.#originOf(path);
    if (origin !== null) {
      return { file: null, line: null, column: null, path: formatPath(path), reason: `${reason} (set by ${origin})` };
    }
    const offset = this.#offset(path, at);
    const position = offset === null ? null : this.#lines.linePos(offset);
    return { file: this.file, line: position?.line ?? null, column: position?.col ?? null, path: formatPath(path), reason };
  }

  #originOf(path: readonly PropertyKey[]): string | null {
    for (let end = path.length; end > 0; end--) {
      const origin = this.#elsewhere.get(formatPath(path.slice(0, end)));
      if (origin !== undefined) return origin;
    }
    return null;
  }

  #offset(path: readonly PropertyKey[], at: 'value' | 'key'): number | null {
    let node: unknown = this.#document?.contents ?? null;
    let offset = rangeStart(node);
    for (const step of path) {
      if (isMap(node)) {
        const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) break;
        node = pair.value;
        const value = at === 'value' ? rangeStart(node) : null;
        offset = value ?? rangeStart(pair.key) ?? offset;
      } else if (isSeq(node) && typeof step === 'number') {
        node = node.items[step];
        offset = rangeStart(node) ?? offset;
      } else break;
    }
    return offset;
  }
}

function rangeStart(node: unknown): number | null {
  const range = (node as Node | null | undefined)?.range;
  return range ? range[0] : null;
}

/** One thing that is wrong: where, and why. */
export interface PlainIssue {
  readonly path: readonly PropertyKey[];
  readonly reason: string;
  /** Whether the key itself is wrong, not its value. */
  readonly at: 'value' | 'key';
}

/** Zod's issues as single things. Of a union's branches the one that came furthest speaks: an object with a wrong key was meant as an object. */
export function plainIssues(issues: readonly z.core.$ZodIssue[], prefix: readonly PropertyKey[] = []): PlainIssue[] {
  return issues.flatMap((issue): PlainIssue[] => {
    const path = [...prefix, ...issue.path];
    switch (issue.code) {
      case 'unrecognized_keys':
        return issue.keys.map((key) => ({ path: [...path, key], reason: unknownKey(key, issue), at: 'key' }));
      case 'invalid_union': {
        const [furthest] = [...issue.errors].sort((a, b) => depth(b) - depth(a));
        if (furthest !== undefined && depth(furthest) > 0) return plainIssues(furthest, path);
        return [{ path, reason: reasonOf(issue), at: 'value' }];
      }
      case 'invalid_key':
        return [{ path, reason: issue.issues[0]?.message ?? issue.message, at: 'key' }];
      default:
        return [{ path, reason: issue.message, at: 'value' }];
    }
  });
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length + depthInside(issue)));
}

function depthInside(issue: z.core.$ZodIssue): number {
  if (issue.code === 'unrecognized_keys') return 1;
  return issue.code === 'invalid_union' ? Math.max(0, ...issue.errors.map(depth)) : 0;
}

/** What zod says of a union when nobody has said it better. */
const UNTOLD = 'Invalid input';

function reasonOf(issue: z.core.$ZodIssueInvalidUnion): string {
  const expected = issue.message === UNTOLD ? expectedBy(issue) : [];
  return expected.length === 0 ? issue.message : `${UNTOLD}: expected ${[...new Set(expected)].join(' or ')}`;
}

/** The types that a union's branches take; none when that is not all that there is to say. */
function expectedBy({ errors }: z.core.$ZodIssueInvalidUnion): string[] {
  const each = errors.map((issues): string[] => {
    const [only, ...more] = issues;
    if (only === undefined || more.length > 0) return [];
    if (only.code === 'invalid_union') return expectedBy(only);
    return only.code === 'invalid_type' ? [only.expected] : [];
  });
  return each.some((types) => types.length === 0) ? [] : each.flat();
}

/** Zod's issues, each with its place. */
export function fromZod(issues: readonly z.core.$ZodIssue[], map: SourceMap): ConfigIssue[] {
  return plainIssues(issues).map(({ path, reason, at }) => map.issue(path, reason, at));
}

function unknownKey(key: string, issue: z.core.$ZodIssue): string {
  const known = (issue as { known?: readonly string[] }).known ?? [];
  const [guess] = nearest(key, known, 1);
  return guess === undefined ? 'no such key' : `no such key; did you mean \`${guess}\`?`;
}
