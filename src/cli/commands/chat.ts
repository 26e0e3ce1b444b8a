/**
 * `tutti chat`: a conversation, line by line. Ctrl-C stops the answer, at the prompt it ends the conversation, as `/exit` does.
 * When the answer is a question of an orchestration that waits, the next line is the reply to it.
 */
import { createInterface } from 'node:readline/promises';
import { TuttiError } from '../../errors/error.ts';
import type { Api } from '../api.ts';
import { ask, CHAT, type AskRequest } from '../ask.ts';
import type { CommandContext } from '../context.ts';
import type { CommandRun } from '../commands.ts';
import { style } from '../output.ts';
import { settings, type AskOptions } from '../settings.ts';
import { isWaiting, replyTo } from '../waiting.ts';

type Message = { role: 'system' | 'user' | 'assistant'; content: string };
type ChatOptions = AskOptions & { readonly system?: string };

/** Exit status 1 when the questions came from a pipe and one of them had no answer. */
export const run: CommandRun = async (context, args, given) => {
  const { output, signal } = context;
  await using api = await context.connect();
  const conversation = new Conversation(api, context, args[0] ?? 'auto', given);
  const interactive = process.stdin.isTTY === true && !output.json;
  if (interactive) output.note(`Talking with ${conversation.model} (${api.name}). ${HELP}`);
  const lines = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal: interactive,
    prompt: interactive ? '> ' : '',
    signal,
  });
  // A terminal in raw mode gives Ctrl-C as a key, not as a signal.
  lines.on('SIGINT', () => conversation.interrupt() || lines.close());
  let failed = 0;
  let said = false;
  if (interactive) lines.prompt();
  for await (const line of lines) {
    const outcome = await conversation.take(line.trim());
    said = outcome === 'end';
    if (said) break;
    if (outcome === 'failed') failed += 1;
    if (interactive) lines.prompt();
  }
  lines.close();
  if (interactive && !said) output.note(''); // Ctrl-C and Ctrl-D leave the cursor behind the prompt.
  return failed > 0 && !interactive ? 1 : 0;
};

const HELP = '/clear forgets, /model <id> changes the model, /exit ends.';

class Conversation {
  model: string;
  readonly #api: Api;
  readonly #context: CommandContext;
  readonly #options: ChatOptions;
  #history: Message[] = [];
  #answering: AbortController | null = null;
  /** The run that waits for a reply. */
  #waiting: string | null = null;

  constructor(api: Api, context: CommandContext, model: string, options: ChatOptions) {
    this.#api = api;
    this.#context = context;
    this.model = model;
    this.#options = options;
    this.#forget();
  }

  /** One line: a command or a question. */
  async take(text: string): Promise<'end' | 'done' | 'failed'> {
    const { note } = this.#context.output;
    const [word = '', ...rest] = text.split(/\s+/);
    switch (word) {
      case '':
        return 'done';
      case '/exit':
      case '/quit':
        return 'end';
      case '/clear':
        this.#forget();
        note('Forgotten.');
        return 'done';
      case '/model':
        this.model = rest[0] ?? this.model;
        this.#waiting = null;
        note(`Talking with ${this.model}.`);
        return 'done';
      case '/help':
        note(HELP);
        return 'done';
      default:
        return this.#ask(text);
    }
  }

  /** Stops the answer under way. false: there is none. */
  interrupt(): boolean {
    this.#answering?.abort();
    return this.#answering !== null;
  }

  #forget(): void {
    const { system } = this.#options;
    this.#history = system === undefined ? [] : [{ role: 'system', content: system }];
    this.#waiting = null;
  }

  /** A reply to the run that waits, or the next turn. */
  #request(text: string): AskRequest {
    if (this.#waiting !== null) return replyTo(this.#waiting, text);
    return { path: CHAT, body: { model: this.model, messages: this.#history, ...settings(this.#options) } };
  }

  async #ask(text: string): Promise<'done' | 'failed'> {
    const { output, signal } = this.#context;
    const answering = new AbortController();
    this.#answering = answering;
    this.#history.push({ role: 'user', content: text });
    try {
      const answer = await ask(this.#api, output, this.#request(text), { signal: AbortSignal.any([answering.signal, signal]) });
      this.#history.push({ role: 'assistant', content: answer.text });
      this.#waiting = isWaiting(answer) ? answer.run_id : null;
      if (output.json) output.data(answer);
      return 'done';
    } catch (error) {
      this.#history.pop(); // A question without an answer would confuse the next turn.
      this.#waiting = null; // A run takes one reply.
      if (signal.aborted) throw error;
      if (answering.signal.aborted) {
        output.note('(stopped)');
        return 'done';
      }
      const { code, message } = TuttiError.from(error);
      if (output.json) output.data({ error: { code, message } });
      output.note(style('red', `${message} (${code})`));
      return 'failed';
    } finally {
      this.#answering = null;
    }
  }
}
