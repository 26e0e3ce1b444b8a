/** `tutti chat`: a conversation, line by line. Ctrl-C stops the answer, twice or `/exit` the conversation. */
import { createInterface } from 'node:readline/promises';
import { TuttiError } from '../../errors/error.ts';
import { ask, settings, type AskOptions } from '../ask.ts';
import type { CommandRun } from '../program.ts';
import { style } from '../output.ts';

type Message = { role: 'system' | 'user' | 'assistant'; content: string };

export const run: CommandRun = async (context, args, given) => {
  const options = given as AskOptions & { system?: string };
  const { output } = context;
  await using api = await context.connect();
  let model = args[0] ?? 'auto';
  let history: Message[] = [];
  const begin = (): Message[] => (options.system === undefined ? [] : [{ role: 'system', content: options.system }]);
  history = begin();
  const interactive = process.stdin.isTTY === true;
  if (interactive)
    output.note(`Talking with ${model} at ${api.name}. /clear forgets, /model <id> changes the model, /exit ends.`);
  const lines = createInterface({
    input: process.stdin,
    output: process.stderr,
    terminal: interactive,
    prompt: interactive ? '> ' : '',
  });
  let answering: AbortController | null = null;
  lines.on('SIGINT', () => (answering === null ? lines.close() : answering.abort()));
  lines.prompt();
  for await (const line of lines) {
    const text = line.trim();
    if (text === '/exit' || text === '/quit') break;
    if (text === '/clear') history = begin();
    else if (text.startsWith('/model')) model = text.slice('/model'.length).trim() || model;
    else if (text !== '') {
      answering = new AbortController();
      history.push({ role: 'user', content: text });
      try {
        const answer = await ask(
          api,
          output,
          { model, messages: history, ...settings(options) },
          AbortSignal.any([answering.signal, context.signal]),
        );
        history.push({ role: 'assistant', content: answer.text });
        if (output.json) output.data(answer);
      } catch (error) {
        history.pop(); // A question without an answer would confuse the next turn.
        const failure = TuttiError.from(error);
        output.note(answering.signal.aborted ? '(stopped)' : style('red', `${failure.message} (${failure.code})`));
      }
      answering = null;
    }
    lines.prompt();
  }
  lines.close();
};
