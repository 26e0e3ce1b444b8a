/** The `runs:` section of the config. Light: it is read whenever a config is checked. */
import { z } from 'zod';

export const runsSchema = z
  .strictObject({
    store_content: z
      .boolean()
      .default(false)
      .describe(
        'Keep prompts and answers with the runs, so that paused and failed runs and conversations go on after a restart. Off: only figures are kept.',
      ),
    max_content_kb: z
      .int()
      .min(1)
      .default(256)
      .describe('A prompt or an answer larger than this is not kept with its run. What a paused run needs to go on always is.'),
    retention_days: z.number().positive().default(30).describe('Runs, conversations and events older than this are removed.'),
    max_runs: z.int().min(1).default(100_000).describe('The oldest runs (and conversations) beyond this number are removed.'),
    max_events: z
      .int()
      .min(1)
      .default(200_000)
      .describe('About so many events are kept, for readers of `/api/events` that come back with `Last-Event-ID`.'),
  })
  .describe('What is kept of the runs, and for how long.');
export type RunsConfig = z.output<typeof runsSchema>;

const score = (fallback: number) => z.number().min(0).max(1).default(fallback);

export const reviewSchema = z
  .strictObject({
    suggested_below: score(0.7).describe('An answer of less confidence should be looked at by a person.'),
    needed_below: score(0.5).describe('An answer of less confidence must be.'),
    ask: z
      .boolean()
      .default(false)
      .describe('Pause the run of an orchestration with such an answer until a person has approved or replaced it.'),
  })
  .refine(({ suggested_below, needed_below }) => needed_below <= suggested_below, {
    error: 'needed_below must not be above suggested_below',
    path: ['needed_below'],
  })
  .describe('When a person should look at an answer.');
