/**
 * Before node-llama-cpp loads one of its prebuilt libraries on Linux, it loads it in a second process to see whether that
 * crashes. Here the first process is a runner, in which a crash harms nobody, and for the CPU there is no other build to fall
 * back to: the test only delays the first token, by as much as starting Node a second time and loading llama.cpp twice (a
 * quarter of the whole; on a busy machine more than a second). For GPU builds it decides between builds, and stays.
 */
import { registerHooks } from 'node:module';

const TEST = '/bindings/utils/testBindingBinary.js';

const UNTESTED_ON_CPU = `
import { testBindingBinary as test } from './testBindingBinary.js?tested';
export const testBindingBinary = async (path, backends, gpu, ...rest) => gpu === false || test(path, backends, gpu, ...rest);
`;

/** Imports node-llama-cpp by `load` so that its CPU build is not tested. Where the file of the test is not found, all is as ever. */
export async function withoutCpuTest<T>(load: () => Promise<T>): Promise<T> {
  const hooks = registerHooks({
    load: (url, context, next) =>
      url.endsWith(TEST) ? { format: 'module', source: UNTESTED_ON_CPU, shortCircuit: true } : next(url, context),
  });
  try {
    return await load();
  } finally {
    hooks.deregister();
  }
}
