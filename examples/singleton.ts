/**
 * One Tutti for a whole process: `getTutti()` gives the same wherever it is called. Kimi K2 is played by a fake upstream on loopback;
 * for the real one leave out `upstream`, `base_url` and `api_key`, and set MOONSHOT_API_KEY.
 */
import { getTutti } from 'tutti';
import { createFakeUpstream } from 'tutti/testing';

await using upstream = await createFakeUpstream({ models: { 'kimi-k2.6': { answer: 'Here I am.' } } });
await using first = await getTutti({
  log: 'error',
  backends: { moonshot: { type: 'openai-compatible', preset: 'moonshot', base_url: `${upstream.url}/v1`, api_key: 'fake' } },
});
const second = await getTutti();
console.log(`the same: ${first === second}`);

using _events = second.events.on('run.completed', ({ data: { run } }) => console.log(`${run.target} has answered`));
console.log((await second.run({ model: 'kimi-k2', input: 'Are you there?' })).text);
const { totalExecutions, successRate, modelUsage } = first.stats();
console.log({ totalExecutions, successRate, modelUsage });
