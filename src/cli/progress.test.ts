import { expect, it } from 'vitest';
import type { Output } from './output.ts';
import { barLine, createProgress, type Terminal } from './progress.ts';

const MIB = 1024 ** 2;

function outputs(json: boolean) {
  const notes: string[] = [];
  const data: unknown[] = [];
  let erase: (() => void) | null = null;
  const output: Output = {
    json,
    interactive: false,
    line() {},
    write() {},
    note: (text) => void notes.push(text),
    data: (value) => void data.push(value),
    drawn: (how) => {
      erase = how;
    },
  };
  return { output, notes, data, erase: () => erase?.() };
}

function terminal(columns: number): Terminal & { readonly written: string[] } {
  const written: string[] = [];
  return { isTTY: true, columns, written, write: (text: string | Uint8Array) => written.push(String(text)) > 0 };
}

it('draws how much is done', () => {
  expect(barLine('m.gguf downloading', 0.5, { done: MIB, total: 2 * MIB })).toBe(
    `m.gguf downloading ${'█'.repeat(15)}${'░'.repeat(15)}  50%  1.0 MiB of 2.0 MiB`,
  );
  expect(barLine('loading m', 1)).toBe(`loading m ${'█'.repeat(30)} 100%`);
  expect(barLine('loading m', 0.999)).toContain(' 99%');
  expect(barLine('resolving', null, { done: 5, total: null })).toBe('resolving 5 B');
});

it('keeps to one line of a terminal, erases it, and shows the cursor again', () => {
  const { output } = outputs(false);
  const screen = terminal(20);
  const progress = createProgress(output, screen);
  progress.update('a label that is longer than the terminal', 0);
  progress.end();
  progress.end();
  expect(screen.written).toEqual(['\u001B[?25l\r\u001B[2Ka label that is lon', '\r\u001B[2K\u001B[?25h']);
});

it('makes room for what is written in between', () => {
  const { output, erase } = outputs(false);
  const screen = terminal(80);
  createProgress(output, screen).update('one', null);
  erase();
  erase();
  expect(screen.written.slice(1)).toEqual(['\r\u001B[2K\u001B[?25h']);
});

it('writes a line for each quarter where there is no terminal', () => {
  const { output, notes } = outputs(false);
  const progress = createProgress(output, { ...terminal(80), isTTY: false });
  progress.update('resolving', null);
  for (let percent = 0; percent <= 100; percent++) progress.update('downloading', percent / 100, { done: percent, total: 100 });
  progress.update('done', 1);
  expect(notes).toEqual([
    'resolving',
    'downloading 0% 0 B of 100 B',
    'downloading 25% 25 B of 100 B',
    'downloading 50% 50 B of 100 B',
    'downloading 75% 75 B of 100 B',
    'downloading 100% 100 B of 100 B',
    'done 100%',
  ]);
});

it('prints a document for each tenth with --json, even on a terminal', () => {
  const { output, data } = outputs(true);
  const screen = terminal(80);
  const progress = createProgress(output, screen);
  for (let percent = 0; percent < 30; percent++) progress.update('m', percent / 100, { done: percent, total: null });
  expect(data).toEqual([0, 10, 20].map((done) => ({ progress: 'm', fraction: done / 100, done_bytes: done, total_bytes: null })));
  expect(screen.written).toEqual([]);
});
