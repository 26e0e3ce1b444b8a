/** `tutti/prompts`: building, cutting and filling prompts, and conversations that stay inside a window. */
import { expect } from 'vitest';
import {
  buildPrompt,
  chunkPrompt,
  createContextWindow,
  estimateTokens,
  renderTemplate,
  templates,
} from '../../src/arbiter/prompts/index.ts';
import { row } from './row.ts';

row('build_prompt(phase, task, context)', () => {
  const [turn, ...more] = buildPrompt({
    phase: 'coding',
    task: { description: 'Sort a list.', complexity: 9 },
    context: { constraints: ['no libraries'], preferences: ['Be brief.'] } as never,
  });
  expect(more).toEqual([]);
  expect(turn).toMatch(/^You are a senior software developer\./);
  expect(turn).toContain('TASK: Sort a list.');
  const turns = buildPrompt({ phase: 'coding', task: 'word '.repeat(500), context: { modelLimits: { maxPromptTokens: 200 } } });
  expect(turns.length).toBeGreaterThan(1);
});

row('chunk_prompt(parts, model_limits), estimate_tokens', () => {
  const countTokens = (text: string): number => text.length;
  expect(chunkPrompt(['one', 'two', 'three'], { maxPromptTokens: 8, countTokens })).toEqual(['one\n\ntwo', 'three']);
  expect(estimateTokens('Four words are here.')).toBeGreaterThan(2);
});

row('PromptTemplate.render, CODING_TEMPLATE', () => {
  expect(renderTemplate('Hello {name}.\n\n{more}\n\nBye.', { name: 'you', more: '' })).toBe('Hello you.\n\nBye.');
  expect(templates.coding).toContain('{task_description}');
  expect(() => renderTemplate('{nobody}', {})).toThrow(/nobody/);
});

row('ContextManager(max_tokens=16384), add_message, get_context, current_tokens', async () => {
  const window = createContextWindow({ countTokens: (text) => text.length });
  expect(window.maxTokens).toBe(16384);
  await window.add({ role: 'system', content: 'Be kind.' });
  for (let i = 0; i < 17; i++) await window.add({ role: 'user', content: `${String(i).padStart(3)} ${'x'.repeat(1000)}` });
  // Over the limit the oldest go until at most 75 % is left; the system message and the newest stay.
  expect(window.tokens).toBeLessThanOrEqual(0.75 * 16384);
  const contents = window.messages().map(({ content }) => (typeof content === 'string' ? content.slice(0, 8).trim() : ''));
  expect([contents[0], contents.at(-1)?.slice(0, 2)]).toEqual(['Be kind.', '16']);
  expect(contents.length).toBeLessThan(14);
});
