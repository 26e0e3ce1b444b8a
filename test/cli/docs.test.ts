/** docs/cli.md describes every command and option, no other ones, and its examples are understood. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/commands.ts';

const text = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');

/** The options in the tables of each section whose heading is a command. */
const documented = Object.fromEntries(
  text.split(/^## /m).flatMap((section): [string, string[]][] => {
    const usage = /^`(tutti.*)`\n/.exec(section)?.[1];
    return usage === undefined ? [] : [[usage, [...section.matchAll(/^\| `(-[^`]*)` \|/gm)].map(([, flags = '']) => flags)]];
  }),
);

function usageOf(command: Command, parents: string): string {
  const words = command.registeredArguments.map((argument) => {
    const word = `${argument.name()}${argument.variadic ? '...' : ''}`;
    return argument.required ? `<${word}>` : `[${word}]`;
  });
  return [parents, command.name(), ...words].filter((word) => word !== '').join(' ');
}

/** Every command that does something, with its options. */
function actual(command: Command, parents = ''): [string, string[]][] {
  const path = `${parents} ${command.name()}`.trim();
  const own: [string, string[]] = [usageOf(command, parents), command.options.map(({ flags }) => flags)];
  const isGroup = ['tutti config', 'tutti use'].includes(path);
  return [...(isGroup ? [] : [own]), ...command.commands.flatMap((child) => actual(child, path))];
}

describe('docs/cli.md', () => {
  it('has a section for each command, with its options in their order', () => {
    const commands = actual(createProgram(async () => {}));
    expect(documented).toEqual(Object.fromEntries(commands));
    expect(Object.keys(documented)).toEqual(commands.map(([usage]) => usage));
  });

  const examples = [...text.matchAll(/^```sh\n([^]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n'));

  it.each(examples)('understands `%s`', async (line) => {
    const words =
      line
        .slice(line.indexOf('tutti '))
        .replace(/ [<>] \S+$/, '')
        .match(/"[^"]*"|\S+/g) ?? [];
    let started = 0;
    const program = createProgram(async () => void (started += 1));
    await program.parseAsync(
      words.slice(1).map((word) => word.replaceAll('"', '')),
      { from: 'user' },
    );
    expect(started).toBe(1);
  });
});
