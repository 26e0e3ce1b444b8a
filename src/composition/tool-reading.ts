/** Models whose tool calls are read the way they are really written. */
import type { ChatInput, ChatMessage, ToolCall } from '../contracts/chat.ts';
import type { CallOptions, Model } from '../contracts/model.ts';
import type { FinishPart, Part, TextDelta, ToolCallDelta } from '../contracts/part.ts';
import { readAnswer, type Interpretation, type Interpreter } from '../arbiter/interpreter/interpreter.ts';
import { ToolCallWatcher } from '../arbiter/interpreter/watcher.ts';

export interface ToolReading {
  applies(options: CallOptions): boolean;
  /** The rungs with a model, for a call at this step. */
  interpreter(options: CallOptions): Interpreter;
  /** The id that a call goes out with. */
  nameCall(options: CallOptions, index: number, id: string): string;
  /** Calls were meant that could not be made out. */
  onUnclear(options: CallOptions): void;
}

/**
 * The model, whose calls are sound when tools were given: those that it wrote as text become calls, those that do not fit
 * their schema are mended where that is safe. Prose streams on; what may be a call is held back until that is known.
 */
export function withToolReading(model: Model, reading: ToolReading): Model {
  return {
    descriptor: model.descriptor,
    call: (operation, input, options) => {
      const chat = operation === 'chat' ? (input as ChatInput) : null;
      const parts = model.call(operation, input, options);
      if (chat === null || (chat.tools?.length ?? 0) === 0 || chat.tool_choice === 'none' || !reading.applies(options))
        return parts;
      return readCalls(parts, chat, options, reading);
    },
  };
}

async function* readCalls(
  parts: AsyncIterable<Part>,
  input: ChatInput,
  options: CallOptions,
  reading: ToolReading,
): AsyncGenerator<Part> {
  const choices = new Map<number, ChoiceReader>();
  for await (const part of parts) {
    if (!('choice' in part) || part.step !== options.step) {
      yield part;
      continue;
    }
    let choice = choices.get(part.choice);
    if (choice === undefined) choices.set(part.choice, (choice = new ChoiceReader(input, options, reading, part.choice)));
    switch (part.type) {
      case 'text-delta':
        yield* choice.text(part);
        break;
      case 'tool-call-delta':
        choice.call(part);
        break;
      case 'finish':
        yield* choice.finish(part);
        break;
      default:
        yield part;
    }
  }
}

/** One choice of an answer. */
class ChoiceReader {
  readonly #input: ChatInput;
  readonly #options: CallOptions;
  readonly #reading: ToolReading;
  readonly #choice: number;
  readonly #watcher: ToolCallWatcher;
  readonly #calls: { id: string; name: string; arguments: string }[] = [];

  constructor(input: ChatInput, options: CallOptions, reading: ToolReading, choice: number) {
    this.#input = input;
    this.#options = options;
    this.#reading = reading;
    this.#choice = choice;
    this.#watcher = new ToolCallWatcher(input.tools ?? [], onlyQuestion(input)?.question);
  }

  *text(part: TextDelta): Generator<Part> {
    const shown = this.#watcher.push(part.text);
    if (shown === part.text) yield part;
    // The probabilities belong to the text as it came.
    else if (shown !== '' || part.logprobs !== undefined) yield { ...part, text: shown };
  }

