import type { ArtifactPart, ReasoningDelta, TextDelta, ToolCallDelta } from '../contracts/part.ts';

interface KeptChoice {
  text: string;
  reasoning: string;
  toolCalls: { id: string; name: string; arguments: string }[];
  artifacts: { kind: string; value: unknown }[];
}

/** Puts the answer together from its deltas, for `runs.store_content`. */
export class ContentKeeper {
  readonly #input: unknown;
  readonly #choices: KeptChoice[] = [];

  constructor(input: unknown) {
    this.#input = input;
  }

  add(part: TextDelta | ReasoningDelta | ToolCallDelta | ArtifactPart): void {
    const choice = (this.#choices[part.choice] ??= { text: '', reasoning: '', toolCalls: [], artifacts: [] });
    switch (part.type) {
      case 'text-delta':
        choice.text += part.text;
        return;
      case 'reasoning-delta':
        choice.reasoning += part.text;
        return;
      case 'tool-call-delta': {
        const call = (choice.toolCalls[part.index] ??= { id: '', name: '', arguments: '' });
        if (part.id !== undefined) call.id = part.id;
        if (part.name !== undefined) call.name = part.name;
        call.arguments += part.arguments ?? '';
        return;
      }
      case 'artifact':
        choice.artifacts.push({ kind: part.kind, value: part.value });
        return;
      default:
        part satisfies never;
    }
  }

  /** What empty fields a choice has are left out. `output` is a list with an entry a choice. */
  content(): { readonly input: unknown; readonly output: unknown } {
    const output = this.#choices.map(({ text, reasoning, toolCalls, artifacts }) => ({
      ...(text !== '' && { text }),
      ...(reasoning !== '' && { reasoning }),
      ...(toolCalls.length > 0 && { toolCalls: toolCalls.map((call) => ({ ...call })) }),
      ...(artifacts.length > 0 && { artifacts: [...artifacts] }),
    }));
    return { input: this.#input, output };
  }
}
