import { expect, test } from 'vitest';
import { undocumented, type Reflection } from '../../scripts/undocumented.ts';

const MODULE = 2;
const OTHER = 128;
const entry = (name: string, more: Partial<Reflection> = {}): Reflection => ({
  name,
  variant: 'declaration',
  kind: OTHER,
  ...more,
});
const comment = { summary: [] };

const exported = [
  entry('Told', { comment }),
  entry('toldFunction', { signatures: [{ comment }] }),
  entry('Untold'),
  entry('untoldFunction', { signatures: [{}] }),
  entry('SecondName', { variant: 'reference' }),
];

test('names each exported thing without a docstring, by its module', () => {
  const project = entry('project', { children: [entry('tutti', { kind: MODULE, children: exported })] });
  expect(undocumented(project)).toEqual(['tutti.Untold', 'tutti.untoldFunction']);
});

test('the same when there is only one module', () => {
  expect(undocumented(entry('tutti', { children: exported }))).toEqual(['tutti.Untold', 'tutti.untoldFunction']);
});
