/** The library in one page: ask, stream, see what was used. */
import { createTutti } from 'tutti';

await using tutti = await createTutti({ log: 'warn' });

const answer = await tutti.run({ model: 'embedded:base', input: 'What is 12 + 30?' });
console.log(`${answer.model}: ${answer.text} (${answer.usage.outputTokens} tokens, run ${answer.runId})`);

for await (const part of tutti.stream({ model: 'embedded:base', input: 'Reverse the word "music".' })) {
  if (part.type === 'text-delta' && part.step === 'root') process.stdout.write(part.text);
}
console.log();
