import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { AnyBackendDefinition } from '../contracts/backend.ts';
import type { Plugin } from '../contracts/plugin.ts';
import { TuttiError } from '../errors/error.ts';
import { FakeBackend } from '../testing/fake-backend.ts';
import { sourceOf, type TuttiOptions } from './options.ts';
import { readSettings } from './settings.ts';
import { System } from './system.ts';

let directory: string;
let system: System;
let made: string[];
/** Writes the config file. */
const write = (text: string): void => writeFileSync(join(directory, 'tutti.yaml'), text);

const backends: AnyBackendDefinition[] = [
  {
    type: 'fake',
    config: z.strictObject({ ill: z.boolean().default(false) }),
    create: async ({ ill }: { ill: boolean }, { id }) => {
      if (ill) throw new TuttiError('config_invalid', 'it is ill');
      made.push(id);
      return new FakeBackend({ id });
    },
  },
];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tutti-system-'));
  made = [];
  write('backends: { x: { type: fake } }\n');
  const plugins = [{ apiVersion: 1, name: 'fakes', backends }] as const;
  const options: TuttiOptions = { directory, environment: {}, log: 'silent', plugins };
  system = new System(await readSettings(sourceOf(options)), options);
  await system.start();
});
afterEach(async () => {
  await system.close();
  rmSync(directory, { recursive: true });
});

describe('the config of a running Tutti', () => {
  it('stays as it was when a backend of the new one cannot be made', async () => {
    write('backends: { x: { type: fake, ill: true } }\nrouting: { policy: cost }\n');
    await expect(system.reload()).rejects.toThrow('it is ill');
    expect([system.config.routing.policy, system.backends.ids()]).toEqual(['balanced', ['embedded', 'x']]);
  });

  it('is read by one after the other, so that each backend is made once', async () => {
    write('backends: { x: { type: fake }, y: { type: fake } }\n');
    const reloads = await Promise.all([system.reload(), system.reload()]);
    expect(reloads.map(({ changed }) => changed)).toEqual([['backends'], []]);
    expect(made).toEqual(['x', 'y']);
  });

  it('is read after a bad one, too', async () => {
    write('aliases: 3\n');
    const bad = system.reload();
    await expect(bad).rejects.toMatchObject({ code: 'config_invalid' });
    write('backends: { x: { type: fake } }\nrouting: { policy: cost }\n');
    expect((await system.reload()).changed).toEqual(['routing']);
  });

  it('is not read any more when Tutti is closed', async () => {
    await system.close();
    await expect(system.reload()).rejects.toMatchObject({ code: 'closed' });
  });

  it('takes no plug-in that it cannot go on with', async () => {
    write('aliases: 3\n');
    const plugin: Plugin = { apiVersion: 1, name: 'late' };
    await expect(system.loadPlugin(plugin)).rejects.toMatchObject({ code: 'config_invalid' });
    expect(system.plugins.map(({ plugin: { name } }) => name)).toEqual(['fakes']);
  });
});
