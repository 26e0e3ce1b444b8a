/** The pool: load ahead, look at the memory, make room. */
import { createTutti } from 'tutti';

await using tutti = await createTutti({ log: 'warn', pool: { maxLoadedModels: 2, cpuMemoryLimitMb: 2000 } });
using _loaded = tutti.events.on('model.loaded', ({ data }) => console.log(`${data.model} is loaded on ${data.device}`));
using _unloaded = tutti.events.on('model.unloaded', ({ data }) => console.log(`${data.model} is gone (${data.reason})`));

await tutti.pool.preload('embedded:nano');
{
  await using lease = await tutti.pool.acquire('embedded:base');
  console.log(`${lease.id} cannot be evicted now`);
  console.log(await tutti.pool.evict({ targetMemoryMb: 0 }).then(({ evicted }) => `evicted: ${evicted.join(', ')}`));
}
for (const model of tutti.pool.memory().models) console.log(`${model.id}: ${model.measuredMb} MiB, ${model.leases} calls`);
