/** The config's `prompts:`: templates of one's own, by the phase they serve. */
import { z } from 'zod';
import { placeholdersOf } from './template.ts';
import { PROMPT_SECTIONS, templateName } from './templates.ts';

const full = z.strictObject({
  /** Text with placeholders such as `{task_description}`. */
  template: z.string().min(1),
  /** What placeholders of one's own stand for. */
  values: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
});

const own = z
  .union([z.string().min(1), full])
  .transform((value) => (typeof value === 'string' ? { template: value, values: {} } : value))
  .superRefine(({ template, values }, context) => {
    const unknown = placeholdersOf(template).filter((name) => !isSection(name) && !Object.hasOwn(values, name));
    if (unknown.length === 0) return;
    context.addIssue({
      code: 'custom',
      message: `nothing fills ${unknown.map((name) => `{${name}}`).join(', ')}: use one of ${PROMPT_SECTIONS.map((name) => `{${name}}`).join(', ')}, or give it under \`values\``,
    });
  });

function isSection(name: string): boolean {
  return PROMPT_SECTIONS.some((section) => section === name);
}

/** `prompts: { coding: "…", legal: { template: "…", values: { country: France } } }` */
export const promptsConfig = z.record(z.string().regex(/^[a-z][a-z0-9_-]*$/, 'a prompt is named by lower-case letters'), own);
/** Templates of one's own, as the config holds them. */
export type PromptsConfig = z.infer<typeof promptsConfig>;

/** The config's prompts as `buildPrompt` takes them for a phase: its `context.templates` and `context.values`. */
export function promptContext(
  prompts: PromptsConfig,
  phase: string,
): { templates: Record<string, string>; values: Record<string, string | number | boolean> } {
  return {
    templates: Object.fromEntries(Object.entries(prompts).map(([name, { template }]) => [name, template])),
    values: prompts[templateName(phase, prompts)]?.values ?? {},
  };
}
