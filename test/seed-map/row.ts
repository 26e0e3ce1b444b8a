import { it } from 'vitest';
import type { RowName } from './rows.ts';

/** The test of one row of the seed map. */
export function row(name: RowName, test: () => Promise<void> | void): void {
  it(`${name}`, test);
}
