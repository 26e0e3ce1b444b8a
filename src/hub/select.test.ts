import { describe, expect, test } from 'vitest';
import { parseReference } from './reference.ts';
import { quantisationOf, selectFiles, type HubFile } from './select.ts';

const listing = (...paths: string[]): readonly HubFile[] => paths.map((path) => ({ path, bytes: 1, checksum: null }));
const select = (reference: string, ...paths: string[]): readonly string[] =>
  selectFiles(parseReference(reference), listing(...paths)).map((file) => file.path);

const USUAL = ['README.md', 'M-Q8_0.gguf', 'M-Q4_K_M.gguf', 'M-IQ2_XXS.gguf', 'mmproj-M-f16.gguf', 'M.imatrix.gguf'];

describe('the quantisation of a file', () => {
  test.each([
    ['Qwen3-0.6B-Q4_K_M', 'Q4_K_M'],
    ['qwen2.5-0.5b-instruct-q8_0', 'Q8_0'],
    ['model.IQ2_XXS', 'IQ2_XXS'],
    ['model-UD-Q2_K_XL', 'UD-Q2_K_XL'],
    ['model-bf16', 'BF16'],
    ['gpt-oss-20b-mxfp4', 'MXFP4'],
    ['model-Q4_0_4_4', 'Q4_0_4_4'],
    ['Q4_K_M/model-Q8_0', 'Q8_0'],
    ['plain', null],
  ])('%s: %s', (name, expected) => {
    expect(quantisationOf(name)).toBe(expected);
  });
});

describe('the files of a model', () => {
  test('are found by quantisation, in any case', () => {
    expect(select('hf:o/r:q8_0', ...USUAL)).toEqual(['M-Q8_0.gguf']);
  });

  test('are found by path', () => {
    expect(select('hf:o/r/sub/M-Q8_0.gguf', 'M-Q8_0.gguf', 'sub/M-Q8_0.gguf')).toEqual(['sub/M-Q8_0.gguf']);
  });

  test('are Q4_K_M, or what is nearest to it, when nothing is said', () => {
    expect(select('hf:o/r', ...USUAL)).toEqual(['M-Q4_K_M.gguf']);
    expect(select('hf:o/r', 'M-F16.gguf', 'M-Q8_0.gguf')).toEqual(['M-Q8_0.gguf']);
    expect(select('hf:o/r', 'anything.gguf')).toEqual(['anything.gguf']);
  });

  test('are all parts of a split one, in order, whichever part was named', () => {
    const parts = ['b/M-Q4_0-00002-of-00003.gguf', 'b/M-Q4_0-00001-of-00003.gguf', 'b/M-Q4_0-00003-of-00003.gguf'];
    const sorted = [...parts].sort();
    expect(select('hf:o/r:Q4_0', 'M-Q8_0.gguf', ...parts)).toEqual(sorted);
    expect(select('hf:o/r/b/M-Q4_0-00002-of-00003.gguf', ...parts)).toEqual(sorted);
  });

  test('are never those beside a model, nor at a path that leads out of the repository', () => {
    expect(() => select('hf:o/r:F16', ...USUAL)).toThrow(expect.objectContaining({ code: 'model_not_found' }));
    expect(() => select('hf:o/r', '../../M-Q4_K_M.gguf')).toThrow(expect.objectContaining({ code: 'model_not_found' }));
  });

  test('that are not there: the error names the quantisations there are', () => {
    const error = expect.objectContaining({
      code: 'model_not_found',
      message: 'o/r has no Q5_0; it has IQ2_XXS, Q4_K_M, Q8_0.',
      details: { quantisations: ['IQ2_XXS', 'Q4_K_M', 'Q8_0'] },
    });
    expect(() => select('hf:o/r:Q5_0', ...USUAL)).toThrow(error);
  });

  test.each([
    ['a file that is not there', 'hf:o/r/N.gguf', ['M.gguf'], 'model_not_found', 'It has M.gguf'],
    ['no GGUF at all', 'hf:o/r', ['model.safetensors'], 'model_not_found', 'no GGUF file'],
    ['several of one quantisation', 'hf:o/r:Q8_0', ['A-Q8_0.gguf', 'B-Q8_0.gguf'], 'ambiguous_model', 'hf:o/r/A-Q8_0.gguf'],
    ['several and none is usual', 'hf:o/r', ['A-Q2_K.gguf', 'A-Q3_K_S.gguf'], 'ambiguous_model', 'hf:o/r:Q2_K'],
    ['a part that is missing', 'hf:o/r:Q8_0', ['M-Q8_0-00001-of-00002.gguf'], 'model_not_found', 'only 1 of the 2 parts'],
  ])('%s is an error that says what to do', (_, reference, paths, code, part) => {
    expect(() => select(reference, ...paths)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(part) }));
  });
});
