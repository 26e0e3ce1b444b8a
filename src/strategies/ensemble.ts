/**
 * `ensemble`: several members answer at once, and one answer is made of theirs: written or chosen by an aggregator, put
 * together, or the best of them. When the aggregator fails or cannot be understood, it is the best of them, too.
 *
 * The best is the answer with most weight behind it, where each member counts as much as it is sure (0.5 where that is not
 * known): so it goes by agreement and confidence both.
 */
import { adjust, confidenceOfVote } from '../answers/confidence.ts';
import { compareAnswers } from '../answers/comparing.ts';
import { asText } from '../answers/framing.ts';
import type { AnswerGroup } from '../answers/group.ts';
import { readPick } from '../answers/choice.ts';
import { asCandidate, judgePrompt } from '../answers/judging.ts';
import { readQuestion } from '../answers/kind.ts';
import { asking, forJudge } from '../contracts/asking.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import { chatFor, memberKeys, namesOf, targetsOf, type Member } from '../contracts/member.ts';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import { isContent, type Part } from '../contracts/part.ts';
import { partsOf, questionOf, type StrategyContext, type StrategyDefinition } from '../contracts/strategy.ts';
import { ensembleConfig, modeOf, type EnsembleConfig } from './ensemble/config.ts';
import { askAll, type Given, type Panel } from './ensemble/rounds.ts';

type Context = StrategyContext<EnsembleConfig>;

export const ensembleStrategy: StrategyDefinition<EnsembleConfig> = {
  strategy: 'ensemble',
  config: ensembleConfig,
  describe: (config) => ({
    members: targetsOf(config.aggregator === undefined ? config.members : [...config.members, config.aggregator]),
    names: namesOf(config.members),
    operations: ['chat'],
    singleAuthor: modeOf(config) !== 'concat',
  }),
  run,
};

async function* run(context: Context): AsyncGenerator<Part> {
  const { config, options } = context;
  const panel = await askAll(context);
  tellOfDisagreement(context, panel);
  const mode = modeOf(config);
  if (mode === 'concat') return yield* partsOf(together(panel), options.step);
  if (mode === 'synthesize' && config.aggregator !== undefined) {
    if (yield* synthesize(context, config.aggregator, panel)) return;
  }
  const chosen = mode === 'select' && config.aggregator !== undefined ? await select(context, config.aggregator, panel) : null;
  const { answer, confidence } = chosen ?? best(context, panel);
  yield* partsOf(answer, options.step, confidence);
}

/** Texts that are compared by meaning differ in wording alone more often than not: they are no conflict. */
function tellOfDisagreement(context: Context, { given, compared: { kind, groups } }: Panel): void {
  if (groups.length < 2 || kind === 'semantic') return;
  const sides = groups.map(({ ballots }) => ballots.flatMap((at) => given[at]?.key ?? []));
  const message = `${sides.map((keys) => keys.join(' and ')).join(', ')} differ (compared as ${kind})`;
  context.report({ type: 'conflict', kind: 'disagreement', members: sides.flat(), message });
}

interface Conclusion {
  readonly answer: ChildAnswer;
  readonly confidence: Confidence | null;
}

/** The group of most weight; when all decline, the surest member. */
function best(context: Context, panel: Panel): Conclusion {
  const { given, compared } = panel;
  const [group] = compared.groups;
  if (group !== undefined) return conclude(context, panel, group, 'the best');
  const score = ({ answer }: Given): number => answer.confidence?.score ?? -1;
  const { key, answer } = given.toSorted((a, b) => score(b) - score(a))[0]!; // an ensemble without answers has failed before
  context.report({ type: 'decision', message: `${key} speaks for all: none has an answer`, data: { abstains: true } });
  return { answer, confidence: adjust(answer.confidence, { abstains: true }) };
}

function conclude(context: Context, { given, compared }: Panel, group: AnswerGroup, how: string): Conclusion {
  const { key, answer } = given[group.representative]!; // a place among those given
  const agreeing = group.ballots.flatMap((at) => given[at] ?? []);
  const weight = compared.ballots.reduce((sum, ballot) => sum + (ballot.weight ?? 1), 0);
  const share = weight === 0 ? agreeing.length / given.length : group.weight / weight;
  const message = `${key} gives the answer: ${how}; ${agreeing.length} of ${given.length} say so`;
  context.report({ type: 'decision', message, data: { agree: agreeing.map((one) => one.key), share } });
  return {
    answer,
    confidence: confidenceOfVote(
      share,
      agreeing.map((one) => one.answer.confidence?.score),
    ),
  };
}

