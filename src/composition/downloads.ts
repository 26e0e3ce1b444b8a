/** Downloading models: from a hub into the folder of the llama-cpp backend, or by a backend itself. */
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import type { PullProgress } from '../contracts/backend.ts';
import type { BackendId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { EMBEDDED_BACKEND } from './embedded.ts';
import type { System } from './system.ts';

/** `hf:org/repo:Q4_K_M`, or `backend:name`. The backend lists its models again afterwards. */
export async function* pullModel(system: System, reference: string, signal: AbortSignal): AsyncGenerator<PullProgress> {
  const colon = reference.indexOf(':');
  const prefix = reference.slice(0, Math.max(colon, 0));
  if (prefix === 'hf') {
    const { pullFromHub } = await import('../hub/pull.ts');
    const { id, directory } = downloadsOf(system);
    yield* pullFromHub(reference, { directory, signal, environment: system.settings.loaded.environment });
    await system.backends.refresh({ id });
    return;
  }
  if (colon < 1) {
    throw new TuttiError(
      'invalid_request',
      `\`${reference}\` does not say where to download from. Write hf:org/repo:Q4_K_M, or backend:name, such as ollama:qwen3.`,
      { param: 'model' },
    );
  }
  const backend = system.backends.get(prefix);
  if (backend.pull === undefined) {
    throw new TuttiError('unsupported_parameter', `The backend ${prefix} (${backend.type}) downloads no models.`, {
      param: 'model',
    });
  }
  yield* backend.pull(reference.slice(colon + 1), { signal });
  await system.backends.refresh({ id: prefix });
}

/** The llama-cpp backend that downloads go to, and its folder. */
function downloadsOf(system: System): { id: BackendId; directory: string } {
  const entry = Object.entries(system.entries()).find(
    ([id, { type, models_dir }]) => id !== EMBEDDED_BACKEND && type === 'llama-cpp' && models_dir !== undefined,
  );
  if (entry === undefined) {
    throw new TuttiError(
      'unknown_backend',
      'There is no llama-cpp backend with a models_dir to download to. Add: backends: { gguf: { type: llama-cpp, models_dir: ./models } }',
    );
  }
  const [id, { models_dir }] = entry;
  const first = String([models_dir].flat()[0]);
  return { id, directory: resolve(system.settings.loaded.directory, first.replace(/^~(?=$|[/\\])/, homedir())) };
}
