/**
 * `arbiter`: a model that has other models as tools. It decides whom to ask and what, and writes the answer, or lets the
 * specialist that it chose answer in its place (`style` and `direct` in the config say when).
 *
 * It never sinks the run while somebody can still answer: specialists that fail are told to the arbiter as results that
 * failed, and where the arbiter itself fails, says nothing or asks in circles, the specialist answers whose description
 * shares the most words with the question (`lexical.ts`), or the first one.
 */
import { z } from 'zod';
import type { ChatInput } from '../contracts/chat.ts';
import { memberConfig, memberKeys, targetsOf, type Member } from '../contracts/member.ts';
import type { Part } from '../contracts/part.ts';
import type { StrategyContext, StrategyDefinition } from '../contracts/strategy.ts';
import { TuttiError } from '../errors/error.ts';
import { ARBITER_TOOLS, arbiterConfig, conversationLimits, type ArbiterConfig, type ArbiterTool } from './arbiter-config.ts';
import { awaitedAuthor, withoutAuthor } from './call-author.ts';
import { textOf } from './context-fit.ts';
import { lead } from './lead.ts';
import { route } from './route.ts';
import { toSpecialist, weighed, type Specialist } from './specialist.ts';
import { depthOf, isSmall, Team, type TeamOptions } from './team.ts';

export const arbiterStrategy: StrategyDefinition<ArbiterConfig> = {
  strategy: 'arbiter',
  config: arbiterConfig,
  describe: ({ arbiter, specialists, larger, orchestrations, style }) => ({
    members: [
      ...targetsOf([arbiter, ...(larger === undefined ? [] : [larger])]),
      ...Object.entries(specialists).flatMap(([name, { model, capability, consult = [] }]) => [
        model ?? capability ?? name,
        ...consult,
      ]),
      ...orchestrations,
    ],
    names: Object.keys(specialists),
    operations: ['chat'],
    singleAuthor: style === 'route',
  }),
  run,
};

async function* run(context: StrategyContext<ArbiterConfig>): AsyncGenerator<Part> {
  const { config } = context;
  const isDeep = depthOf(context.options.step) >= config.max_depth;
  const small = isSmall(context.describe(config.arbiter.model));
  const style = config.style === 'auto' ? (small ? 'route' : 'lead') : config.style;
  const orchestrations = config.orchestrations.map((name) =>
    toSpecialist(name, { model: name }, (target) => context.describe(target)),
  );
  const larger = largerOf(context);
  yield* work(context, {
    arbiter: config.arbiter,
    // An arbiter that was consulted too deep may still answer, but asks nobody.
    specialists: isDeep && style === 'lead' ? [] : specialistsOf(context),
    limits: config.conversation,
    style,
    direct: config.direct,
    maxRounds: config.max_rounds,
    tools: isDeep ? [] : toolsOf(config, { larger, orchestrations }),
    larger,
    orchestrations,
    standIn: true,
  });
}

/** Checks, takes up where a specialist called a tool of the client, and begins otherwise. */
async function* work(context: StrategyContext<unknown>, given: TeamOptions): AsyncGenerator<Part> {
  if (!context.settings.collaboration) {
    throw new TuttiError('feature_disabled', 'No model may consult another: `orchestrator.enable_collaboration` is false.');
  }
  const { messages } = context.request.input as ChatInput; // a chat strategy gets chat requests alone
  const options = await withTokenRatios(context, given);
  const authors = [...options.specialists, ...(options.larger === null ? [] : [options.larger]), ...options.orchestrations];
  const names = authors.map(({ name }) => name);
  const awaited = awaitedAuthor(messages, names);
  const author = authors.find(({ name }) => name === awaited);
  const team = new Team(context, options);
  const follow = { optional: true, messages: withoutAuthor(messages, names) };
  if (author !== undefined && (yield* team.answeredBy([author], follow))) return;
  yield* options.style === 'route' ? route(team) : lead(team);
}

/** A prompt below this is short for every window: nobody's tokenizer is asked. */
const SHORT_CHARACTERS = 256;

