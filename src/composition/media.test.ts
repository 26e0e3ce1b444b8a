import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InputPart } from '../contracts/library.ts';
import { LOCAL_MEDIA, sniff, toContentPart, type MediaAccess } from './media.ts';

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const WAV = Buffer.from('RIFF\0\0\0\0WAVEfmt ', 'latin1');

let folder: string;
let roots: MediaAccess;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tutti-media-'));
  mkdirSync(join(folder, 'open'));
  mkdirSync(join(folder, 'open-too'));
  writeFileSync(join(folder, 'open', 'a.png'), PNG);
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  writeFileSync(join(folder, 'open-too', 'b.txt'), 'beside');
  symlinkSync(join(folder, 'secret.txt'), join(folder, 'open', 'link.txt'));
  roots = { roots: [join(folder, 'open')], maxBytes: 1000 };
});
afterAll(() => rmSync(folder, { recursive: true }));

const read = (part: InputPart, access: MediaAccess = LOCAL_MEDIA) => toContentPart(part, access, 'input[0]');

describe('toContentPart', () => {
  it('gives images as data URLs with the type that their bytes tell', async () => {
    const url = `data:image/png;base64,${PNG.toString('base64')}`;
    const expected = { type: 'image_url', image_url: { url } };
    expect(await read({ type: 'image', data: PNG })).toEqual(expected);
    expect(await read({ type: 'image', data: PNG.toString('base64') })).toEqual(expected);
    expect(await read({ type: 'image', path: join(folder, 'open', 'a.png') })).toEqual(expected);
    expect(await read({ type: 'image', url })).toEqual(expected);
  });

  it('leaves the address of an image to the model', async () => {
    expect(await read({ type: 'image', url: 'https://example.com/a.png' })).toEqual({
      type: 'image_url',
      image_url: { url: 'https://example.com/a.png' },
    });
  });

  it('gives sounds and files in their own shapes', async () => {
    expect(await read({ type: 'audio', data: WAV })).toEqual({
      type: 'input_audio',
      input_audio: { data: WAV.toString('base64'), format: 'wav' },
    });
    expect(await read({ type: 'file', path: join(folder, 'secret.txt') })).toEqual({
      type: 'file',
      file: { filename: 'secret.txt', file_data: `data:text/plain;base64,${Buffer.from('secret').toString('base64')}` },
    });
  });

  it('reads only inside the roots, links and neighbours with a like name included', async () => {
    expect(await read({ type: 'image', path: join(folder, 'open', 'a.png') }, roots)).toMatchObject({ type: 'image_url' });
    for (const path of ['secret.txt', 'open/link.txt', 'open/../secret.txt', 'open-too/b.txt', 'nothing-there']) {
      await expect(read({ type: 'file', path: join(folder, path) }, roots)).rejects.toMatchObject({ code: 'file_not_allowed' });
    }
  });

  it('reads a data: URL in percent, whatever bytes it has', async () => {
    const percent = PNG.toString('hex').replaceAll(/../g, '%$&');
    const base64 = PNG.toString('base64');
    const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${base64}` } };
    expect(await read({ type: 'image', url: `data:image/png,${percent}` })).toEqual(image);
    const text = await read({ type: 'file', url: 'data:text/plain,100 %25 of é, 5 %' });
    const data = Buffer.from('100 % of é, 5 %').toString('base64');
    expect(text).toMatchObject({ file: { file_data: `data:text/plain;base64,${data}` } });
  });

  it('reads relative paths and roots from the folder that is given', async () => {
    const access = { roots: ['open'], maxBytes: 1000, directory: folder };
    expect(await read({ type: 'image', path: 'open/a.png' }, access)).toMatchObject({ type: 'image_url' });
    await expect(read({ type: 'file', path: 'secret.txt' }, access)).rejects.toMatchObject({ code: 'file_not_allowed' });
  });

  it.each([
    ['nothing is given', { type: 'image' }, 'invalid_request'],
    ['two sources are given', { type: 'image', path: 'a', url: 'b' }, 'invalid_request'],
    ['the file does not exist', { type: 'image', path: '/no/such/file.png' }, 'file_not_found'],
    ['it is empty', { type: 'audio', data: new Uint8Array() }, 'invalid_request'],
    ['an address is none of the web', { type: 'audio', url: 'ftp://example.com/a.wav' }, 'invalid_request'],
  ] as const)('says so when %s', async (_what, part, code) => {
    await expect(read(part)).rejects.toMatchObject({ code, param: 'input[0]' });
  });

  it('refuses what is larger than allowed', async () => {
    await expect(read({ type: 'file', data: new Uint8Array(1001) }, roots)).rejects.toMatchObject({ code: 'body_too_large' });
  });
});

describe('sniff', () => {
  it('knows nothing of what it does not know', () => {
    expect(sniff(Buffer.from('hello'))).toBeNull();
    expect(sniff(WAV)).toBe('audio/wav');
  });
});
