import { createContext, Script, type Context } from 'node:vm';

/** Wall time: what ends at all ends in microseconds, but a busy machine may take the processor away for long. */
const LIMIT_MS = 250;

let parts: { readonly context: Context; readonly script: Script } | null = null;

/**
 * Whether a pattern matches a text, within a time limit: a pattern such as `(a+)+$`, which can keep the process busy for years
 * on a short text, is broken off. For patterns that somebody else wrote.
 *
 * @returns null when it took longer than `limitMs` (250)
 */
export function matchesInTime(pattern: RegExp, text: string, limitMs = LIMIT_MS): boolean | null {
  parts ??= { context: createContext({}), script: new Script('pattern.test(text)') };
  const { context, script } = parts;
  try {
    // A copy: `test` of a global or sticky pattern would begin where it last ended.
    Object.assign(context, { pattern: new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')), text });
    return script.runInContext(context, { timeout: limitMs }) === true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return null;
    throw error;
  } finally {
    Object.assign(context, { pattern: undefined, text: undefined });
  }
}
