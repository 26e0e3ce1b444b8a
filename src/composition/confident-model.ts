/** A model that gives a confidence with its answer although its caller asked for no probabilities. */
import type { ChatInput } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import { LogprobMeter } from '../contracts/logprob-meter.ts';
import type { Model } from '../contracts/model.ts';
import { isContent, type Part } from '../contracts/part.ts';
import { TuttiError } from '../errors/error.ts';

/** Maps a model's raw confidence to how often it is right, where that was measured. */
export type Calibrate = (model: string, confidence: Confidence) => Confidence;

/** Calls with `wantsConfidence` ask the model for probabilities, which stay here: only what they say goes on. */
export function withConfidence(model: Model, calibrate: Calibrate): Model {
  const { id } = model.descriptor;
  return {
    descriptor: model.descriptor,
    call: (operation, input, options) => {
      const chat = operation === 'chat' ? (input as ChatInput) : null;
      const asked = chat?.logprobs === true;
      if (chat === null || (!asked && options.wantsConfidence !== true)) return model.call(operation, input, options);
      const parts = asked
        ? model.call('chat', chat, options)
        : measured((logprobs) => model.call('chat', logprobs ? { ...chat, logprobs } : chat, options));
      return calibrated(parts, (confidence) => calibrate(id, confidence));
    },
  };
}

/** An orchestration has its confidence from its members; how often it is right with it can be measured all the same. */
export function withCalibration(model: Model, calibrate: Calibrate): Model {
  const { id } = model.descriptor;
  return {
    descriptor: model.descriptor,
    call: (...call) => calibrated(model.call(...call), (confidence) => calibrate(id, confidence)),
  };
}

/** Asks for probabilities; a model that refuses them before it has said anything is asked without. */
async function* measured(call: (logprobs: boolean) => AsyncIterable<Part>): AsyncGenerator<Part> {
  let said = false;
  const meters = new Map<number, LogprobMeter>();
  try {
    for await (const part of call(true)) {
      said ||= isContent(part) || part.type === 'finish';
      yield metered(part, meters);
    }
    return;
  } catch (error) {
    if (said || !TuttiError.isInstance(error) || !REFUSALS.has(error.code)) throw error;
  }
  yield* call(false);
}

/** How providers say that they do not give probabilities. */
const REFUSALS: ReadonlySet<string> = new Set(['upstream_rejected', 'unsupported_parameter', 'invalid_request']);

function metered(part: Part, meters: Map<number, LogprobMeter>): Part {
  if (part.type === 'text-delta' && part.logprobs !== undefined) {
    let meter = meters.get(part.choice);
    if (meter === undefined) meters.set(part.choice, (meter = new LogprobMeter()));
    const { logprobs, ...rest } = part;
    for (const token of logprobs) meter.add(token);
    return rest;
  }
  if (part.type !== 'finish' || part.confidence !== undefined) return part;
  const confidence = meters.get(part.choice)?.confidence();
  return confidence === undefined ? part : { ...part, confidence };
}

async function* calibrated(parts: AsyncIterable<Part>, calibrate: (confidence: Confidence) => Confidence): AsyncGenerator<Part> {
  for await (const part of parts) {
    if (part.type !== 'finish' || part.confidence == null || part.confidence.calibrated) yield part;
    else yield { ...part, confidence: calibrate(part.confidence) };
  }
}
