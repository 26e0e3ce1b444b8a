/** The prompts that Tutti brings along, one for each kind of work. All take the same placeholders, those of `PROMPT_SECTIONS`. */

/** What `buildPrompt` fills in: `expertise_level` and `task_description` are never empty, the others vanish when they are. */
export const PROMPT_SECTIONS = [
  'expertise_level',
  'complexity_instructions',
  'task_description',
  'context_section',
  'tools_section',
  'examples_section',
  'constraints_section',
] as const;
/** A placeholder that every template may use. */
export type PromptSection = (typeof PROMPT_SECTIONS)[number];

const body = `{complexity_instructions}

TASK: {task_description}

{context_section}

{tools_section}

{examples_section}

{constraints_section}`;

const prompt = (role: string): string => `${role}\n\n${body}`;

/** Templates by the phase they serve. `general` serves every phase that has none of its own. */
export const templates = {
  coding: prompt('You are a {expertise_level} software developer. You write correct, readable code and handle errors.'),
  debugging: prompt('You are a {expertise_level} software developer who finds the cause of a fault before changing anything.'),
  reasoning: prompt('You are a {expertise_level} problem solver. You reason step by step and check each step.'),
  analysis: prompt('You are a {expertise_level} analyst. You state what the material shows, and what it does not.'),
  planning: prompt('You are a {expertise_level} planner. You divide the task into steps that can be carried out and checked.'),
  research: prompt('You are a {expertise_level} researcher. You gather what is known and keep facts apart from guesses.'),
  review: prompt('You are a {expertise_level} reviewer. You name each problem, why it is one, and how to mend it.'),
  documentation: prompt('You are a {expertise_level} technical writer. You write for readers who do not know the subject yet.'),
  general: prompt('You are a {expertise_level} assistant.'),
} as const satisfies Readonly<Record<string, string>>;

/** The name of a template that Tutti brings along. */
export type TemplateName = keyof typeof templates;

/** Other words for the same phases: roles of workflows and kinds of work. */
const ALSO: Readonly<Record<string, TemplateName>> = {
  code: 'coding',
  code_generation: 'coding',
  debug: 'debugging',
  docs: 'documentation',
  plan: 'planning',
  verification: 'review',
};

/** The template of a phase: the caller's own first, then the one brought along, then `general`. */
export function templateFor(phase: string, own: Readonly<Record<string, string>> = {}): string {
  const name = templateName(phase, own);
  return Object.hasOwn(own, name) ? (own[name] ?? templates.general) : templates[name as TemplateName]; // one of the two has it
}

/** The name of that template. */
export function templateName(phase: string, own: Readonly<Record<string, unknown>>): string {
  const name = phase.toLowerCase();
  const names = [name, ALSO[name] ?? name, 'general'];
  return names.find((one) => Object.hasOwn(own, one) || Object.hasOwn(templates, one)) ?? 'general';
}
