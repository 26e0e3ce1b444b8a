/**
 * `consensus`: several members (or several samples of one) answer the same question; the answer that wins their vote is
 * given, in the words of the member that put it best. Once the rest can no longer change the winner they are stopped.
 *
 * Members that fail or time out have no vote. Members that decline, or whose answer cannot be read as the kind asked for,
 * abstain; when most do and say so, that is the panel's answer, and it is not sure of anything (rule `abstained`).
 */
import { readPick } from '../answers/choice.ts';
import { adjust, confidenceOfVote } from '../answers/confidence.ts';
import type { AnswerGroup } from '../answers/group.ts';
import { asCandidate, judgePrompt } from '../answers/judging.ts';
import { readQuestion } from '../answers/kind.ts';
import { breakTie } from '../answers/tie.ts';
import type { ChatInput } from '../contracts/chat.ts';
import type { Confidence } from '../contracts/confidence.ts';
import { inputForMember, namesOf } from '../contracts/member.ts';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import { partsOf, type ChildOptions, type StrategyContext, type StrategyDefinition } from '../contracts/strategy.ts';
import { TuttiError } from '../errors/error.ts';
import { allMembersFailed, type FailedMember } from '../errors/members.ts';
import { inOrderOfEnd } from '../lib/in-order-of-end.ts';
import { consensusConfig, type ConsensusConfig } from './consensus/config.ts';
import { Comparing } from './consensus/comparing.ts';
import { count, isOver, rulesOf, verdictOf, type Count, type Rules, type Vote } from './consensus/count.ts';
import { votersOf, type Voter } from './consensus/voters.ts';

type Context = StrategyContext<ConsensusConfig>;

export const consensusStrategy: StrategyDefinition<ConsensusConfig> = {
  strategy: 'consensus',
  config: consensusConfig,
  describe: ({ members = [], capability, judge }) => ({
    members: [...members.map(({ model }) => model), capability, judge?.model].filter((name) => name !== undefined),
    names: namesOf(members),
    operations: ['chat'],
  }),
  run,
};

async function* run(context: Context): AsyncGenerator<Part> {
  const voters = votersOf(context);
  const rules = rulesOf(context.config, readQuestion(context.request.input as ChatInput), voters.length);
  const { counted, failures } = await poll(context, voters, rules);
  if (failures.length === voters.length) throw allMembersFailed(failures);
  const { answer, confidence } = await conclude(context, counted, failures, rules);
  yield* partsOf(answer, context.options.step, confidence);
}

/** Asks all at once, until all have ended or nothing can change any more. */
async function poll(
  context: Context,
  voters: readonly Voter[],
  rules: Rules,
): Promise<{ counted: Count; failures: FailedMember[] }> {
  const { timeout_seconds: limit } = context.config;
  const stop = new AbortController();
  const options: ChildOptions = {
    signal: stop.signal,
    optional: voters.length > 1,
    ...(limit !== undefined && { timeoutMs: limit * 1000 }),
  };
  const calls = voters.map(({ key, target, request }) => context.call(key, target, request, options).answer());
  const votes: (Vote | undefined)[] = voters.map(() => undefined);
  const failures: FailedMember[] = [];
  const open = new Set(voters);
  const comparing = new Comparing(context);
  let counted = count([], voters, rules, {});
  for await (const ended of inOrderOfEnd(calls)) {
    const voter = voters[ended.index]!; // there is a call for each
    open.delete(voter);
    if (ended.status === 'fulfilled') votes[ended.index] = { voter, answer: ended.value };
    else failures.push({ member: voter.key, ...context.rethrow(ended.reason) });
    const cast = votes.filter((vote) => vote !== undefined);
    const comparison = await comparing.of(cast, rules);
    const others = [...open];
    counted = count(cast, others, rules, comparison);
    if (isOver(counted, others, rules, comparison)) break;
  }
  stop.abort(new TuttiError('cancelled', 'The vote was decided without it.'));
  tellOfEarlyStop(context, open);
  return { counted, failures };
}

/** The answer that was chosen, in its author's words, and how sure the panel is of it. */
interface Conclusion {
  readonly answer: ChildAnswer;
  readonly confidence: Confidence;
}

async function conclude(context: Context, counted: Count, failures: readonly FailedMember[], rules: Rules): Promise<Conclusion> {
  const verdict = verdictOf(counted, rules);
  switch (verdict.type) {
    case 'won':
      decide(context, counted, verdict.group, verdict.how);
      return spokenBy(counted, verdict.group);
    case 'abstains': {
      const { voter, answer } = counted.votes[verdict.vote]!; // it is a place in the votes
      const { abstained } = counted.result;
      context.report({
        type: 'decision',
        message: `the panel abstains, in the words of ${voter.key}`,
        data: { abstains: true, kind: counted.kind, share: verdict.share, abstain: keysOf(counted, abstained) },
      });
      const scores = abstained.map((at) => counted.ballots[at]?.confidence);
      return { answer, confidence: adjust(confidenceOfVote(verdict.share, scores), { abstains: true }) };
    }
    case 'judge':
      return judged(context, counted, verdict.groups);
    case 'none':
      throw noConsensus(counted, failures, verdict.why);
    default:
      return verdict satisfies never;
  }
}

function spokenBy(counted: Count, group: AnswerGroup): Conclusion {
  const { answer } = counted.votes[group.representative]!; // it is a place in the votes
  const scores = group.ballots.map((at) => counted.ballots[at]?.confidence);
  return { answer, confidence: confidenceOfVote(counted.result.agreement * shareOfFirst(counted, group), scores) };
}

