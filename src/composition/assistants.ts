/** The interpreter, the mediator and failure assistance as parts of Tutti: each thing asked of them is a run. */
import { createFailures, type FailureContext, type Reinterpretation, type ReinterpretInput } from '../arbiter/failures.ts';
import type { Diagnosis } from '../arbiter/first-aid.ts';
import {
  createInterpreter,
  type Doubts,
  type Interpretation,
  type InterpretInput,
  type RepairInput,
} from '../arbiter/interpreter/interpreter.ts';
import { createMediator, type Mediated, type MediateInput } from '../arbiter/mediator.ts';
import type { CountOwnTokens } from '../arbiter/own-tokens.ts';
import type { ModelId } from '../contracts/vocabulary.ts';
import type { Performed, Work, WorkAsk, WorkOptions } from './perform.ts';

export interface AssistantsOptions {
  perform<T>(work: Work<T>, options: WorkOptions): Promise<Performed<T>>;
  /** `interpreter.model`, `mediator.model` and `failures.model`; null: none. */
  models(): { readonly interpreter: ModelId | null; readonly mediator: ModelId | null; readonly failures: ModelId | null };
  /** `interpreter.doubt` and `interpreter.second_opinion`. */
  doubts(): Doubts;
  /** Tokens; null when it is not known. */
  contextWindow(target: string): number | null;
  /** Tokens of a text by the model's own tokenizer; null where it cannot be asked. */
  countOwn: CountOwnTokens;
}

type Call<T> = Omit<T, 'signal'>;

/** What `tutti.interpreter` does. */
export interface InterpreterFace {
  /** Which calls a model meant, by its text or its whole message. */
  interpret(input: Call<InterpretInput>, options?: WorkOptions): Promise<Interpretation>;
  /** Corrects a call that failed, by the error that it gave. */
  repair(input: Call<RepairInput>, options?: WorkOptions): Promise<Interpretation>;
}
/** What `tutti.mediator` does. */
export interface MediatorFace {
  /** Rewrites one model's answer for another's context window and format. */
  mediate(input: Call<MediateInput>, options?: WorkOptions): Promise<Mediated>;
}
/** What `tutti.failures` does. */
export interface FailuresFace {
  /** What to do about a failure: a reasoning model is asked, else a fixed table says. */
  diagnose(input: Call<FailureContext>, options?: WorkOptions): Promise<Diagnosis>;
  /** What a response was to say that could not be used. */
  reinterpret(input: Call<ReinterpretInput>, options?: WorkOptions): Promise<Reinterpretation>;
}

export interface Assistants {
  readonly interpreter: InterpreterFace;
  readonly mediator: MediatorFace;
  readonly failures: FailuresFace;
}

/** Makes them. Errors of each: `cancelled`, `deadline_exceeded`; a model that fails is made up for. */
export function createAssistants({ perform, models, doubts, contextWindow, countOwn }: AssistantsOptions): Assistants {
  const interpreterWith = (ask: WorkAsk) => createInterpreter({ model: models().interpreter, ask, ...doubts() });
  const mediatorWith = (ask: WorkAsk) =>
    createMediator({ ask, interpreter: interpreterWith(ask), model: models().mediator, contextWindow, countOwn });
  const failuresWith = (ask: WorkAsk) => createFailures({ model: models().failures, ask, interpreter: interpreterWith(ask) });
  const work = async <T>(
    name: string,
    task: string,
    run: (ask: WorkAsk) => Promise<T>,
    options: WorkOptions = {},
  ): Promise<T> => {
    const done = await perform(
      { name, task, run: async (ask) => run(ask).then((value) => ({ value, text: JSON.stringify(value) })) },
      options,
    );
    return done.value;
  };
  return {
    interpreter: {
      interpret: (input, options) => work('interpret', input.text ?? '', (ask) => interpreterWith(ask).interpret(input), options),
      repair: (input, options) => work('repair', input.error, (ask) => interpreterWith(ask).repair(input), options),
    },
    mediator: {
      mediate: (input, options) => work('mediate', input.response, (ask) => mediatorWith(ask).mediate(input), options),
    },
    failures: {
      diagnose: (input, options) => work('diagnose', input.phase, (ask) => failuresWith(ask).diagnose(input), options),
      reinterpret: (input, options) =>
        work('reinterpret', input.response, (ask) => failuresWith(ask).reinterpret(input), options),
    },
  };
}
