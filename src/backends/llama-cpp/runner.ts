/**
 * The process that holds weights. It does what its parent says (protocol.ts), and ends with it: a runner that nobody
 * listens to would keep gigabytes of memory.
 */
import { writeFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import type { FromRunner, RequestId, RequestName, Requests, RunnerPart, ToRunner } from './protocol.ts';
import { toWire } from './protocol.ts';
import { TuttiError } from '../../errors/error.ts';
import { countTokens, LoadedModel, templateOf } from './runner/loaded-model.ts';
import { startLlama, type Llama } from './runner/native.ts';
import { Vocabulary } from './runner/vocabulary.ts';
import type { PromptTemplate } from './runner/prompt.ts';

// A runner is mostly started because somebody waits for its first token; without this node-llama-cpp takes a third longer.
enableCompileCache();

const models = new Map<string, LoadedModel>();
/** Loads under way: an unload that overtakes its load waits for it. */
const loading = new Map<string, Promise<unknown>>();
/** Vocabularies without weights, to count tokens with. The last few used. */
const tokenizers = new Map<string, { vocabulary: Vocabulary; template: PromptTemplate; dispose(): Promise<void> }>();
const MOST_TOKENIZERS = 8;
const calls = new Map<RequestId, AbortController>();
let llama: Promise<Llama> | null = null;

function send(message: FromRunner): void {
  process.send?.(message);
}

/** What llama.cpp says goes to the parent's log of this runner; the last errors also explain a failed load. */
const lastErrors: string[] = [];
function log(level: string, text: string): void {
  const line = text.trimEnd();
  if (line.trim() === '' || line === '.') return;
  if (level === 'error' || level === 'fatal') {
    lastErrors.push(line.trim());
    if (lastErrors.length > 8) lastErrors.shift();
  }
  process.stderr.write(`${level}: ${line}\n`);
}

function start(gpu: Requests['probe']['params']['gpu']): Promise<Llama> {
  llama ??= startLlama(gpu, log).catch((error: unknown) => {
    llama = null;
    throw error;
  });
  return llama;
}

/** The interface asked for, or the CPU where it cannot be started here. */
async function startOrCpu(gpu: Requests['probe']['params']['gpu']): Promise<Llama> {
  try {
    return await start(gpu);
  } catch (error) {
    if (gpu === false) throw error;
    log('warn', `${TuttiError.from(error).message} Going on with the CPU.`);
    return start(false);
  }
}

const handlers: { [N in RequestName]: (params: Requests[N]['params'], request: RequestId) => Promise<Requests[N]['answer']> } = {
  async load({ model, ...request }, id) {
    lastErrors.length = 0;
    let sent = -1;
    const onProgress = (fraction: number): void => {
      if (fraction - sent < 0.01) return;
      sent = fraction;
      send({ type: 'load-progress', request: id, fraction });
    };
    const load = startOrCpu(request.gpu).then((started) => LoadedModel.load(started, request, onProgress));
    loading.set(
      model,
      load.catch(() => null), // who waits for it hears of it below
    );
    try {
      const loaded = await load;
      models.set(model, loaded);
      return loaded.loaded;
    } catch (error) {
      throw explained(error, request.path);
    } finally {
      loading.delete(model);
    }
  },
  async unload({ model }) {
    await loading.get(model);
    const loaded = models.get(model);
    models.delete(model);
    await loaded?.[Symbol.asyncDispose]();
    return null;
  },
  async tokenize({ path, chatTemplate, input }) {
    for (const model of models.values()) if (model.isOf(path, chatTemplate)) return model.countTokens(input);
    const key = JSON.stringify([path, chatTemplate]);
    let tokenizer = tokenizers.get(key);
    if (tokenizer === undefined) {
      const model = await (await start(false)).loadModel({ modelPath: path, vocabOnly: true, gpuLayers: 0 });
      tokenizer = {
        vocabulary: new Vocabulary(model),
        template: templateOf(model, chatTemplate),
        dispose: () => model.dispose(),
      };
    }
    tokenizers.delete(key); // and in again as the latest
    tokenizers.set(key, tokenizer);
    for (const [oldest, unused] of tokenizers) {
      if (tokenizers.size <= MOST_TOKENIZERS) break;
      tokenizers.delete(oldest);
      await unused.dispose();
    }
    return countTokens(tokenizer.vocabulary, tokenizer.template, input);
  },
  measure: () =>
    Promise.resolve({
      resident: process.memoryUsage.rss(),
      models: Object.fromEntries(Array.from(models, ([key, model]) => [key, model.memory])),
    }),
  threads({ model, threads }) {
    models.get(model)?.setThreads(threads);
    return Promise.resolve(null);
  },
  async probe({ gpu }) {
    const started = await start(gpu);
    const vram = started.gpu === false ? { total: 0, used: 0 } : await started.getVramState();
    return {
      gpu: started.gpu === false ? null : started.gpu,
      devices: started.gpu === false ? [] : await started.getGpuDeviceNames(),
      vramTotal: vram.total,
      vramUsed: vram.used,
    };
  },
};

/** llama.cpp only says "failed"; why stands in its log, sometimes twice. */
function explained(error: unknown, path: string): TuttiError {
  const known = TuttiError.from(error, 'load_failed');
  if (known.code !== 'load_failed' || lastErrors.length === 0) return known;
  const said = `${[...new Set(lastErrors)].join(' ')} (${path})`;
  if (/failed to allocate|out of memory|cudaMalloc|ErrorOutOfDeviceMemory|unable to allocate/i.test(said))
    return new TuttiError('out_of_memory', `llama.cpp: ${said}`, { cause: error });
  if (
    /unknown model architecture|wrong number of tensors|invalid magic|tensor .* (?:not found|has wrong)|missing tensor|key not found|corrupted|unknown pre-tokenizer|failed to read/i.test(
      said,
    )
  )
    return new TuttiError('invalid_model_file', `llama.cpp: ${said}`, { cause: error });
  return new TuttiError('load_failed', `${known.message} llama.cpp: ${said}`, { cause: error });
}

async function answer<N extends RequestName>(name: N, params: Requests[N]['params'], request: RequestId): Promise<void> {
  try {
    send({ type: 'answer', request, value: await handlers[name](params, request) });
  } catch (error) {
    send({ type: 'failed', request, error: toWire(error) });
  }
}

async function call(message: Extract<ToRunner, { type: 'call' }>): Promise<void> {
  const controller = new AbortController();
  calls.set(message.call, controller);
  try {
    const model = models.get(message.model);
    if (model === undefined) throw new TuttiError('backend_error', 'The model of this call is not loaded in this runner.');
    const onParts = (parts: RunnerPart[]): void => send({ type: 'parts', call: message.call, parts });
    await model.call(message, controller.signal, onParts);
    send({ type: 'done', call: message.call });
  } catch (error) {
    send({ type: 'done', call: message.call, error: toWire(error) });
  } finally {
    calls.delete(message.call);
  }
}

process.on('message', (message: ToRunner) => {
  switch (message.type) {
    case 'call':
      void call(message);
      break;
    case 'cancel':
      calls.get(message.call)?.abort();
      break;
    case 'shutdown':
      end();
      break;
    default: {
      const { type, request, ...params } = message;
      void answer(type, params as never, request); // the union pairs each name with its own parameters
    }
  }
});

/** Nothing here outlives the process, and threads in the middle of a computation would hold up an orderly exit. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** When memory runs out, Linux ends a runner and not the server, which can then go on with another model. */
function offerToOomKiller(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '500');
  } catch {
    // Other systems have no such file, and some sandboxes forbid it: then the kernel chooses by size, mostly a runner too.
  }
}

offerToOomKiller();
process.on('disconnect', end);
// Ctrl-C reaches the whole process group, and systemd's SIGTERM the whole unit: the server finishes its calls first, and
// then ends its runners. If it cannot any more, `disconnect` comes.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
