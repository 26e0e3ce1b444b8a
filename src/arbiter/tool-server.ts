/** Serves the calls of an arbiter's tools. Independent ones at once; the user is asked last, because that pauses the run. */
import { fromFirstWord } from '../answers/first-word.ts';
import type { ChatInput, ToolDefinition } from '../contracts/chat.ts';
import { inputForMember } from '../contracts/member.ts';
import type { Part } from '../contracts/part.ts';
import type { ArbiterAction, ArbiterCall } from './arbiter-tools.ts';
import { Conversation } from './conversation.ts';
import { holdDialogue, transcriptOf } from './dialogue.ts';
import { createInterpreter } from './interpreter/interpreter.ts';
import { withAfterthought, type ConsultResult } from './specialist.ts';
import { isSmall, type Consulted, type Team } from './team.ts';

/** A call that was served. */
export interface Served {
  readonly result: ConsultResult;
  /** False when the same was asked before, or the call made no sense. */
  readonly isNew: boolean;
  /** The consultation that it was, or is a repetition of. */
  readonly consulted: Consulted | null;
}

export class ToolServer {
  readonly #team: Team;
  readonly #clientTools: readonly ToolDefinition[];
  readonly #ownTools: readonly ToolDefinition[];
  /** By what was asked for, so that nothing is asked twice. */
  readonly #served = new Map<string, Promise<Served>>();
  /** Failures that the arbiter has not been told yet. */
  readonly #failedElsewhere = new Map<string, Served>();

  constructor(team: Team, clientTools: readonly ToolDefinition[], ownTools: readonly ToolDefinition[]) {
    this.#team = team;
    this.#clientTools = clientTools;
    this.#ownTools = ownTools;
  }

  /** Whether the same was asked before. */
  knows({ action }: ArbiterCall): boolean {
    return this.#served.has(JSON.stringify(action));
  }

  /** Remembers a call that was carried out elsewhere and failed. */
  recordFailure({ action, tool }: ArbiterCall, reason: string): void {
    const result = { tool, success: false, response: reason, reasoning: null };
    this.#failedElsewhere.set(JSON.stringify(action), { result, isNew: true, consulted: null });
  }

  /** The results, in the order of the calls. */
  async serve(calls: readonly ArbiterCall[]): Promise<Served[]> {
    const results: Served[] = [];
    const waiting: number[] = [];
    await Promise.all(
      calls.map(async (call, i) => {
        if (call.action.type === 'ask_user') waiting.push(i);
        else results[i] = await this.#once(call);
      }),
    );
    for (const i of waiting) {
      const call = calls[i];
      if (call !== undefined) results[i] = await this.#once(call);
    }
    return results;
  }

