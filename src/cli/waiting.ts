/** Runs that ask back: a person at the terminal answers, and the run goes on. */
import { createInterface } from 'node:readline';
import type { Api } from './api.ts';
import { ask, type Asked, type AskRequest } from './ask.ts';
import type { CommandContext } from './context.ts';

/** The exit status of a command whose run waits for a reply. */
export const WAITING = 3;

/** Whether the answer is a question to whoever asked. */
export function isWaiting({ tutti }: Asked): boolean {
  return tutti?.status === 'waiting';
}

/** What goes on with a run that waits. */
export function replyTo(runId: string, reply: string): AskRequest {
  return { path: `/api/runs/${encodeURIComponent(runId)}/reply`, body: { reply } };
}

/** Reads a reply from the terminal; null when nobody is there, or wants to say no more. */
export type ReadReply = (signal: AbortSignal) => Promise<string | null>;

/**
 * Asks, and goes on for as long as the run asks back and somebody replies. Gives the last answer, which may be a question.
 * `onRun` hears of each request's run as soon as it has begun.
 */
export async function askWithReplies(
  api: Api,
  { output, signal }: Pick<CommandContext, 'output' | 'signal'>,
  request: AskRequest,
  { onRun, readReply }: { readonly onRun?: (runId: string | null) => void; readonly readReply: ReadReply | null },
): Promise<Asked> {
  const how = { signal, ...(onRun && { onRun }) };
  let answer = await ask(api, output, request, how);
  while (isWaiting(answer) && readReply !== null && answer.run_id !== null) {
    const reply = await readReply(signal);
    if (reply === null) break;
    answer = await ask(api, output, replyTo(answer.run_id, reply), how);
  }
  return answer;
}

/** What to do about a run that waits, for those who read standard error. */
export function howToReply(api: Api, runId: string): string {
  return api.lasting
    ? `The run waits for a reply: tutti run --reply ${runId} "…"`
    : 'The run asks, but it ends with this command: answer on a terminal, let a server run it (tutti serve), or set runs.store_content.';
}

/** The next line that is typed and not empty. */
export const readFromTerminal: ReadReply = async (signal) => {
  const { stdin, stderr } = process;
  const lines = createInterface({ input: stdin, output: stderr, terminal: false, signal });
  try {
    stderr.write('> ');
    for await (const line of lines) {
      if (line.trim() !== '') return line;
      stderr.write('> ');
    }
    stderr.write('\n'); // the cursor stands behind the prompt
    return null;
  } finally {
    lines.close();
  }
};
