import { expect, it } from 'vitest';
import { count, formatBytes, formatDuration, table } from './output.ts';

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1.5 * 1024 ** 3, '1.5 GiB'],
  [250 * 1024 ** 2, '250 MiB'],
  [5000 * 1024 ** 4, '5000 TiB'],
])('writes %d bytes as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([
  [0, '0 ms'],
  [849.6, '850 ms'],
  [999.7, '1.0 s'],
  [3210, '3.2 s'],
  [59_960, '1 min 0 s'],
  [125_400, '2 min 5 s'],
  [179_700, '3 min 0 s'],
])('writes %d milliseconds as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

it.each([
  [0, '0 models'],
  [1, '1 model'],
  [2, '2 models'],
])('counts %d', (number, text) => {
  expect(count(number, 'model')).toBe(text);
});

it('makes columns as wide as their widest cell, and ends no line with blanks', () => {
  const rows = [
    { id: 'a', size: 5, note: null },
    { id: 'longer', size: 12_345, note: 'x' },
  ];
  const text = table(rows, [
    { title: 'ID', value: (row) => row.id },
    { title: 'SIZE', value: (row) => row.size, align: 'right' },
    { title: 'NOTE', value: (row) => row.note },
  ]);
  expect(text.split('\n')).toEqual(['ID       SIZE  NOTE', 'a           5  -', 'longer  12345  x']);
});
