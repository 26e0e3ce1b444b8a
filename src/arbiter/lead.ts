/**
 * The style `lead`: the arbiter asks whom it needs, as often as it needs, and writes the answer. It is told of every failure
 * and goes on; it is stopped when it asks the same again, or has thought often enough.
 */
import type { ChatInput, ChatMessage, ToolDefinition } from '../contracts/chat.ts';
import { chatFor } from '../contracts/member.ts';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import { partsOf } from '../contracts/strategy.ts';
import { Toolbox, type ArbiterCall, type TurnReading } from './arbiter-tools.ts';
import { fitMessages } from './context-fit.ts';
import { estimateTokens } from './prompts/estimate.ts';
import { isHandOver, isRepetition, saysNothing } from './relay.ts';
import { ToolServer, type Served } from './tool-server.ts';
import { startThatFits, withContext, type Specialist } from './specialist.ts';
import type { Consulted, Team } from './team.ts';

const COORDINATOR =
  'You coordinate a team of AI models and answer the user. Answer yourself what you know well. For anything else consult the specialist that fits: ask it a complete question, as it sees nothing but what you write. If a consultation fails, try another way. Write the final answer yourself: the user does not see what the specialists say.';

/** A prompt takes this share of the arbiter's context at most; the rest is for its answer. */
const PROMPT_SHARE = 0.75;

/** And this much the results of one round: they are newest, so they would push out everything else. */
const RESULTS_SHARE = 0.4;
/** What a model thought is told up to so many tokens. */
const REASONING_TOKENS = 400;

/** After so many rounds without anything new the arbiter has one more, without tools. */
const MAX_STALLED = 2;

export async function* lead(team: Team): AsyncGenerator<Part> {
  const { options, input } = team;
  const clientTools = input.tool_choice === 'none' ? [] : (input.tools ?? []);
  const toolbox = new Toolbox({
    specialists: options.specialists,
    tools: options.tools,
    orchestrations: options.orchestrations,
    clientTools,
  });
  const server = new ToolServer(team, clientTools, toolbox.definitions);
  const thread = withContext(input.messages, team.given);
  let stalled = 0;
  for (let round = 1; ; round++) {
    const isLast = round >= options.maxRounds || stalled >= MAX_STALLED;
    const turn = await think(team, thread, [...clientTools, ...toolbox.definitions], isLast);
    if (turn === null) return yield* withoutArbiter(team, 'The arbiter failed.');
    const reading = toolbox.read(turn, team.question);
    if (isLast || reading.internal.length === 0) return yield* conclude(team, turn, reading);
    if (options.direct && (yield* handedOver(team, server, reading))) return;
    const served = await server.serve(reading.internal);
    const repeated = served.find(({ isNew, consulted }) => !isNew && consulted !== null)?.consulted;
    if (options.direct && repeated != null) return yield* relayed(team, repeated, 'The arbiter asks the same again.');
    stalled = served.some(({ isNew }) => isNew) ? 0 : stalled + 1;
    thread.push(...exchange(reading, served, windowOf(team) * RESULTS_SHARE));
  }
}

/** One turn of the arbiter; null when it failed and others may stand in. */
async function think(
  team: Team,
  thread: readonly ChatMessage[],
  tools: readonly ToolDefinition[],
  isLast: boolean,
): Promise<ChildAnswer | null> {
  const { arbiter, standIn } = team.options;
  const { tools: _tools, tool_choice: choice, ...rest } = team.input;
  const request: ChatInput = {
    ...rest,
    messages: fitMessages(thread, { maxTokens: promptLimit(team, tools) }),
    ...(tools.length > 0 && { tools: [...tools], ...toolChoice(choice, isLast) }),
  };
  const member = standIn ? { ...arbiter, instructions: arbiter.instructions ?? COORDINATOR } : arbiter;
  try {
    const child = team.context.call(
      team.key(standIn ? 'arbiter' : 'answer'),
      arbiter.model,
      chatFor(request, member),
      standIn ? { role: 'arbiter', optional: canStandIn(team) } : {},
    );
    return await child.answer();
  } catch (error) {
    team.failed(standIn ? 'arbiter' : arbiter.model, error);
    if (!standIn) throw error;
    return null;
  }
}

/** Whether somebody can answer without the arbiter. */
function canStandIn({ consulted, byWords }: Team): boolean {
  return consulted.length > 0 || byWords.length > 0;
}