  async #once({ action, tool }: ArbiterCall): Promise<Served> {
    if (action.type === 'invalid') {
      return { result: { tool, success: false, response: action.problem, reasoning: null }, isNew: false, consulted: null };
    }
    const asked = JSON.stringify(action);
    const failed = this.#failedElsewhere.get(asked);
    if (failed !== undefined) {
      this.#failedElsewhere.delete(asked);
      this.#served.set(asked, Promise.resolve(failed));
      return failed;
    }
    const earlier = this.#served.get(asked);
    if (earlier !== undefined) return this.#again(tool, await earlier);
    const serving = this.#serve(action, tool);
    this.#served.set(asked, serving);
    return serving;
  }

  #again(tool: string, { result, consulted }: Served): Served {
    const response = `You have asked this before. It gave: ${result.response}`;
    return { result: { tool, success: false, response, reasoning: null }, isNew: false, consulted };
  }

  async #serve(action: Exclude<ArbiterAction, { type: 'invalid' }>, tool: string): Promise<Served> {
    const result = await this.#result(action, tool);
    const asksModel = action.type === 'consult' || action.type === 'larger' || action.type === 'orchestration';
    const consulted =
      asksModel && result.success ? this.#team.consulted.findLast(({ answer }) => answer.text === result.response) : null;
    return { result, isNew: true, consulted: consulted ?? null };
  }

  async #result(action: Exclude<ArbiterAction, { type: 'invalid' }>, tool: string): Promise<ConsultResult> {
    const { options, context } = this.#team;
    const ok = (response: string, reasoning: string | null = null): ConsultResult => ({
      tool,
      success: true,
      response,
      reasoning,
    });
    const no = (response: string): ConsultResult => ({ tool, success: false, response, reasoning: null });
    switch (action.type) {
      case 'consult': {
        const specialist = options.specialists.find(({ name }) => name === action.specialist);
        return specialist === undefined
          ? no('Nobody has this name.')
          : this.#team.consult(specialist, tool, action.query, action.context);
      }
      case 'larger':
        return options.larger === null
          ? no('There is no larger model.')
          : this.#team.consult(options.larger, tool, action.query, action.context);
      case 'orchestration': {
        const orchestration = options.orchestrations.find(({ name }) => name === action.name);
        return orchestration === undefined
          ? no('There is no such orchestration.')
          : this.#team.consult(orchestration, tool, action.query, action.context);
      }
      case 'ask_user':
        return ok(await context.waitForUser(this.#team.key('escalate_to_user'), action.question));
      case 'synthesize':
        return this.#synthesize(action.instructions, tool);
      case 'converse':
        return this.#converse(action.participants, action.question, tool);
      case 'reinterpret':
        return this.#reinterpret(action.text, action.error, tool);
      case 'information':
        return ok(JSON.stringify(this.#information()));
      default:
        return action satisfies never;
    }
  }

  async #synthesize(instructions: string, tool: string): Promise<ConsultResult> {
    if (this.#team.consulted.length === 0) {
      return { tool, success: false, response: 'Nobody has answered yet: consult somebody first.', reasoning: null };
    }
    const { arbiter } = this.#team.options;
    try {
      const answer = await this.#team.ask(arbiter.model, this.#synthesisInput(instructions), {
        key: 'synthesize_responses',
        signal: this.#team.context.signal,
      });
      if (answer.text.trim() === '') return { tool, success: false, response: 'Nothing was written.', reasoning: null };
      return { tool, success: true, response: answer.text, reasoning: null };
    } catch (error) {
      return { tool, success: false, response: this.#team.failed('synthesize_responses', error).message, reasoning: null };
    }
  }

  /** The synthesis as the run's answer, as it is written. False when it failed before its first word, or has none. */
  async *synthesis(instructions: string): AsyncGenerator<Part, boolean> {
    const { context, options } = this.#team;
    const input = this.#synthesisInput(instructions);
    let said = false;
    try {
      const key = this.#team.key('synthesize_responses');
      const child = context.call(key, options.arbiter.model, { operation: 'chat', input }, { optional: true });
      for await (const part of fromFirstWord(child)) {
        said = true;
        yield part;
      }
      return said;
    } catch (error) {
      if (said) throw error;
      this.#team.failed('synthesize_responses', error);
      return false;
    }
  }

  #synthesisInput(instructions: string): ChatInput {
    const { tools: _tools, tool_choice: _choice, ...request } = this.#team.input;
    const answers = this.#team.consulted.map(({ specialist, answer }) => `[${specialist.name}]\n${answer.text}`);
    const wish =
      instructions === ''
        ? 'Combine these answers into one. Keep what they agree on, and decide where they differ.'
        : instructions;
    const messages = withAfterthought(request.messages, `Answers of the specialists:\n\n${answers.join('\n\n')}\n\n${wish}`);
    return inputForMember(
      { ...request, messages },
      { ...this.#team.options.arbiter, instructions: 'You write the answer to the user from what specialists have said.' },
    );
  }

  async #converse(names: readonly string[], question: string, tool: string): Promise<ConsultResult> {
    const { options, context, ask } = this.#team;
    const { max_models, max_turns, include_full_history, allow_model_to_model, arbiter_reviews_all } = options.limits;
    const taking = options.specialists.filter(({ name }) => names.includes(name)).slice(0, max_models);
    const conversation = new Conversation(
      {
        arbiter: options.arbiter,
        participants: taking.map(({ name, member }) => ({ ...member, name })),
        limits: {
          maxModels: max_models,
          maxTurns: max_turns,
          includeFullHistory: include_full_history,
          allowModelToModel: allow_model_to_model && taking.length > 1,
          arbiterReviewsAll: arbiter_reviews_all && !isSmall(context.describe(options.arbiter.model)),
        },
      },
      {
        ask: (target, input, { key = target, signal }) => ask(target, input, { key: `conversation.${key}`, signal }),
        now: () => context.clock.now(),
        rethrow: (error) => void context.rethrow(error),
      },
    );
    const { replies, ended, failures } = await holdDialogue(conversation, {
      question,
      maxTurns: max_turns,
      rethrow: (error) => context.rethrow(error),
      onContradiction: ({ members, message }) => context.report({ type: 'conflict', kind: 'disagreement', members, message }),
    });
    this.#team.failures.push(...failures);
    if (replies.length === 0)
      return { tool, success: false, response: failures.map(({ message }) => message).join('; ') || ended, reasoning: null };
    return { tool, success: true, response: transcriptOf(replies), reasoning: ended };
  }

  async #reinterpret(text: string, error: string, tool: string): Promise<ConsultResult> {
    const { context, ask } = this.#team;
    const interpreter = createInterpreter({ model: context.settings.interpreter, ask });
    const tools = [...this.#clientTools, ...this.#ownTools];
    const { signal } = context;
    const found =
      error === ''
        ? await interpreter.interpret({ text, tools, signal })
        : await interpreter.repair({ call: text, error, tools, signal });
    if (found.toolCalls.length === 0) return { tool, success: false, response: 'No tool call can be made out.', reasoning: null };
    const calls = found.toolCalls.map(({ function: { name, arguments: given } }) => ({ name, arguments: given }));
    return { tool, success: true, response: JSON.stringify(calls), reasoning: null };
  }

  #information(): object {
    const { options, consulted, failures, context } = this.#team;
    return {
      specialists: options.specialists.map(({ name, description, contextWindow, member }) => ({
        name,
        description,
        model: member.model,
        context_window: contextWindow,
        capabilities: context.describe(member.model)?.capabilities ?? [],
      })),
      orchestrations: options.orchestrations.map(({ name, description }) => ({ name, description })),
      larger: options.larger?.member.model ?? null,
      consulted: consulted.map(({ specialist }) => specialist.name),
      failed: failures.map(({ member, message }) => ({ name: member, reason: message })),
      limits: { models: options.limits.max_models, turns: options.limits.max_turns, rounds: options.maxRounds },
    };
  }
}
