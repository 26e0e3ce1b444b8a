/** The style `route`: the arbiter chooses who answers, and no more. A small model can do that well. */
import type { ChatInput, ChatMessage } from '../contracts/chat.ts';
import { inputForMember } from '../contracts/member.ts';
import type { ChildAnswer } from '../contracts/orchestrated.ts';
import type { Part } from '../contracts/part.ts';
import { partsOf } from '../contracts/strategy.ts';
import { Toolbox, type TurnReading } from './arbiter-tools.ts';
import { textOf } from './context-fit.ts';
import { chunkPrompt } from './prompts/chunk.ts';
import { saysNothing } from './relay.ts';
import type { Specialist } from './specialist.ts';
import type { Team } from './team.ts';

/** The chosen specialist answers; if it cannot, the others in the order in which their descriptions fit. */
export async function* route(team: Team): AsyncGenerator<Part> {
  const { specialists } = team.options;
  const clientTools = team.input.tool_choice === 'none' ? [] : (team.input.tools ?? []);
  const only = specialists.length === 1 && clientTools.length === 0 ? specialists[0] : undefined;
  const toolbox = new Toolbox({ specialists, tools: [], orchestrations: [], clientTools });
  const turn = only === undefined ? await choose(team, toolbox, [...clientTools, ...toolbox.definitions]) : null;
  if (turn !== null && isOwnAnswer(team, turn)) {
    yield* partsOf({ ...turn.answer, text: turn.reading.text, toolCalls: turn.reading.client }, team.context.options.step);
    return;
  }
  const chosen = only ?? chosenOf(turn?.reading ?? null, specialists);
  if (chosen === undefined)
    team.decided('The arbiter chose nobody: the description that fits best by its words decides.', { by: 'words' });
  else if (only !== undefined)
    team.decided(`${chosen.name} answers: it is the only one.`, { specialist: chosen.name, by: 'only one' });
  else {
    const confidence = turn?.answer.confidence?.score ?? null;
    team.decided(`The arbiter chose ${chosen.name}.`, { specialist: chosen.name, by: 'arbiter', confidence });
  }
  const others = team.byWords.filter(({ name }) => name !== chosen?.name);
  if (!(yield* team.answeredBy(chosen === undefined ? others : [chosen, ...others]))) team.allFailed();
}

interface Turn {
  readonly answer: ChildAnswer;
  readonly reading: TurnReading;
}

async function choose(team: Team, toolbox: Toolbox, tools: ChatInput['tools']): Promise<Turn | null> {
  const { arbiter } = team.options;
  const input = inputForMember(
    {
      messages: shownTo(team),
      tools,
      temperature: 0,
      // Nothing but a choice is asked for, so that it cannot fail to choose; the client's tools may be what is right, or nothing.
      ...(tools?.length === toolbox.definitions.length && { tool_choice: 'required' as const }),
    },
    arbiter,
  );
  try {
    // Without a choice the words decide.
    const options = { role: 'arbiter', optional: team.byWords.length > 0 };
    const child = team.context.call(team.key('arbiter'), arbiter.model, { operation: 'chat', input }, options);
    const answer = await child.answer();
    return { answer, reading: toolbox.read(answer, team.question) };
  } catch (error) {
    team.failed('arbiter', error);
    return null;
  }
}

/** A call of the client's tools, or what it makes of the result of one. */
function isOwnAnswer(team: Team, { reading }: Turn): boolean {
  if (reading.internal.length > 0) return false;
  return reading.client.length > 0 || (team.input.messages.at(-1)?.role === 'tool' && !saysNothing(reading.text));
}

function chosenOf(reading: TurnReading | null, specialists: readonly Specialist[]): Specialist | undefined {
  for (const { action } of reading?.internal ?? []) {
    if (action.type === 'consult') return specialists.find(({ name }) => name === action.specialist);
  }
  return undefined;
}

/** A context that small is shared with the tools: the question gets a quarter, at two letters a token as their tokenizers need. */
const QUESTION_SHARE = 0.25;
const LETTERS_PER_TOKEN = 2;
const DEFAULT_WINDOW = 4096;

/** The last question with what came of it: earlier ones would only distract. */
function shownTo(team: Team): ChatMessage[] {
  const { messages } = team.input;
  const from = messages.findLastIndex(({ role }) => role === 'user');
  const question = messages[from];
  if (question === undefined) return messages;
  const window = team.context.describe(team.options.arbiter.model)?.contextWindow ?? DEFAULT_WINDOW;
  const [start = textOf(question)] = chunkPrompt([textOf(question)], {
    maxPromptTokens: Math.max(1, window * QUESTION_SHARE),
    countTokens: (text) => text.length / LETTERS_PER_TOKEN,
  });
  return [{ role: 'user', content: start }, ...messages.slice(from + 1)];
}
