/** Asking the members, once or over several rounds in which they see each other's answers. */
import { compareAnswers, type Compared } from '../../answers/comparing.ts';
import { asText } from '../../answers/framing.ts';
import { readQuestion } from '../../answers/kind.ts';
import { asking, forHelper } from '../../contracts/asking.ts';
import type { ChatInput } from '../../contracts/chat.ts';
import { chatFor, memberKeys, takingPart, type Member } from '../../contracts/member.ts';
import type { ChildAnswer } from '../../contracts/orchestrated.ts';
import { questionOf, type StrategyContext } from '../../contracts/strategy.ts';
import { TuttiError } from '../../errors/error.ts';
import { allMembersFailed, type FailedMember } from '../../errors/members.ts';
import { modeOf, type EnsembleConfig } from './config.ts';

type Context = StrategyContext<EnsembleConfig>;

/** A member's latest answer. */
export interface Given {
  /** The member's, whatever the round. */
  readonly key: string;
  readonly answer: ChildAnswer;
}

/** The members' answers in the order of the config, and how they compare. */
export interface Panel {
  readonly given: readonly Given[];
  readonly compared: Compared;
}

/** What an answer counts whose member does not say how sure it is. */
const UNKNOWN = 0.5;

/** Asks all members, round after round. Errors: `all_members_failed` with too few answers. */
export async function askAll(context: Context): Promise<Panel> {
  const { members, rounds, min_answers: least } = context.config;
  const taking = takingPart(members, context.overrides.members);
  if (taking.length === 0) throw new TuttiError('unknown_member', '`members` leaves nobody who answers.', { param: 'members' });
  const keys = memberKeys(taking);
  const failures: FailedMember[] = [];
  let panel: Panel | null = null;
  for (let round = 1; round <= rounds; round++) {
    panel = await askOnce(context, taking, keys, round, panel, failures);
    const needed = Math.min(least, taking.length);
    if (panel.given.length < needed) {
      throw allMembersFailed(
        failures,
        needed === 1 ? undefined : `${panel.given.length} of the ${needed} answers needed have come`,
      );
    }
    if (round < rounds && isUnanimous(panel, taking.length)) {
      context.report({ type: 'decision', message: `all say the same after round ${round}` });
      break;
    }
  }
  if (panel === null) throw new TuttiError('internal_error', 'An ensemble ended without a round.');
  return panel;
}

/** A member that fails in a later round stays with what it said before. */
async function askOnce(
  context: Context,
  members: readonly Member[],
  keys: readonly string[],
  round: number,
  before: Panel | null,
  failures: FailedMember[],
): Promise<Panel> {
  const { timeout_seconds: limit } = context.config;
  const options = { optional: members.length > 1, ...(limit !== undefined && { timeoutMs: limit * 1000 }) };
  const settled = await Promise.allSettled(
    members.map((member, i) => {
      const key = keys[i]!; // one key a member
      const request = chatFor(inputFor(context, key, before), member);
      return context.call(round === 1 ? key : `${key}.round${round}`, member.model, request, { ...options, role: key }).answer();
    }),
  );
  const given = settled.flatMap((result, i): Given[] => {
    const key = keys[i]!; // one key a member
    if (result.status === 'fulfilled' && asText(result.value) !== '') return [{ key, answer: result.value }];
    const failure = result.status === 'rejected' ? context.rethrow(result.reason) : EMPTY;
    failures.push({ member: round === 1 ? key : `${key}.round${round}`, ...failure });
    return before?.given.filter((earlier) => earlier.key === key) ?? [];
  });
  return { given, compared: compare(context, given) };
}

const EMPTY = { code: 'upstream_invalid', message: 'the answer was empty', retryable: false };

function compare({ request }: Context, given: readonly Given[]): Compared {
  const answers = given.map(({ answer }) => answer);
  return compareAnswers(answers, readQuestion(request.input as ChatInput), {
    weigh: ({ confidence }) => confidence?.score ?? UNKNOWN,
  });
}

function isUnanimous({ given, compared }: Panel, members: number): boolean {
  return members > 1 && given.length === members && compared.groups.length === 1 && compared.abstained.length === 0;
}

/** Where the aggregator writes the answer, tools and the form of the answer are for it alone. */
function inputFor({ config, request }: Context, key: string, before: Panel | null): ChatInput {
  const input = request.input as ChatInput;
  const own = modeOf(config) === 'synthesize' ? forHelper(input) : input;
  if (before === null) return own;
  const said = before.given.find((one) => one.key === key);
  const others = before.given.filter((one) => one !== said).map(({ answer }) => asText(answer));
  if (others.length === 0 && said === undefined) return own;
  return { ...own, messages: asking(input.messages, roundPrompt(questionOf(request), said && asText(said.answer), others)) };
}

function roundPrompt(question: string, own: string | undefined, others: readonly string[]): string {
  const lines = [
    ...(own === undefined ? [] : [`Your answer: ${own}`]),
    ...(others.length === 0 ? [] : ['Other answers:', ...others.map((text, i) => `${i + 1}. ${text}`)]),
  ];
  return `${question}\n\n${lines.join('\n')}\nGive the right answer.`;
}
