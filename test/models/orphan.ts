/** A parent that loads an endless model, prints its runner's process id, and is then killed by the test. */
import { LlamaCppBackend } from '../../src/backends/llama-cpp/backend.ts';
import { llamaCppConfig } from '../../src/backends/llama-cpp/schema.ts';
import { SILENT_LOGGER } from '../../src/contracts/logger.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { callOptions, openModel, user } from './fixtures.ts';

const folder = process.argv[2] ?? '';
const context = { id: 'gguf', dataDir: folder, log: SILENT_LOGGER, clock: systemClock };
const backend = new LlamaCppBackend(llamaCppConfig.parse({ models_dir: folder, temperature: 0 }), context);
const model = await openModel(backend, 'endless');
for await (const part of model.call('chat', { messages: [user('Hi')] }, callOptions()))
  if (part.type === 'text-delta') process.stdout.write(`${model.pid}\n`);
