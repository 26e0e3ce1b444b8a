/**
 * What evaluations measured of models and orchestrations: how reliable they are, by skill, and how their scores map to shares
 * of right answers. Kept in `measured.json` of the data folder, so that it outlives the process and can be read, copied to
 * another machine, or deleted. The registry shows it as `measuredQuality`, apart from what is set by hand.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { calibrate, calibratorSchema } from '../answers/calibration.ts';
import type { Clock } from '../contracts/clock.ts';
import { CONFIDENCE_METHODS, type Confidence } from '../contracts/confidence.ts';
import type { Logger } from '../contracts/logger.ts';
import { CAPABILITY_PATTERN, type ModelId } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import { makeFolder } from '../lib/folder.ts';
import type { Registry } from '../registry/registry.ts';

/** Schema of `Measurement`, without its time. */
export const measurementSchema = z.strictObject({
  quality: z
    .record(z.string().regex(CAPABILITY_PATTERN), z.number().min(0).max(1))
    .refine((quality) => Object.keys(quality).length > 0, 'at least one share is needed')
    .describe('Shares of right answers, 0..1: by capability or skill; `default` over all.'),
  items: z.int().min(1).describe('How many answers it was measured on.'),
  calibration: z
    .strictObject({ method: z.enum(CONFIDENCE_METHODS), map: calibratorSchema })
    .optional()
    .describe('Maps scores of this method to shares of right answers.'),
});
/** What was measured of one model or orchestration. */
export type Measurement = z.output<typeof measurementSchema>;

const fileSchema = z.strictObject({
  version: z.literal(1),
  models: z.record(z.string().min(1), measurementSchema.extend({ at: z.number().describe('Epoch seconds.') })),
});
type Measurements = z.output<typeof fileSchema>['models'];

export interface MeasuredOptions {
  /** The file. It need not exist. */
  readonly path: string;
  readonly registry: Pick<Registry, 'recordMeasured'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Measured {
  readonly #options: MeasuredOptions;
  #models: Measurements = {};

  /** Reads the file and tells the registry. One that cannot be read is logged and left alone until something is recorded. */
  constructor(options: MeasuredOptions) {
    this.#options = options;
    try {
      this.#models = readMeasurements(options.path);
    } catch (error) {
      options.log.warn({ err: error, path: options.path }, 'what was measured of models cannot be read: it is ignored');
    }
    for (const [id, { quality }] of Object.entries(this.#models)) options.registry.recordMeasured(id, { quality });
  }

  get(id: ModelId): Measurement | null {
    return Object.hasOwn(this.#models, id) ? (this.#models[id] ?? null) : null;
  }

  /**
   * Keeps a measurement: shares of other skills that were measured before stay, a new calibration replaces the old one.
   * Errors: `storage_unavailable`.
   */
  record(id: ModelId, measurement: Measurement): Measurement {
    const { path, registry, clock } = this.#options;
    // Another process may have written meanwhile: the command line without a server uses the same folder.
    const models = readOrNothing(path) ?? this.#models;
    const before = Object.hasOwn(models, id) ? models[id] : undefined;
    const next = { ...before, ...measurement, quality: { ...before?.quality, ...measurement.quality }, at: clock.now() / 1000 };
    this.#write({ ...models, [id]: next });
    registry.recordMeasured(id, { quality: next.quality });
    return next;
  }

  /** The confidence with its score mapped to a share of right answers, when this was measured of the model; else as it is. */
  calibrate(id: ModelId, confidence: Confidence): Confidence {
    const calibration = this.get(id)?.calibration;
    if (calibration === undefined || confidence.calibrated || calibration.method !== confidence.method) return confidence;
    return calibrate(calibration.map, confidence);
  }

  #write(models: Measurements): void {
    const { path } = this.#options;
    try {
      makeFolder(dirname(path));
      // Whole or not at all: a reader never sees half of it.
      writeFileSync(`${path}.new`, `${JSON.stringify({ version: 1, models }, null, 2)}\n`);
      renameSync(`${path}.new`, path);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new TuttiError('storage_unavailable', `${path} cannot be written: ${reason}`, { cause });
    }
    this.#models = models;
  }
}

/** Throws when there is a file that is none of ours. */
function readMeasurements(path: string): Measurements {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  return fileSchema.parse(JSON.parse(text)).models;
}

/** null when the file cannot be read, which was logged at the start. */
function readOrNothing(path: string): Measurements | null {
  try {
    return readMeasurements(path);
  } catch {
    return null; // It is replaced by what is known here.
  }
}