/** The team, knowing how each counts texts like those of the request. */
async function withTokenRatios(context: StrategyContext<unknown>, options: TeamOptions): Promise<TeamOptions> {
  const { messages } = context.request.input as ChatInput; // a chat strategy gets chat requests alone
  const text = [context.overrides.context ?? '', ...messages.map(textOf)].join('\n').trim();
  if (text.length < SHORT_CHARACTERS) return options;
  const weigh = (specialist: Specialist): Promise<Specialist> => weighed(specialist, text, context.settings.countTokens);
  const [specialists, larger] = await Promise.all([
    Promise.all(options.specialists.map(weigh)),
    options.larger === null ? null : weigh(options.larger),
  ]);
  return { ...options, specialists, larger };
}

/** Those that the config names, or of them those that the call names, by name or model. */
function specialistsOf(context: StrategyContext<ArbiterConfig>): Specialist[] {
  const given = Object.entries(context.config.specialists);
  const all = given.map(([name, specialist]) => toSpecialist(name, specialist, (target) => context.describe(target)));
  const { members } = context.overrides;
  return members === undefined ? all : all.filter(({ name, member }) => members.includes(name) || members.includes(member.model));
}

/** The one of the config, else the best model for reasoning that is not the arbiter. */
function largerOf(context: StrategyContext<ArbiterConfig>): Specialist | null {
  const { arbiter, larger, style } = context.config;
  if (style === 'route') return null;
  const member: Member | undefined = larger ?? toMember(context.find('reasoning', 2).find((id) => id !== arbiter.model));
  return member === undefined
    ? null
    : { ...toSpecialist('larger', { model: member.model }, (target) => context.describe(target)), member };
}

function toMember(model: string | undefined): Member | undefined {
  return model === undefined ? undefined : { model };
}

/** The tools that can work, of those that the config allows. */
function toolsOf(
  config: ArbiterConfig,
  { larger, orchestrations }: Pick<TeamOptions, 'larger' | 'orchestrations'>,
): ArbiterTool[] {
  const several = Object.keys(config.specialists).length > 1;
  const works: Readonly<Record<ArbiterTool, boolean>> = {
    consult_specialist: true,
    start_conversation: several,
    synthesize_responses: several,
    escalate_to_user: true,
    escalate_to_larger: larger !== null,
    reinterpret: true,
    system_information: true,
    use_orchestration: orchestrations.length > 0,
  };
  return ARBITER_TOOLS.filter((tool) => works[tool] && (config.tools?.includes(tool) ?? true));
}

const consultConfig = z.strictObject({
  /** The member's model; its settings are in the request already. */
  model: z.string().min(1),
  /** Whom it may ask. */
  consult: z.array(memberConfig).min(1),
});
type ConsultConfig = z.infer<typeof consultConfig>;

/**
 * A call of `target` in which it may consult these (ids, aliases, orchestrations, or members with names): an orchestration
 * of its own, to be run in the place of the call. Its answer is the member's, and so is its failure: nobody stands in.
 *
 * @example
 * const { definition, config } = withConsult('a', ['b', { model: 'c', name: 'critic' }]);
 */
export function withConsult(
  target: string,
  consult: readonly (string | Member)[],
): { readonly definition: StrategyDefinition<ConsultConfig>; readonly config: ConsultConfig } {
  return { definition: consultStrategy, config: consultConfig.parse({ model: target, consult }) };
}

/** What a call of a member with `consult` becomes. No config names it. */
const consultStrategy: StrategyDefinition<ConsultConfig> = {
  strategy: 'consult',
  config: consultConfig,
  describe: ({ model, consult }) => ({ members: [model, ...consult.map((member) => member.model)], operations: ['chat'] }),
  run: consulting,
};

/** How often a member may think again after a consultation. */
const MEMBER_ROUNDS = 4;

async function* consulting(context: StrategyContext<ConsultConfig>): AsyncGenerator<Part> {
  const { model, consult } = context.config;
  const specialists = memberKeys(consult).map((name, i): Specialist => {
    const member = consult[i] ?? { model: name };
    return { ...toSpecialist(name, { model: member.model }, (target) => context.describe(target)), member };
  });
  yield* work(context, {
    arbiter: { model },
    specialists,
    limits: { ...conversationLimits.parse({}), max_models: specialists.length },
    style: 'lead',
    direct: false,
    maxRounds: MEMBER_ROUNDS,
    tools: [],
    larger: null,
    orchestrations: [],
    standIn: false,
  });
}
