import { expect, it } from 'vitest';
import { LogBook } from './log-book.ts';

const all = (log: LogBook): Promise<string[]> =>
  Array.fromAsync(log.read({ follow: false, signal: new AbortController().signal }));

it('keeps whole lines, however they arrive', async () => {
  const log = new LogBook();
  log.write('one\ntw');
  log.write('o\r\n\nthree');
  expect(await all(log)).toEqual(['one', 'two']);
  log.write('\n');
  expect(log.last(2)).toEqual(['two', 'three']);
});

it('keeps the last five hundred', async () => {
  const log = new LogBook();
  for (let i = 0; i < 600; i++) log.add(`line ${i}`);
  const lines = await all(log);
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([500, 'line 100', 'line 599']);
});

it('goes on for who follows, until they leave', async () => {
  const log = new LogBook();
  log.add('before');
  const controller = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const line of log.read({ follow: true, signal: controller.signal })) {
      seen.push(line);
      if (line === 'before') log.add('after');
      if (line === 'after') controller.abort();
    }
  })();
  await reading;
  log.add('unseen');
  expect(seen).toEqual(['before', 'after']);
});
