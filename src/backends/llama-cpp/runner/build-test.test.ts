import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { withoutCpuTest } from './build-test.ts';

type Test = (binding: string, backends: string | undefined, gpu: 'cuda' | false) => Promise<boolean>;

it('takes a build for the CPU without a test, and has those for GPUs tested', async () => {
  const library = pathToFileURL(createRequire(import.meta.url).resolve('node-llama-cpp'));
  const file = new URL('./bindings/utils/testBindingBinary.js', library).href;
  const { testBindingBinary } = (await withoutCpuTest(() => import(file))) as { testBindingBinary: Test };
  expect(await testBindingBinary('/nowhere/llama-addon.node', undefined, false)).toBe(true);
  expect(await testBindingBinary('/nowhere/llama-addon.node', undefined, 'cuda')).toBe(false);
});
