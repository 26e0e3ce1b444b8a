/** Strings as models quote them: with apostrophes inside, quotes that are not escaped, and typographic ones. */

/** Typographic quotes and what closes them. */
export const CURLY = new Map([
  ['“', '”'],
  ['‘', '’'],
]);

/** Whether a character opens a string. */
export function isQuote(c: string): boolean {
  return c === '"' || c === "'" || c === '“' || c === '‘' || c === '`';
}

/** In one string; without a limit, a text of quotes alone would be read again and again. */
const MOST_APOSTROPHES = 30;

/**
 * Where the closing quote stands, or -1. A quote with a word right behind it is an apostrophe (`'What's this?'`) or was not
 * escaped; when no other follows, the first one closes after all.
 */
export function stringEnd(text: string, start: number, close: string): number {
  let first = -1;
  let seen = 0;
  for (let i = start; i < text.length; i++) {
    if (text.charAt(i) === '\\') {
      i++;
      continue;
    }
    if (!text.startsWith(close, i)) continue;
    if (close.length > 1) return i;
    if (first < 0) first = i;
    if (++seen > MOST_APOSTROPHES) return first;
    const behind = text.slice(i + 1, i + 40).trimStart();
    if (behind === '' || !/^[\p{L}\d_(]/u.test(behind)) return i;
  }
  return first;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', '0': '\0', '\n': '' };

/** The string that escapes stand for. */
export function unescape(text: string): string {
  return text.replace(/\\(?:u([\da-fA-F]{4})|x([\da-fA-F]{2})|([\s\S]))/g, (whole, unicode, hex, other: string | undefined) => {
    const code: string | undefined = unicode ?? hex;
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    if (other === undefined) return whole;
    return ESCAPES[other] ?? (/[\w\s]/.test(other) && other !== '_' ? whole : other);
  });
}
