/** JSON request bodies: parsed once, and where they are malformed the error says at which character. */
import { TuttiError } from '../errors/error.ts';

/** The value of a body; `undefined` for an empty one. Throws `invalid_json` with line, column and position (in characters). */
export function parseJsonBody(body: Buffer): unknown {
  const text = stripBom(body.toString('utf8'));
  if (text.trim() === '') return undefined;
  const value = parse(text);
  if (isDeeperThan(value, MAX_DEPTH)) {
    throw new TuttiError('invalid_json', `The body is nested more than ${MAX_DEPTH} levels deep.`);
  }
  return value;
}

/** What reads the body later may do so by recursion, and must not run out of stack. */
const MAX_DEPTH = 256;

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  for (const inner of Array.isArray(value) ? value : Object.values(value)) if (isDeeperThan(inner, levels - 1)) return true;
  return false;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const position = findJsonError(text);
    const before = text.slice(0, position).split('\n');
    const line = before.length;
    const column = (before.at(-1) ?? '').length + 1;
    const found = position >= text.length ? 'the body ends' : `there is ${JSON.stringify(text.slice(position, position + 12))}`;
    throw new TuttiError('invalid_json', `The body is not valid JSON: at line ${line}, column ${column} ${found}.`, {
      cause,
      details: { position, line, column },
    });
  }
}

function stripBom(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
// A piece of a string, up to its closing quote or to what may not stand in it. The pattern keeps a place for each turn of its loop,
// and one without a limit runs out of stack at a text of some megabytes.
const STRING_PIECE = /(?:[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})){1,4096}/y;

/**
 * Where the first error of a malformed JSON text is. Only used after `JSON.parse` has refused the text, whose own
 * messages name a position in half of the cases. Linear, and without recursion, so that deep nesting cannot hurt.
 */
export function findJsonError(text: string): number {
  const open: ('[' | '{')[] = [];
  let at = 0;
  let expect: 'value' | 'first-value' | 'key' | 'first-key' | 'colon' | 'after' = 'value';
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const skipString = (): boolean => {
    at++;
    while (skip(STRING_PIECE));
    if (text[at] !== '"') return false;
    at++;
    return true;
  };
  for (;;) {
    skip(SPACE);
    const c = text[at];
    if (c === undefined) return at;
    if (expect === 'after') {
      if (c === ',' && open.length > 0) {
        expect = open.at(-1) === '{' ? 'key' : 'value';
      } else if ((c === '}' && open.at(-1) === '{') || (c === ']' && open.at(-1) === '[')) {
        open.pop();
      } else return at;
      at++;
    } else if (expect === 'colon') {
      if (c !== ':') return at;
      at++;
      expect = 'value';
    } else if (expect === 'key' || expect === 'first-key') {
      if (c === '}' && expect === 'first-key') {
        at++;
        open.pop();
        expect = 'after';
      } else {
        if (c !== '"' || !skipString()) return at;
        expect = 'colon';
      }
    } else if (c === ']' && expect === 'first-value') {
      at++;
      open.pop();
      expect = 'after';
    } else if (c === '{' || c === '[') {
      at++;
      open.push(c);
      expect = c === '{' ? 'first-key' : 'first-value';
    } else {
      if (c === '"' ? !skipString() : !skip(LITERAL) && !skip(NUMBER)) return at;
      expect = 'after';
    }
  }
}
