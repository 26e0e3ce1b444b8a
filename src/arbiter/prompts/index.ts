/**
 * Prompts and context: builds prompts, fills templates, cuts what does not fit, and keeps conversations inside a model's window.
 *
 * @module tutti/prompts
 */
export { buildPrompt, type BuildPromptOptions, type PromptContext, type PromptTask } from './builder.ts';
export { chunkPrompt, type ChunkOptions } from './chunk.ts';
export { estimateTokens, type CountTokens } from './estimate.ts';
export { describeTool, relevantTools, type Information, type RecentFailure } from './sections.ts';
export { placeholdersOf, renderTemplate, type TemplateValues } from './template.ts';
export { PROMPT_SECTIONS, templateFor, templates, type PromptSection, type TemplateName } from './templates.ts';
export { fitMessages, messageTokens, type FitOptions } from '../context-fit.ts';
export { createContextWindow, type ContextWindow, type ContextWindowOptions, type Summarize } from '../context-window.ts';
