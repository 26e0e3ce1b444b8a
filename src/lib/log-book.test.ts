import { describe, expect, it } from 'vitest';
import { LogBook } from './log-book.ts';

const signal = new AbortController().signal;

describe('LogBook', () => {
  it('puts lines together from text that is cut anywhere', async () => {
    const log = new LogBook();
    for (const piece of ['on', 'e\ntw', 'o\r\n\nthr']) log.write(piece);
    expect(await Array.fromAsync(log.read({ follow: false, signal }))).toEqual(['one', 'two']);
  });

  it('keeps only the last lines, and not more of each than it may', () => {
    const log = new LogBook({ lines: 3, characters: 2 });
    for (let i = 0; i < 10; i++) log.add(`${i}xxxx`);
    expect(log.last(100)).toEqual(['7x', '8x', '9x']);
    expect(log.last(1)).toEqual(['9x']);
  });

  it('gives what is written from now on to those who follow, until they leave', async () => {
    const log = new LogBook();
    log.add('before');
    const controller = new AbortController();
    const lines: string[] = [];
    for await (const line of log.read({ follow: true, signal: controller.signal })) {
      lines.push(line);
      if (line === 'before') log.add('after');
      else controller.abort();
    }
    expect(lines).toEqual(['before', 'after']);
  });
});
