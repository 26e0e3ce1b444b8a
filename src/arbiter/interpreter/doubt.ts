/**
 * Whether a call that a model wrote answers the question at all. Models that were taught to write calls write them also when no
 * tool fits: they take the nearest tool and make up what it needs. Only the question shows it.
 *
 * | the question | the tool and it share | the call | doubt |
 * |---|---|---|---|
 * | asks for something | any words | a required argument is blank | `made_up` |
 * | asks for something, names no number | any words | a required argument is a number from nowhere | `made_up` |
 * | asks for something | two words or less | more of what is required is from nowhere than was said | `made_up` |
 * | asks for something | no word | anything required is from nowhere, or said once and used twice, or nothing was said | `made_up` |
 * | any | no word | all others | `unrelated`: `How hot is it?` and `get_weather`, or nothing in common |
 *
 * Orders (`Dim the lights`) leave details to whoever carries them out, so what they do not say is not held against them. Only
 * English is understood; questions in other languages are never doubted.
 */
import type { ToolCall, ToolDefinition } from '../../contracts/chat.ts';
import { asObject, parseJson, type JsonObject } from '../../lib/json-value.ts';
import { stemsOf } from '../lexical.ts';
import { checkArguments } from './coercion.ts';
import { groundOf, spokenOf, type Ground, type Spoken } from './grounding.ts';
import { toolIndex, ToolIndex, type KnownTool } from './tool-index.ts';

/** Why a call is doubted. `made_up`: surely enough to drop it. `unrelated`: another opinion is needed. */
export interface Doubt {
  readonly kind: 'made_up' | 'unrelated';
  /** A sentence about the call, for whoever reads the problems. */
  readonly message: string;
}

/** What is looked at. */
export interface DoubtInput {
  /** What the user asked: the only message of theirs. */
  readonly question: string;
  /** What the model was told besides, as by the system: values may be from there. */
  readonly background?: string | undefined;
  /** The calls that were written for it. */
  readonly calls: readonly ToolCall[];
  readonly tools: readonly ToolDefinition[] | ToolIndex;
}

/**
 * The doubt about an answer, or null. One call that is sound speaks for all: the question is one for the tools. One that does not
 * fit its tool says nothing. Pure.
 */
export function doubtOf({ question, background = '', calls, tools }: DoubtInput): Doubt | null {
  if (calls.length === 0 || !isEnglish(question)) return null;
  const known = tools instanceof ToolIndex ? tools : toolIndex(tools);
  const spoken = spokenOf(`${question}\n${background}`);
  let first: Doubt | null = null;
  for (const call of calls) {
    const tool = known.find(call.function.name);
    const given = asObject(parseJson(call.function.arguments)) ?? {};
    if (tool !== null && !checkArguments(given, tool).ok) continue;
    const doubt = tool === null ? null : doubtOfCall(given, tool, question, spoken);
    if (doubt === null) return null;
    if (first === null || doubt.kind === 'unrelated') first = doubt;
  }
  return first;
}

/** With more words in common, the tool is about the question, whatever it lacks. */
const FEW_WORDS = 2;

function doubtOfCall(given: JsonObject, tool: KnownTool, question: string, spoken: Spoken): Doubt | null {
  const overlap = wordsShared(tool, question);
  const required = tool.required
    .filter((name) => name in given)
    .map((name) => ({
      name,
      value: given[name],
      ground: groundOf(name, given[name], asObject(tool.properties[name]) ?? {}, spoken),
    }));
  const madeUp = (message: string): Doubt => ({ kind: 'made_up', message });
  if (asksForSomething(question)) {
    const having = (...grounds: Ground[]) => required.filter(({ ground }) => grounds.includes(ground));
    const [blank] = having('blank');
    if (blank !== undefined) return madeUp(`the question does not say ${blank.name}`);
    const [number] = having('number');
    if (number !== undefined && spoken.numbers.length === 0)
      return madeUp(`the question does not say ${number.name}, nor any number`);
    const [made, said] = [having('number', 'words'), having('said')];
    if (overlap <= FEW_WORDS && made.length > said.length) return madeUp(`the question does not say ${namesOf(made)}`);
    if (overlap === 0 && required.length > 0) {
      if (made.length > 0) return madeUp(`the question is not about this tool and does not say ${namesOf(made)}`);
      if (said.length === 0) return madeUp('the question says nothing of this tool or its arguments');
      const words = said.map(({ value }) => value).filter((value) => typeof value === 'string');
      if (new Set(words).size < words.length)
        return madeUp('the question is not about this tool, and one word of it stands for several arguments');
    }
  }
  return overlap > 0 ? null : { kind: 'unrelated', message: 'the question is not about this tool' };
}

function namesOf(made: readonly { readonly name: string }[]): string {
  return made.map(({ name }) => name).join(', ');
}

/** Words that say something, as stems. Without a description the names of the parameters have to say what the tool is for. */
function wordsShared({ definition, parameters }: KnownTool, question: string): number {
  const { name, description = '' } = definition.function;
  const about = description === '' ? parameters.join(' ') : description;
  const asked = new Set(stemsOf(question));
  return new Set(stemsOf(`${name} ${about}`.replaceAll('_', ' '))).intersection(asked).size;
}

/** Words of other languages too, so that it takes two of them, or one of the others. */
const WEAK = new Set('a an in is was am so no me on at do as be or has have i will'.split(' '));
const ENGLISH = new Set(
  (
    "the of what what's which who who's whose how where when why are were my your you it and with to from this that these does did can could " +
    'would should there much many any our their his her its for not if about between into'
  ).split(' '),
);
const FOREIGN = new Set(
  'het een de der die das den ist und mit el la los las le les un une il di che que del em och og är er på et dans para por con nicht'.split(
    ' ',
  ),
);

/** By its function words. Names (`El Paso`) may be of any language. */
function isEnglish(question: string): boolean {
  const words = question.match(/[\p{L}'’]+/gu) ?? [];
  if (words.some((word) => FOREIGN.has(word))) return false;
  const plain = words.map((word) => word.toLowerCase().replace('’', "'"));
  const weight = plain.reduce((sum, word) => sum + (ENGLISH.has(word) ? 2 : WEAK.has(word) ? 1 : 0), 0);
  return weight >= 2;
}

const LEAD =
  /^(?:\W|(?:please|hey|hi|hello|ok|okay|so|well|now|and)\b|(?:can|could|would|will) you\b|help me\b|i(?:'d like| would like| want| need) to\b)+/i;
const ASKING =
  /^(?:what|who|whose|which|where|when|why|how|is|are|was|were|does|did|has|can|could|should|will|would|know|find|search|show|tell|give|list|look)(?:['’]\w+)?\b/i;

/** A question, or an order to look something up. */
function asksForSomething(question: string): boolean {
  return ASKING.test(question.replace(LEAD, ''));
}
