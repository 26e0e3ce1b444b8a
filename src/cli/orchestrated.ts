/** The keys of a strategy that is given on the command line. */
import { parse } from 'yaml';
import { TuttiError } from '../errors/error.ts';
import { read } from './ask.ts';
import { parseChanges } from './changes.ts';

export interface StrategyOptions {
  readonly strategy?: string;
  readonly numModels?: number;
  readonly voting?: string;
  readonly stages?: string;
  readonly confidenceThreshold?: number;
  readonly set?: readonly string[];
}

/** As the config has them; `--set` beats the options of their own. */
export async function orchestratedBody(options: StrategyOptions): Promise<Record<string, unknown>> {
  const { numModels, voting, stages, confidenceThreshold, set = [] } = options;
  return {
    ...(numModels !== undefined && { num_models: numModels }),
    ...(voting !== undefined && { voting }),
    ...(stages !== undefined && { stages: await readStages(stages) }),
    ...(confidenceThreshold !== undefined && { confidence_threshold: confidenceThreshold }),
    ...parseChanges(set),
  };
}

/** A list, or an object that has one as `stages`. YAML reads JSON, too. */
async function readStages(path: string): Promise<unknown> {
  const text = (await read(path)).toString('utf8');
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    const message = `${path} is neither YAML nor JSON: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new TuttiError('invalid_request', message, { cause });
  }
  if (Array.isArray(value)) return value;
  if (typeof value === 'object' && value !== null && 'stages' in value) return value.stages;
  throw new TuttiError('invalid_request', `${path} holds no stages: it takes a list of {model or capability, …}.`);
}