/** A group that won a tie or by a judge need not be the heaviest. */
function shareOfFirst({ result }: Count, group: AnswerGroup): number {
  const [first] = result.groups;
  return first === undefined || first.weight === 0 ? 0 : group.weight / first.weight;
}

/** Asks the judge; when it cannot be understood, the most reliable members decide. */
async function judged(context: Context, counted: Count, groups: readonly [AnswerGroup, ...AnswerGroup[]]): Promise<Conclusion> {
  const { judge } = context.config;
  const { ballots, votes, weights } = counted;
  const candidates = groups.map(({ representative: at }) => {
    const reading = ballots[at]?.reading;
    const { text = '' } = votes[at]?.answer ?? {};
    return reading === undefined || reading.key === null ? text : asCandidate(reading, text);
  });
  const reply = judge === undefined ? null : await askJudge(context, judge, judgeKey(votes), candidates);
  const picked = reply === null ? null : readPick(reply.text, candidates);
  const group = picked === null ? undefined : groups[picked];
  if (group === undefined || reply === null) {
    const best = breakTie(groups, 'best', ballots, weights);
    decide(context, counted, best, 'the judge could not decide: the most reliable');
    return spokenBy(counted, best);
  }
  decide(context, counted, group, 'judge');
  const spoken = spokenBy(counted, group);
  const { score, parts } = spoken.confidence;
  const sure = reply.confidence?.score;
  const confidence: Confidence = {
    score: sure ?? score,
    method: 'verifier',
    calibrated: sure !== undefined && reply.confidence?.calibrated === true,
    parts: { ...parts, ...(sure !== undefined && { judge: sure }) },
  };
  return { answer: spoken.answer, confidence };
}

async function askJudge(
  context: Context,
  judge: NonNullable<ConsensusConfig['judge']>,
  key: string,
  candidates: readonly string[],
): Promise<ChildAnswer | null> {
  const question = readQuestion(context.request.input as ChatInput);
  const plain: ChatInput = {
    messages: [{ role: 'user', content: judgePrompt(question.text.trim(), candidates) }],
    temperature: 0,
  };
  try {
    const input = inputForMember(plain, judge);
    return await context.call(key, judge.model, { operation: 'chat', input }, { role: 'judge', optional: true }).answer();
  } catch (thrown) {
    context.rethrow(thrown);
    return null; // its result tells why
  }
}

/** A member may have taken the name. */
function judgeKey(votes: readonly Vote[]): string {
  let key = 'judge';
  while (votes.some(({ voter }) => voter.key === key)) key += '*';
  return key;
}

/** Tells who agrees and who does not. The answers themselves are in the members' results, which are kept only when content is. */
function decide(context: Context, counted: Count, group: AnswerGroup, how: string): void {
  const { kind, result } = counted;
  const agree = keysOf(counted, group.ballots);
  const differ = result.groups.filter((other) => other !== group).map(({ ballots }) => keysOf(counted, ballots));
  const abstain = keysOf(counted, result.abstained);
  const message = [
    `${agree.join(', ')} ${agree.length === 1 ? 'wins' : 'agree'} (${how}; compared as ${kind})`,
    ...(differ.length > 0
      ? [`${differ.map((keys) => keys.join(' and ')).join(', ')} differ${differ.flat().length === 1 ? 's' : ''}`]
      : []),
    ...(abstain.length > 0 ? [`${abstain.join(', ')} abstain${abstain.length === 1 ? 's' : ''}`] : []),
  ].join('; ');
  context.report({ type: 'decision', message, data: { kind, agreement: result.agreement, agree, differ, abstain } });
  if (differ.length > 0) {
    context.report({ type: 'conflict', kind: 'disagreement', members: [...agree, ...differ.flat()], message });
  }
}

function keysOf({ votes }: Count, places: readonly number[]): string[] {
  return places.flatMap((at) => votes[at]?.voter.key ?? []);
}

function tellOfEarlyStop(context: Context, stopped: ReadonlySet<Voter>): void {
  if (stopped.size === 0) return;
  const keys = Array.from(stopped, ({ key }) => key);
  context.report({ type: 'decision', message: `decided without ${keys.join(', ')}`, data: { stopped: keys } });
}

const ABSTAINED = { empty: 'gave no answer', declined: 'declined to answer', unreadable: 'gave no readable answer' } as const;

function noConsensus(counted: Count, failures: readonly FailedMember[], why: string): TuttiError {
  const { votes, ballots, kind, result } = counted;
  const abstained = result.abstained.flatMap((at): FailedMember[] => {
    const reading = ballots[at]?.reading;
    if (reading === undefined || reading.key !== null) return [];
    const what = reading.reason === 'unreadable' ? `${ABSTAINED.unreadable} of kind ${kind}` : ABSTAINED[reading.reason];
    return [{ member: votes[at]?.voter.key ?? '', code: 'abstained', message: what }];
  });
  const groups = result.groups.map((group) => keysOf(counted, group.ballots));
  const sides = groups.length > 1 ? [`answers of ${groups.map((keys) => keys.join(' and ')).join(', of ')} differ`] : [];
  const reasons = [
    ...sides,
    ...[...failures, ...abstained].map(({ member, code, message }) => `${member}: ${message} (${code})`),
  ];
  return new TuttiError('no_consensus', `No consensus: ${[why, ...reasons].join('; ')}`, {
    details: { members: [...failures, ...abstained].map(({ member, code, message }) => ({ member, code, message })), groups },
  });
}
