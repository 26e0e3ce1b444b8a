import { expect, it } from 'vitest';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import { Journal, type JournalEntry } from './journal.ts';

const entry = (text: string): JournalEntry => ({ answer: { text } as ChildAnswer, trace: [], ms: 1 });

it('has what is below a finished call in that call alone', () => {
  const journal = new Journal();
  journal.record('root/a/x', entry('x'));
  journal.record('root/ab', entry('ab'));
  journal.record('root/a', entry('a'));
  expect(journal.state().entries.map(([step]) => step)).toEqual(['root/ab', 'root/a']);
});

it('is not empty with a reply alone: that would be lost, too', () => {
  const journal = new Journal();
  expect(journal.size).toBe(0);
  journal.setReply('root/q', 'yes');
  expect(journal.size).toBe(1);
});

it('finds the same models again, unless it has found none', () => {
  const journal = new Journal();
  expect(journal.found('reasoning 2', () => [])).toEqual([]);
  expect(journal.found('reasoning 2', () => ['a', 'b'])).toEqual(['a', 'b']);
  const again = new Journal(journal.state());
  expect(again.found('reasoning 2', () => ['c'])).toEqual(['a', 'b']);
  expect(again.found('reasoning 3', () => ['c'])).toEqual(['c']);
});

it('goes on from its state, which does not change with it', () => {
  const journal = new Journal();
  journal.record('root/a', entry('a'));
  journal.setReply('root/q', 'yes');
  journal.beginAnew('root/b');
  const state = journal.state();
  journal.forget('root/a');
  journal.setReply('root/q', 'no');
  const again = new Journal(state);
  expect([again.entry('root/a'), again.reply('root/q'), again.timesAnew('root/b')]).toEqual([entry('a'), 'yes', 1]);
  again.record('root/c', entry('c'));
  expect(new Journal(state).size).toBe(2);
});