/** All answers, each under its member's name; as sure as the least sure of them. */
function together({ given }: Panel): ChildAnswer {
  const [first] = given;
  const confidences = given.flatMap(({ answer }) => answer.confidence ?? []);
  const [leastSure = null] = confidences.toSorted((a, b) => a.score - b.score);
  return {
    key: first?.key ?? '',
    model: first?.answer.model ?? '',
    text: given.map(({ key, answer }) => `[${key}]\n${asText(answer)}`).join('\n\n'),
    reasoning: null,
    toolCalls: [],
    finishReason: 'stop',
    confidence: confidences.length === given.length ? leastSure : null,
    usage: null,
  };
}

/** The aggregator's choice among the different answers; null when it cannot be told. */
async function select(context: Context, aggregator: Member, panel: Panel): Promise<Conclusion | null> {
  const groups = panel.compared.groups.toSorted((a, b) => Math.min(...a.ballots) - Math.min(...b.ballots));
  const [only] = groups;
  if (only === undefined) return null;
  if (groups.length === 1) return conclude(context, panel, only, 'all agree');
  const candidates = groups.map(({ representative }) => candidateAt(panel, representative));
  const prompt = judgePrompt(questionOf(context.request), candidates);
  const request = chatFor(forJudge(context.request.input as ChatInput, prompt), aggregator);
  let reply: ChildAnswer;
  try {
    reply = await context
      .call(aggregatorKey(context), aggregator.model, request, { role: 'aggregator', optional: true })
      .answer();
  } catch (thrown) {
    return decide(context, `the aggregator failed (${context.rethrow(thrown).code}): the best is taken`);
  }
  const picked = readPick(reply.text, candidates);
  const group = picked === null ? undefined : groups[picked];
  if (group === undefined) return decide(context, 'the aggregator chooses none of the answers: the best is taken');
  const { answer, confidence } = conclude(context, panel, group, 'the aggregator chose it');
  const sure = reply.confidence;
  return { answer, confidence: sure === null ? confidence : { ...sure, method: 'verifier' } };
}

function candidateAt({ given, compared }: Panel, at: number): string {
  const reading = compared.ballots[at]?.reading;
  const answer = given[at]?.answer;
  const text = answer === undefined ? '' : asText(answer);
  return reading === undefined || reading.key === null ? text : asCandidate(reading, text);
}

function decide(context: Context, message: string): null {
  context.report({ type: 'decision', message });
  return null;
}

/** A member may have taken the name. */
function aggregatorKey({ config }: Context): string {
  const keys = memberKeys(config.members);
  let key = 'aggregator';
  while (keys.includes(key)) key += '*';
  return key;
}

/** The aggregator's own answer, as it comes. False when there was none. */
async function* synthesize(context: Context, aggregator: Member, panel: Panel): AsyncGenerator<Part, boolean> {
  const input = context.request.input as ChatInput;
  const prompt = synthesisPrompt(questionOf(context.request), panel);
  const request = chatFor({ ...input, messages: asking(input.messages, prompt) }, aggregator);
  const child = context.call(aggregatorKey(context), aggregator.model, request, { role: 'aggregator', optional: true });
  let said = false;
  try {
    for await (const part of child) {
      said ||= isContent(part);
      if (part.type !== 'finish') yield part;
      else if (said) yield { ...part, confidence: confidenceOfSynthesis(context, panel, await child.answer()) };
    }
    if (!said) decide(context, 'the aggregator says nothing: the best is taken');
  } catch (thrown) {
    if (said) throw thrown;
    decide(context, `the aggregator failed (${context.rethrow(thrown).code}): the best is taken`);
  }
  return said;
}

function synthesisPrompt(question: string, { given }: Panel): string {
  const list = given.map(({ answer }, i) => `${i + 1}. ${asText(answer)}`).join('\n');
  return `Question: ${question}\nCandidates:\n${list}\nWrite the right answer to the question. Use what is right in the candidates.`;
}

/** The aggregator's, raised when most members say the same as it does. Where nobody does, nothing can be told from that. */
function confidenceOfSynthesis({ request }: Context, { given }: Panel, answer: ChildAnswer): Confidence | null {
  const { groups } = compareAnswers([...given.map((one) => one.answer), answer], readQuestion(request.input as ChatInput));
  const own = groups.find(({ ballots }) => ballots.includes(given.length));
  if (own === undefined || own.ballots.length === 1) return answer.confidence;
  return adjust(answer.confidence, { agreement: (own.ballots.length - 1) / given.length });
}
