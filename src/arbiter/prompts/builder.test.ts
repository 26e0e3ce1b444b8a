import { describe, expect, it } from 'vitest';
import type { ToolDefinition } from '../../contracts/chat.ts';
import { buildPrompt, type PromptContext } from './builder.ts';
import { promptContext, promptsConfig } from './schema.ts';
import { exampleCall, relevantTools } from './sections.ts';

const tool = (name: string, description: string, properties: Record<string, unknown> = {}): ToolDefinition => ({
  type: 'function',
  function: { name, description, parameters: { type: 'object', properties, required: Object.keys(properties) } },
});
const weather = tool('get_weather', 'Tells the weather of a city.', { city: { type: 'string' } });
const mail = tool('send_mail', 'Sends a mail.', { to: { type: 'string' }, text: { type: 'string' } });
const one = (phase: string, task: string, context?: PromptContext): string => {
  const turns = buildPrompt({ phase, task, ...(context !== undefined && { context }) });
  expect(turns).toHaveLength(1);
  return turns[0] ?? '';
};

describe('a prompt', () => {
  it('of a plain task has a role, an instruction and the task, and no trace of what is empty', () => {
    expect(one('coding', 'Sort a list.')).toBe(
      [
        'You are a capable software developer. You write correct, readable code and handle errors.',
        'Answer directly and keep to what was asked.',
        'TASK: Sort a list.',
      ].join('\n\n'),
    );
  });

  it.each([
    [7, 'capable', 'Answer directly'],
    [7.1, 'senior', 'Work in this order'],
    [10, 'senior', 'Work in this order'],
  ])('of complexity %s is for a %s one: %s', (complexity, level, instruction) => {
    const [prompt] = buildPrompt({ phase: 'coding', task: { description: 'x', complexity } });
    expect(prompt).toContain(`You are a ${level} software`);
    expect(prompt).toContain(instruction);
  });

  it('has all sections in order when there is something for each', () => {
    const prompt = one('coding', 'Write the weather of Rome into a file.', {
      tools: [mail, weather],
      information: ['Use metric units.', { title: 'notes.md', text: 'Rome is in Italy.' }, { title: 'empty.md', text: '' }],
      recentFailures: [{ error: 'city is missing', tool: 'get_weather', attempt: 'get_weather()' }],
      preferences: ['Answer in French.'],
    });
    expect(prompt.split('\n\n').slice(3)).toEqual([
      'CONTEXT:\nUse metric units.',
      '[notes.md]\nRome is in Italy.',
      'TOOLS:\n- get_weather(city: string): Tells the weather of a city.',
      [
        'EARLIER ATTEMPTS FAILED. Do not repeat these mistakes:',
        '- Problem: city is missing',
        '  Written: get_weather()',
        '  Right: {"name":"get_weather","arguments":{"city":"<city>"}}',
      ].join('\n'),
      'THE USER PREFERS:\n- Answer in French.',
    ]);
  });

  it('shows the last three different failures', () => {
    const failures = ['a', 'b', 'c', 'a', 'd'].map((error) => ({ error }));
    const prompt = one('coding', 'x', { recentFailures: failures });
    expect([...prompt.matchAll(/Problem: (\w)/g)].map((match) => match[1])).toEqual(['c', 'a', 'd']);
  });

  it('has the given role in place of its own', () => {
    expect(one('coding', 'x', { role: 'You write Prolog.' })).toMatch(/^You write Prolog\.\n\nAnswer directly/);
  });

  it('without a task is refused', () => {
    expect(() => buildPrompt({ phase: 'coding', task: ' ' })).toThrow('The task is empty.');
  });

  it('that is too large becomes several turns, each of which but the last announces the next', () => {
    const task = Array.from({ length: 30 }, (_, i) => `Item ${i} of the list.`).join('\n');
    const countTokens = (text: string): number => text.length;
    const turns = buildPrompt({ phase: 'analysis', task, context: { modelLimits: { maxPromptTokens: 300 }, countTokens } });
    expect(turns.length).toBeGreaterThan(1);
    for (const [i, turn] of turns.entries()) {
      expect(turn.length).toBeLessThanOrEqual(300);
      expect(turn.includes(`(Part ${i + 1} of ${turns.length}. Wait`)).toBe(i < turns.length - 1);
    }
    for (let i = 0; i < 30; i++) expect(turns.join('\n')).toContain(`Item ${i} of the list.`);
  });

  it('uses templates of the config, with their values', () => {
    const prompts = promptsConfig.parse({
      legal: {
        template: 'You know the law of {country}.\n\n{task_description}\n\n{tools_section}',
        values: { country: 'France' },
      },
      general: 'Please: {task_description}',
    });
    expect(one('Legal', 'May I?', promptContext(prompts, 'Legal'))).toBe('You know the law of France.\n\nMay I?');
    expect(one('cooking', 'Boil an egg.', promptContext(prompts, 'cooking'))).toBe('Please: Boil an egg.');
  });

  it('of the config is refused when nothing fills a placeholder', () => {
    const result = promptsConfig.safeParse({ legal: '{task_description} in {country}' });
    expect(result.error?.issues[0]?.message).toMatch(/^nothing fills \{country\}/);
  });
});

describe('relevant tools', () => {
  it.each([
    ['How is the weather in Oslo?', ['get_weather']],
    ['Mail me the weather.', ['get_weather', 'send_mail']],
    ['Write to Ada at a@b.c with this text', ['send_mail']],
    ['Anything else', ['get_weather', 'send_mail']],
  ])('for %j are %j', (task, names) => {
    expect(
      relevantTools(task, [weather, mail])
        .map((one) => one.function.name)
        .sort(),
    ).toEqual(names);
  });

  it('are at most as many as asked for, best first', () => {
    expect(relevantTools('Send the weather by mail, send it', [weather, mail], 1)).toEqual([mail]);
  });
});

it('an example call takes what the schema offers', () => {
  const all = tool('book', 'Books.', {
    when: { type: 'string', examples: ['2026-01-02'] },
    class: { enum: ['first', 'second'] },
    seats: { type: 'integer', default: 2 },
    days: { type: 'array', items: { type: 'number' } },
    sure: { type: ['boolean', 'null'] },
  });
  expect(JSON.parse(exampleCall(all))).toEqual({
    name: 'book',
    arguments: { when: '2026-01-02', class: 'first', seats: 2, days: [1], sure: true },
  });
});
