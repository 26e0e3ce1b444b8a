/** Who is asked, and how reliable each is. */
import type { ChatInput } from '../../contracts/chat.ts';
import { memberKeys, requestFor, takingPart, type Member } from '../../contracts/member.ts';
import type { Quality } from '../../contracts/model.ts';
import type { StrategyContext, StrategyRequest } from '../../contracts/strategy.ts';
import { TuttiError } from '../../errors/error.ts';
import { NUM_MODELS, type ConsensusConfig } from './config.ts';

/** One who is to vote: a member, or one sample of it. */
export interface Voter {
  readonly key: string;
  readonly target: string;
  readonly request: StrategyRequest;
  /** 0..1, or null when nothing is known. */
  readonly reliability: number | null;
  /** Its confidence may be calibrated, and is then a better measure of one answer than its reliability. */
  readonly weighsItself: boolean;
}

/** The voters in the order of the config. Errors: `no_model_for_capability`. */
export function votersOf(context: StrategyContext<ConsensusConfig>): Voter[] {
  const { config, overrides, request } = context;
  const members = config.members === undefined ? found(context) : takingPart(config.members, overrides.members);
  const keys = memberKeys(members);
  return members.flatMap((member, i) => {
    const voter: Voter = {
      key: keys[i]!, // one key a member
      target: member.model,
      request: requestFor(request, member),
      ...reliabilityOf(context, member),
    };
    return config.samples === 1 ? [voter] : samplesOf(context, voter, member);
  });
}

function found(context: StrategyContext<ConsensusConfig>): Member[] {
  const { capability = '', num_models: count = NUM_MODELS } = context.config;
  const models = context.find(capability, count);
  if (models.length === 0) throw new TuttiError('no_model_for_capability', `No model has the capability ${capability}.`);
  if (models.length < count) {
    const message = `${count} models were asked for, and ${models.length} can answer: ${models.join(', ')}`;
    context.report({ type: 'decision', message });
  }
  return models.map((model) => ({ model }));
}

/** The same member several times, each with a seed of its own: from the request or member on, else from chance. */
function samplesOf({ config, random }: StrategyContext<ConsensusConfig>, voter: Voter, member: Member): Voter[] {
  const input = voter.request.input as ChatInput;
  const seed = input.seed ?? Math.floor(random() * 2 ** 31);
  const temperature = member.temperature ?? config.sample_temperature;
  return Array.from({ length: config.samples }, (_, i) => ({
    ...voter,
    key: `${voter.key}.${i + 1}`,
    request: { ...voter.request, input: { ...input, temperature, seed: seed + i } },
  }));
}

/** What the config says of the member, else what was measured of its model, else what was set for that. */
function reliabilityOf(
  context: StrategyContext<ConsensusConfig>,
  { model, name }: Member,
): Pick<Voter, 'reliability' | 'weighsItself'> {
  const { capability = 'default', reliability = {}, weigh_by } = context.config;
  const said = (name === undefined ? undefined : reliability[name]) ?? reliability[model];
  if (said !== undefined) return { reliability: said, weighsItself: false };
  const known = context.describe(model);
  const rating = (ratings: Quality | undefined): number | undefined => ratings?.[capability] ?? ratings?.['default'];
  const measured = rating(known?.measuredQuality);
  return {
    reliability: measured ?? rating(known?.quality) ?? null,
    // A calibration is kept with what was measured. Of orchestrations nothing is known beforehand.
    weighsItself: weigh_by === 'confidence' && (measured !== undefined || known === null || known.backend === null),
  };
}
