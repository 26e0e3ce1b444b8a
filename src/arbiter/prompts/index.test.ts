import { expect, it } from 'vitest';
import * as prompts from 'tutti/prompts';

it('is a part of the package by itself', async () => {
  const window = prompts.createContextWindow();
  const content = prompts.renderTemplate(prompts.templates.coding, allEmpty());
  await window.add({ role: 'user', content });
  expect(window.tokens).toBe(prompts.estimateTokens(content));
  expect(prompts.chunkPrompt(prompts.buildPrompt({ phase: 'coding', task: 'Sort.' }), { maxPromptTokens: 1000 })).toHaveLength(1);
});

function allEmpty(): Record<string, string> {
  return Object.fromEntries(prompts.PROMPT_SECTIONS.map((name) => [name, '']));
}
