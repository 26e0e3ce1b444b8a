import { describe, expect, it } from 'vitest';
import { placeholdersOf, renderTemplate } from './template.ts';
import { PROMPT_SECTIONS, templateFor, templates } from './templates.ts';

const problem = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'no error';
};

describe('a template', () => {
  it.each([
    ['Hello {name}', { name: 'Ada' }, 'Hello Ada'],
    ['{a} and {b} and {a}', { a: 1, b: true }, '1 and true and 1'],
    ['{{name}} is written {name}', { name: '{{name}}' }, '{name} is written {{name}}'],
    ['{"a": {n}, "b": { }}', { n: 7 }, '{"a": 7, "b": { }}'],
    ['{a}', { a: '{b}', b: 'never read again' }, '{b}'],
    ['one\n\n{gone}\n\ntwo', { gone: '' }, 'one\n\ntwo'],
    ['one\n\n{gone}{too}\n\n{gone}\n\ntwo', { gone: '', too: null }, 'one\n\ntwo'],
    ['{gone}\n\none\n\n{gone}', { gone: '' }, 'one'],
    ['x: {gone}.', { gone: '' }, 'x: .'],
    ['a\n\n\n\nb', {}, 'a\n\n\n\nb'],
    ['{code}\n\nend', { code: 'a\n\n\nb' }, 'a\n\n\nb\n\nend'],
  ])('%j with %j is %j', (text, values, expected) => {
    expect(renderTemplate(text, values)).toBe(expected);
  });

  it('names every placeholder that has no value, and what was perhaps meant', () => {
    expect(problem(() => renderTemplate('{task} {tools} {style}', { task: 'x', tool: 'y' }))).toBe(
      'The template has no value for {tools} (given: tool), {style}. Give one; an empty text leaves the section out.',
    );
  });

  it('takes nothing from the prototype of its values', () => {
    expect(problem(() => renderTemplate('{toString}', {}))).toContain('{toString}');
  });

  it('tells its placeholders, each once', () => {
    expect(placeholdersOf('{b} {{no}} {a} {b} {"x": 1}')).toEqual(['b', 'a']);
  });
});

describe('the templates brought along', () => {
  it.each(Object.entries(templates))('%s has every section, each once', (_, text) => {
    expect(placeholdersOf(text).sort()).toEqual([...PROMPT_SECTIONS].sort());
  });

  it.each([
    ['coding', templates.coding],
    ['Code', templates.coding],
    ['docs', templates.documentation],
    ['cooking', templates.general],
    ['constructor', templates.general],
  ])('the phase %s has its template', (phase, expected) => {
    expect(templateFor(phase)).toBe(expected);
  });

  it('come after one’s own', () => {
    expect(templateFor('coding', { coding: 'mine' })).toBe('mine');
    expect(templateFor('code', { coding: 'mine' })).toBe('mine');
    expect(templateFor('cooking', { general: 'mine' })).toBe('mine');
  });
});
