/**
 * Text with placeholders: `{name}`. `{{name}}` stands for the text `{name}`. Braces around anything but a name (`{"a": 1}`)
 * are plain text, so that JSON needs no escapes.
 */
import { TuttiError } from '../../errors/error.ts';
import { nearest } from '../../lib/nearest.ts';

/** What goes into a template. Empty text and null leave the placeholder's section out. */
export type TemplateValues = Readonly<Record<string, string | number | boolean | null>>;

const TOKEN = /\{(\{[A-Za-z_][A-Za-z0-9_]*\})\}|\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** The names that a template asks for, each once, in the order of their first use. */
export function placeholdersOf(text: string): string[] {
  const names = Array.from(text.matchAll(TOKEN), (match) => match[2]).filter((name) => name !== undefined);
  return [...new Set(names)];
}

/**
 * Fills a template. Values are put in as they are: braces inside them are never read again. A line that held nothing but
 * empty placeholders vanishes, and with it the blank line that it leaves behind, so that empty sections leave no trace.
 *
 * Errors: `invalid_request` when a placeholder has no value; the message names all that are missing.
 *
 * @example renderTemplate('Translate to {language}.\n\n{glossary}\n\n{text}', { language: 'French', glossary: '', text: 'Hello' })
 */
export function renderTemplate(text: string, values: TemplateValues): string {
  const missing = placeholdersOf(text).filter((name) => !Object.hasOwn(values, name) || values[name] === undefined);
  if (missing.length > 0) throw missingError(missing, Object.keys(values));
  const lines: string[] = [];
  let vanished = false;
  for (const line of text.split('\n')) {
    const filled = fillLine(line, values);
    if (filled.trim() === '' && line.trim() !== '') {
      vanished = true;
      continue;
    }
    const isGap: boolean = vanished && line.trim() === '' && (lines.at(-1) ?? '').trim() === '';
    if (!isGap) lines.push(filled);
    vanished &&= isGap;
  }
  return lines.join('\n').trim();
}

function fillLine(line: string, values: TemplateValues): string {
  return line.replaceAll(
    TOKEN,
    (_, literal: string | undefined, name: string | undefined) => literal ?? String(values[name ?? ''] ?? ''),
  );
}

function missingError(missing: readonly string[], given: readonly string[]): TuttiError {
  const described = missing.map((name) => {
    const [close] = nearest(name, given, 1);
    return close === undefined ? `{${name}}` : `{${name}} (given: ${close})`;
  });
  return new TuttiError(
    'invalid_request',
    `The template has no value for ${described.join(', ')}. Give one; an empty text leaves the section out.`,
    { param: missing[0] ?? 'values', details: { missing, given } },
  );
}
