/** What the commands about tool calls have in common: texts from options or standard input, and how calls are shown. */
import { TuttiError } from '../errors/error.ts';
import { style, type Output } from './output.ts';
import { STANDARD_INPUT } from './question.ts';

/** `add({"a":1})`, a line each. */
export function printCalls(output: Output, calls: readonly { readonly name: string; readonly arguments: string }[]): void {
  for (const call of calls) output.line(`${style('cyan', call.name)}(${call.arguments})`);
}

/** The option's text, or standard input. `option` names it when there is neither. */
export async function textOrInput(text: string | undefined, option: string): Promise<string> {
  const given = text ?? (STANDARD_INPUT.isTTY ? '' : await STANDARD_INPUT.read());
  if (given.trim() !== '') return given;
  throw new TuttiError('invalid_request', `There is no text. Give it with ${option}, or through a pipe.`);
}