/** In the last round nothing is called any more. What the client forbids for its own tools does not concern the arbiter's. */
function toolChoice(choice: ChatInput['tool_choice'], isLast: boolean): Pick<ChatInput, 'tool_choice'> {
  if (isLast) return { tool_choice: 'none' };
  return choice == null || choice === 'none' ? {} : { tool_choice: choice };
}

/** The exchange as the arbiter sees it later. Calls of the client's tools wait: it makes them again when it knows the results. */
function exchange({ text, internal }: TurnReading, served: readonly Served[], maxTokens: number): ChatMessage[] {
  const results = served.map(({ result }) => ({
    ...result,
    response: startThatFits(result.response, maxTokens / served.length),
    reasoning: result.reasoning === null ? null : startThatFits(result.reasoning, REASONING_TOKENS),
  }));
  return [
    { role: 'assistant', content: text, tool_calls: internal.map(({ call }) => call) },
    ...internal.map(({ call }, i): ChatMessage => ({
      role: 'tool',
      tool_call_id: call.id,
      content: JSON.stringify(results[i]),
    })),
  ];
}

/** What the tools take is not there for the messages; these get a quarter of the window at least. */
function promptLimit(team: Team, tools: readonly ToolDefinition[]): number {
  const window = windowOf(team);
  if (window === Number.POSITIVE_INFINITY) return window;
  return Math.max(window / 4, window * PROMPT_SHARE - estimateTokens(JSON.stringify(tools)));
}

function windowOf({ context, options }: Team): number {
  return context.describe(options.arbiter.model)?.contextWindow ?? Number.POSITIVE_INFINITY;
}

/** Whether the only thing asked for is that somebody else answers the question as it stands, and that has been done. */
async function* handedOver(team: Team, server: ToolServer, { internal }: TurnReading): AsyncGenerator<Part, boolean> {
  const [first, ...others] = internal;
  if (first === undefined || others.length > 0 || server.knows(first)) return false;
  if (first.action.type === 'synthesize' && team.consulted.length > 1) return yield* server.synthesis(first.action.instructions);
  const receiver = receiverOf(team, first);
  if (receiver === null || !team.admits(receiver)) return false;
  if (yield* team.answeredBy([receiver], { optional: true })) {
    team.decided(`The arbiter handed the question over to ${receiver.name}.`, { specialist: receiver.name, by: 'arbiter' });
    return true;
  }
  server.recordFailure(first, team.failures.at(-1)?.message ?? '');
  return false;
}

function receiverOf(team: Team, { action }: ArbiterCall): Specialist | null {
  if (!('query' in action) || action.context !== '' || !isHandOver(action.query, team.question)) return null;
  switch (action.type) {
    case 'consult':
      return team.options.specialists.find(({ name }) => name === action.specialist) ?? null;
    case 'larger':
      return team.options.larger;
    case 'orchestration':
      return team.options.orchestrations.find(({ name }) => name === action.name) ?? null;
    default:
      return action satisfies never;
  }
}

/** The arbiter calls none of its tools any more: its answer, or the specialist's that it adds nothing to. */
async function* conclude(team: Team, turn: ChildAnswer, { client, text }: TurnReading): AsyncGenerator<Part> {
  const { step } = team.context.options;
  if (client.length > 0) return yield* partsOf({ ...turn, toolCalls: client, finishReason: 'tool_calls' }, step);
  const { direct, standIn } = team.options;
  const repeated = direct ? team.consulted.findLast(({ answer }) => isRepetition(text, [answer.text])) : undefined;
  if (repeated !== undefined) return yield* relayed(team, repeated, `The arbiter repeats ${repeated.specialist.name}.`);
  if (standIn && saysNothing(text)) return yield* withoutArbiter(team, 'The arbiter says nothing.');
  const finishReason = turn.finishReason === 'tool_calls' ? 'stop' : turn.finishReason;
  yield* partsOf({ ...turn, text, toolCalls: [], finishReason }, step);
}

function* relayed(team: Team, { specialist, answer }: Consulted, why: string): Generator<Part> {
  team.decided(`${why} What ${specialist.name} said is the answer.`, { specialist: specialist.name, by: 'relay' });
  yield* partsOf({ ...answer, toolCalls: [] }, team.context.options.step);
}

/** The last word of a specialist, or else of the one whose description fits best. */
async function* withoutArbiter(team: Team, why: string): AsyncGenerator<Part> {
  const last = team.consulted.at(-1);
  if (last !== undefined) return yield* relayed(team, last, why);
  team.decided(`${why} The specialist answers whose description fits best.`, { by: 'words' });
  if (!(yield* team.answeredBy(team.byWords))) team.allFailed();
}