  call({ index, id, name, arguments: text }: ToolCallDelta): void {
    const call = (this.#calls[index] ??= { id: '', name: '', arguments: '' });
    call.id ||= id ?? '';
    call.name += name ?? '';
    call.arguments += text ?? '';
  }

  async *finish(part: FinishPart): AsyncGenerator<Part> {
    const read = await (this.#calls.length > 0 ? this.#structured() : this.#written());
    if (read.text !== '') yield { type: 'text-delta', step: part.step, choice: this.#choice, text: read.text };
    for (const [index, call] of read.calls.entries()) {
      const id = this.#reading.nameCall(this.#options, index, call.id);
      const { name, arguments: text } = call.function;
      yield { type: 'tool-call-delta', step: part.step, choice: this.#choice, index, id, name, arguments: text };
    }
    if (read.note !== null) yield { type: 'progress', step: part.step, phase: 'interpret', fraction: null, message: read.note };
    yield read.calls.length > 0 && part.reason === 'stop' ? { ...part, reason: 'tool_calls' } : part;
  }

  /** Calls that came as such. One that does not fit its schema and cannot be mended goes out as it is: the client may know better. */
  async #structured(): Promise<Read> {
    const given = this.#calls
      .filter(Boolean)
      .map(({ id, name, arguments: text }): ToolCall => ({ id, type: 'function', function: { name, arguments: text } }));
    const { text } = this.#watcher.end();
    const tools = this.#input.tools ?? [];
    const quick = readAnswer({ message: { content: '', tool_calls: given }, tools });
    if (quick.problems.length === 0)
      return {
        text,
        calls: quick.source === 'structured' ? given : renamed(quick.calls, given),
        note: quick.source === 'structured' ? null : noteOf(quick.source, quick.calls.length),
      };
    const mended = await this.#interpret({ message: { content: '', tool_calls: given } });
    if (mended.problems.length === 0 && mended.toolCalls.length > 0)
      return { text, calls: renamed(mended.toolCalls, given), note: noteOf(mended.source, mended.toolCalls.length) };
    this.#reading.onUnclear(this.#options);
    return { text, calls: given, note: problemsOf(mended.problems) };
  }

  async #written(): Promise<Read> {
    const end = this.#watcher.end();
    if (end.problems.length === 0 && end.calls.length > 0)
      return this.#unlessDoubted({ text: end.text, calls: end.calls, note: noteOf(end.source, end.calls.length) }, end.held);
    if (!end.meant) return { text: end.held, calls: [], note: null };
    const { toolCalls, source, problems } = await this.#interpret({ text: end.held });
    if (toolCalls.length === 0 || problems.length > 0) this.#reading.onUnclear(this.#options);
    if (toolCalls.length === 0) return { text: end.held, calls: [], note: problemsOf(end.problems) };
    const text = end.text === end.held ? '' : end.text;
    const note = [noteOf(source, toolCalls.length), problemsOf(problems)].filter((part) => part !== null).join('; ');
    return this.#unlessDoubted({ text, calls: toolCalls, note }, end.held);
  }

  /** Calls that the question does not ask for are shown as they were written. */
  async #unlessDoubted(read: Read, held: string): Promise<Read> {
    const asked = onlyQuestion(this.#input);
    if (asked === null) return read;
    const { calls } = read;
    const { signal } = this.#options;
    const interpreter = this.#reading.interpreter(this.#options);
    const doubt = await interpreter.doubt({ ...asked, calls, tools: this.#input.tools ?? [], signal });
    if (doubt === null) return read;
    return { text: held, calls: [], note: `${callCount(calls.length)} not taken: ${doubt.message}` };
  }

  #interpret(
    what: { text: string } | { message: { content: string; tool_calls: readonly ToolCall[] } },
  ): Promise<Interpretation> {
    const { signal } = this.#options;
    return this.#reading.interpreter(this.#options).interpret({ ...what, tools: this.#input.tools ?? [], signal });
  }
}

/** Mended calls keep the ids that they came with. */
function renamed(calls: readonly ToolCall[], given: readonly ToolCall[]): ToolCall[] {
  return calls.map((call, i) => ({ ...call, id: given[i]?.id || call.id }));
}

interface Read {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly note: string | null;
}

function noteOf(source: Interpretation['source'], calls: number): string {
  return `${callCount(calls)} ${source === 'model' ? 'written by the interpreter' : source}`;
}

function problemsOf(problems: Interpretation['problems']): string | null {
  return problems.map(({ name, message }) => `${name}: ${message}`).join('; ') || null;
}

function callCount(calls: number): string {
  return `${calls} tool call${calls === 1 ? '' : 's'}`;
}

/**
 * What the user asked, when that is all that was said, in words, and nobody insists on a call. In a longer conversation a call may
 * take what it needs from anywhere.
 */
function onlyQuestion({ messages, tool_choice: choice = 'auto' }: ChatInput): { question: string; background: string } | null {
  const asked = messages.filter(({ role }) => role === 'user');
  const told = messages.filter(({ role }) => role === 'system' || role === 'developer');
  const [only] = asked;
  if (only === undefined || asked.length > 1 || asked.length + told.length < messages.length || choice !== 'auto') return null;
  const question = wordsOf(only);
  return question === null ? null : { question, background: told.map((message) => wordsOf(message) ?? '').join('\n') };
}

/** Null when there is more than words. */
function wordsOf({ content }: ChatMessage): string | null {
  if (typeof content === 'string') return content;
  const texts = (content ?? []).flatMap((part) => (part.type === 'text' ? [part.text] : []));
  return texts.length === (content ?? []).length ? texts.join('\n') : null;
}
