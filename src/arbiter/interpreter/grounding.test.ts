import { describe, expect, test } from 'vitest';
import { groundOf, spokenOf, type Ground } from './grounding.ts';

const CASES: readonly (readonly [said: string, name: string, value: unknown, ground: Ground])[] = [
  ['in New York', 'city', 'new york', 'said'],
  ['in New York', 'city', 'New York City, USA', 'said'],
  ['in New York', 'state', 'NY', 'said'],
  ['500 Canadian dollars', 'from', 'CAD', 'said'],
  ['in French', 'language', 'fr', 'said'],
  ['in German', 'language', 'de', 'open'],
  ['in German', 'accent', 'Dutch', 'words'],
  ['5,000,000 shares', 'n', 5000000, 'said'],
  ['5 million shares', 'n', 5000000, 'said'],
  ['two dozen eggs', 'eggs', 2, 'said'],
  ['100µF', 'farads', 0.0001, 'said'],
  ['at 8%', 'rate', 0.08, 'said'],
  ['two hours', 'minutes', 120, 'said'],
  ['5 degrees below zero', 'celsius', -5, 'said'],
  ['for the next week', 'days', 7, 'said'],
  ['over a year', 'months', 12, 'said'],
  ['March 17, 1915', 'date', '1915-03-17', 'said'],
  ['three of them', 'width', 8, 'number'],
  ['some of them', 'width', 0, 'open'],
  ['some of them', 'width', 1, 'open'],
  ['some of them', 'limit', 20, 'open'],
  ['some of them', 'startLat', 48.85, 'open'],
  ['some of them', 'origin', '48.85, 2.35', 'open'],
  ['some of them', 'from_unit', 'stones', 'open'],
  ['tomorrow', 'date', '2030-02-03', 'open'],
  ['tomorrow', 'year', 2030, 'open'],
  ['tomorrow', 'width', 30, 'number'],
  ['some day', 'date', '2030-02-03', 'number'],
  ['some day', 'on', true, 'open'],
  ['some day', 'note', null, 'open'],
  ['some day', 'code', 'x'.repeat(61), 'open'],
  ['some day', 'name', ' ', 'blank'],
  ['some day', 'name', 'N/A', 'blank'],
  ['some day', 'name', 'your_name', 'blank'],
  ['some day', 'name', 'The Matrix', 'words'],
  ['some day', 'path', '', 'open'],
  ['some day', 'pattern', '*', 'open'],
  ['red and blue', 'colors', ['blue', 'green'], 'said'],
  ['red and blue', 'colors', ['green', 'yellow'], 'words'],
  ['red and blue', 'style', { color: 'green', border: { color: 'red' } }, 'said'],
  ['red and blue', 'colors', [], 'open'],
];

describe('the ground of a value', () => {
  test.each(CASES)('%s: %s = %j is %s', (said, name, value, ground) => {
    expect(groundOf(name, value, {}, spokenOf(said))).toBe(ground);
  });
});
