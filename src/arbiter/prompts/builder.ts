/** Builds the prompt for a piece of work from what is known about it: its phase, its complexity, the tools, and what went wrong before. */
import type { ToolDefinition } from '../../contracts/chat.ts';
import { TuttiError } from '../../errors/error.ts';
import { chunkPrompt } from './chunk.ts';
import { estimateTokens, type CountTokens } from './estimate.ts';
import {
  complexitySection,
  constraintsSection,
  contextSection,
  examplesSection,
  relevantTools,
  toolsSection,
  type Information,
  type RecentFailure,
} from './sections.ts';
import { renderTemplate, type TemplateValues } from './template.ts';
import { templateFor, type PromptSection } from './templates.ts';

/** What is to be done. */
export interface PromptTask {
  readonly description: string;
  /** 0 … 10, as routing measures it. Above 7 is complex. */
  readonly complexity?: number;
  readonly constraints?: readonly string[];
}

/** What is known about the work. Everything may be absent, and then has no place in the prompt. */
export interface PromptContext {
  /** Who the model is to be; takes the place of the template's first paragraph. */
  readonly role?: string;
  /** Default `senior` for complex tasks, else `capable`. */
  readonly expertiseLevel?: string;
  /** Overrides what the task's complexity says. */
  readonly isComplex?: boolean;
  /** All tools there are; the prompt shows the relevant ones. */
  readonly tools?: readonly ToolDefinition[];
  /** How many tools the prompt shows at most. Default 8. */
  readonly maxTools?: number;
  readonly recentFailures?: readonly RecentFailure[];
  readonly information?: readonly Information[];
  /** What the user likes: a style, a language, a length. */
  readonly preferences?: readonly string[];
  /** Templates of one's own by phase: those of `prompts:` in the config. They come before the ones brought along. */
  readonly templates?: Readonly<Record<string, string>>;
  /** Values of the placeholders that one's own templates have beside the usual ones. */
  readonly values?: TemplateValues;
  /** What the model takes. Default: no limit, so one turn. */
  readonly modelLimits?: { readonly maxPromptTokens: number };
  /** Default: `estimateTokens`. */
  readonly countTokens?: CountTokens;
}

/** What `buildPrompt` takes. */
export interface BuildPromptOptions {
  /** The kind of work: `coding`, `reasoning`, `review` … A phase without a template of its own uses `general`. */
  readonly phase: string;
  readonly task: string | PromptTask;
  readonly context?: PromptContext;
}

/** Strictly above: complex. The same bound as in routing. */
const COMPLEX_ABOVE = 7;

/**
 * The prompt as one turn, or as several when it is larger than the model takes; every turn but the last then says that more
 * is to come. Sections without content leave no trace.
 *
 * Errors: `invalid_request` for a task without words, a limit below 1, or a template of one's own that lacks a value.
 */
export function buildPrompt({ phase, task, context = {} }: BuildPromptOptions): string[] {
  const work = typeof task === 'string' ? { description: task } : task;
  if (work.description.trim() === '') throw new TuttiError('invalid_request', 'The task is empty.', { param: 'task' });
  const values = { ...context.values, ...sectionsOf(work, context) };
  const [first = '', ...rest] = templateFor(phase, context.templates).split(/\n[^\S\n]*\n/);
  // Paragraph by paragraph, so that what does not fit into a turn is divided between sections.
  const paragraphs = [context.role ?? renderTemplate(first, values), ...rest.map((part) => renderTemplate(part, values))];
  const parts = paragraphs.filter((part) => part !== '');
  return context.modelLimits === undefined ? [parts.join('\n\n')] : inTurns(parts, context.modelLimits, context.countTokens);
}

function sectionsOf(task: PromptTask, context: PromptContext): Record<PromptSection, string> {
  const { tools = [], recentFailures = [], information = [], preferences = [] } = context;
  const isComplex = context.isComplex ?? (task.complexity ?? 0) > COMPLEX_ABOVE;
  return {
    expertise_level: context.expertiseLevel ?? (isComplex ? 'senior' : 'capable'),
    complexity_instructions: complexitySection(isComplex),
    task_description: task.description.trim(),
    context_section: contextSection(information),
    tools_section: toolsSection(relevantTools(task.description, tools, context.maxTools)),
    examples_section: examplesSection(recentFailures, tools),
    constraints_section: constraintsSection(task.constraints ?? [], preferences),
  };
}

/** The note costs tokens itself: a limit that has no room for it is used for the prompt alone. */
const NOTE_MAY_TAKE = 0.25;

function inTurns(
  parts: readonly string[],
  { maxPromptTokens }: { readonly maxPromptTokens: number },
  countTokens: CountTokens = estimateTokens,
): string[] {
  const whole = parts.join('\n\n');
  if (countTokens(whole) <= maxPromptTokens) return [whole];
  const room = maxPromptTokens - countTokens(`\n\n${note(999, 999)}`);
  if (room < maxPromptTokens * (1 - NOTE_MAY_TAKE)) return chunkPrompt(parts, { maxPromptTokens, countTokens });
  const turns = chunkPrompt(parts, { maxPromptTokens: room, countTokens });
  return turns.map((turn, i) => (i === turns.length - 1 ? turn : `${turn}\n\n${note(i + 1, turns.length)}`));
}

function note(part: number, of: number): string {
  return `(Part ${part} of ${of}. Wait for the rest before you answer.)`;
}
