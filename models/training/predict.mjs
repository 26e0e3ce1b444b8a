// Answers test items greedily through llama.cpp and says how sure it was of its least sure token.
//
//   node predict.mjs <model.gguf> <items.jsonl> <predictions.jsonl> [how many]
//
// Items hold `prompt` or `messages`, and perhaps `tools`. Each line written: {id, answer, lowest, ids?}.
// One thread on purpose: with as many threads as cores, a busy machine makes llama.cpp hundreds of times slower.

import { readFileSync, writeFileSync } from 'node:fs';
import { getLlama } from 'node-llama-cpp';
import { Template } from '@huggingface/jinja';

const [modelPath, itemsPath, outPath, limit] = process.argv.slice(2);
const MAX_ANSWER = 400;

const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error', maxThreads: 1 });
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: model.trainContextSize, sequences: 1, threads: 1 });
const sequence = context.getSequence();
const template = new Template(model.fileInfo.metadata.tokenizer.chat_template);
const eos = model.tokens.eos;

const items = readFileSync(itemsPath, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const lines = [];
for (const item of items.slice(0, Number(limit ?? items.length))) {
  const messages = item.messages ?? [{ role: 'user', content: item.prompt }];
  const text = template.render({
    messages,
    tools: item.tools?.length ? item.tools : undefined,
    add_generation_prompt: true,
    bos_token: '<s>',
    eos_token: '</s>',
  });
  const ids = model.tokenize(text, true);
  await sequence.clearHistory();
  const answer = [];
  let lowest = 1;
  for await (const { token, confidence } of sequence.evaluateWithMetadata(
    ids,
    { confidence: true },
    { temperature: 0, yieldEogToken: true },
  )) {
    lowest = Math.min(lowest, confidence);
    if (token === eos || answer.length >= MAX_ANSWER) break;
    answer.push(token);
  }
  lines.push(
    JSON.stringify({
      id: item.id,
      answer: model.detokenize(answer, true),
      lowest: Number(lowest.toFixed(5)),
      ...(limit ? { ids } : {}),
    }),
  );
}
writeFileSync(outPath, lines.join('\n') + '\n');
await llama.dispose();
