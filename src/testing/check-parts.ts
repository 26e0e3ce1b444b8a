import assert from 'node:assert/strict';
import type { Part } from '../contracts/part.ts';

/**
 * Asserts the rules of contracts/part.ts for one complete call: every part names its step, every choice finishes exactly
 * once, nothing of a choice follows its finish, the stream ends with a finish, and a tool call begins with its id and name.
 */
export function checkParts(parts: readonly Part[], expected: { readonly step: string; readonly choices: number }): void {
  const finished = new Set<number>();
  const begun = new Set<string>();
  for (const part of parts) {
    assert.equal(part.step, expected.step, `a ${part.type} names the step ${part.step}`);
    if (!('choice' in part)) continue;
    assert.ok(part.choice >= 0 && part.choice < expected.choices, `a ${part.type} names the choice ${part.choice}`);
    assert.ok(!finished.has(part.choice), `a ${part.type} follows the finish of choice ${part.choice}`);
    if (part.type === 'finish') finished.add(part.choice);
    if (part.type === 'tool-call-delta') {
      const call = `${part.choice}/${part.index}`;
      if (!begun.has(call)) assert.ok(part.id && part.name, 'a tool call begins with its id and name');
      begun.add(call);
    }
  }
  assert.equal(finished.size, expected.choices, 'every choice finishes');
  assert.equal(parts.at(-1)?.type, 'finish', 'the stream ends with a finish');
}
