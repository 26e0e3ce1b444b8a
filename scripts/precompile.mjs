/**
 * Makes the first start as quick and as small as all later ones: loads what a server and a runner load, so that Node keeps it
 * compiled. Without that the first start strips the types of 170 files: a second more until it is ready, and 30 MB more memory.
 * `setup.mjs` runs it after an installation; that it fails, or was never run, costs nothing but that.
 */
import { enableCompileCache } from 'node:module';

enableCompileCache();
process.argv = [...process.argv.slice(0, 2), '--version'];
await import('../src/cli/main.ts');
const files = [
  'cli/commands/serve.ts',
  'backends/llama-cpp/backend.ts',
  'backends/llama-cpp/runner.ts',
  'backends/ollama/host.ts',
];
for (const file of files) await import(`../src/${file}`);
const { startLlama } = await import('../src/backends/llama-cpp/runner/native.ts');
try {
  await startLlama(false, () => {});
} catch {
  // Installed without llama.cpp, or there is none for this machine: nothing more to compile.
}
process.exit(0);
