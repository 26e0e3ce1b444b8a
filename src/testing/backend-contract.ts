/**
 * The contract of a backend, as a test suite. Every backend of Tutti passes it; a plug-in's should, too.
 *
 * What a backend cannot do is said in the setup, with the reason, and held against what its descriptors claim: nothing
 * is left out silently.
 *
 * @example
 * import { describe, it } from 'vitest'; // or from node:test
 * backendContract('my backend', { create: async () => ({ backend: new MyBackend() }), … }, { describe, it });
 */
import assert from 'node:assert/strict';
import type { Backend, OpenModel } from '../contracts/backend.ts';
import type { CallOptions, ModelDescriptor } from '../contracts/model.ts';
import type { Part } from '../contracts/part.ts';
import { LOCAL_PRINCIPAL } from '../contracts/principal.ts';
import { operationOf } from '../contracts/vocabulary.ts';
import { TuttiError } from '../errors/error.ts';
import type { BackendContractSetup, ChatCase, ContractSubject, Feature, TestRunner } from './backend-contract-setup.ts';
import { checkParts } from './check-parts.ts';
import { collectParts, summarize, type Collected } from './collect.ts';

export type * from './backend-contract-setup.ts';

const STEP = 'root/contract';

function callOptions(signal: AbortSignal = new AbortController().signal): CallOptions {
  return { signal, step: STEP, principal: LOCAL_PRINCIPAL, priority: 0 };
}

const never = (): AbortSignal => new AbortController().signal;

async function findModel(backend: Backend, name: string): Promise<ModelDescriptor> {
  const known = (await backend.list(never())).find((model) => model.name === name);
  // A name that the list lacks is asked for all the same: remote backends bind without a request.
  return (
    known ?? { id: `${backend.id}:${name}`, backend: backend.id, name, capabilities: ['text_generation'], operations: ['chat'] }
  );
}

async function open(backend: Backend, name: string): Promise<OpenModel> {
  return backend.open(await findModel(backend, name), { placement: { device: 'cpu' }, signal: never() });
}

/** Runs one case to its end and checks the parts against the rules that hold for all. */
async function answer<S extends ContractSubject>(subject: S, given: ChatCase<S>): Promise<Collected> {
  await using model = await open(subject.backend, given.model);
  await given.arrange?.(subject);
  const parts = await collectParts(model.call('chat', given.input, callOptions()));
  const choices = model.descriptor.nativeChoices ? (given.input.n ?? 1) : 1;
  checkParts(parts, { step: STEP, choices });
  return summarize(parts);
}

async function rejection(work: Promise<unknown>): Promise<TuttiError> {
  const error = await work.then(
    () => assert.fail('expected an error, but it succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(TuttiError.isInstance(error), `expected a TuttiError, got ${String(error)}`);
  return error;
}

/** Declares the tests that every backend must pass, with the runner's own `describe` and `it`. */
export function backendContract<S extends ContractSubject>(
  name: string,
  setup: BackendContractSetup<S>,
  runner: TestRunner,
): void {
  const { describe } = runner;
  const it = (title: string, body: (subject: S) => Promise<void>): unknown =>
    runner.it(title, async () => {
      const subject = await setup.create();
      try {
        await body(subject);
      } finally {
        await subject.backend[Symbol.asyncDispose]();
        await subject.dispose?.();
      }
    });
  const feature = <T extends object>(
    title: string,
    given: Feature<T>,
    body: (given: T, subject: S) => Promise<void>,
    denied: (models: readonly ModelDescriptor[]) => void = () => {},
  ): void => {
    if (!('unsupported' in given)) it(title, (subject) => body(given, subject));
    else {
      it(`does not claim that it ${title} (${given.unsupported})`, async ({ backend }) => {
        assert.ok(given.unsupported.length > 0, 'the setup must say why');
        denied(await backend.list(never()));
      });
    }
  };

  describe(`${name}: the contract of a backend`, () => {
    listing(it);
    answering(setup, it, feature);
    stopping(setup, it);
    failing(setup, it, feature);
    closing(setup, it, feature);
  });
}

type It<S> = (title: string, body: (subject: S) => Promise<void>) => unknown;
type FeatureTest<S> = <T extends object>(
  title: string,
  given: Feature<T>,
  body: (given: T, subject: S) => Promise<void>,
  denied?: (models: readonly ModelDescriptor[]) => void,
) => void;

function listing<S extends ContractSubject>(it: It<S>): void {
  it('lists models with ids, capabilities and operations that belong together', async ({ backend }) => {
    const models = await backend.list(never());
    assert.ok(models.length > 0, 'the subject must have a model');
    assert.equal(new Set(models.map((model) => model.id)).size, models.length, 'ids must be unique');
    for (const model of models) {
      assert.equal(model.id, `${backend.id}:${model.name}`);
      assert.equal(model.backend, backend.id);
      assert.ok(model.capabilities.length > 0, `${model.id} has no capability`);
      const possible = model.capabilities.map((capability) => operationOf(capability));
      for (const operation of model.operations)
        assert.ok(possible.includes(operation), `${model.id}: ${operation} without a capability`);
      for (const operation of possible)
        assert.ok(model.operations.includes(operation), `${model.id}: lacks the operation ${operation}`);
    }
  });

  it('says how many bytes a model needs when it loads into this machine', async ({ backend }) => {
    if (backend.residency === 'remote') return assert.ok(!backend.estimate, 'what is remote takes no memory here');
    const [model] = await backend.list(never());
    assert.ok(model && backend.estimate, 'a local backend must have estimate()');
    const memory = Object.values(await backend.estimate(model, { device: 'cpu' }));
    assert.ok(memory.length > 0, 'an estimate must name a device');
    for (const bytes of memory)
      assert.ok(bytes !== undefined && bytes >= 0 && Number.isFinite(bytes), `${bytes} is no number of bytes`);
  });
}

function answering<S extends ContractSubject>(setup: BackendContractSetup<S>, it: It<S>, feature: FeatureTest<S>): void {
  it('answers a chat with text, usage and one finish', async (subject) => {
    const { text, finish, usage } = await answer(subject, setup.chat);
    assert.ok(text.length > 0, 'no text');
    if (setup.chat.text !== undefined) assert.equal(text, setup.chat.text);
    assert.ok(finish === 'stop' || finish === 'length', `finish was ${finish}`);
    assert.ok(usage, 'no usage');
    assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0, 'the counts must be positive');
    assert.equal(usage.estimated ?? false, setup.usage === 'estimated');
  });

  it('answers several calls at once, each with its own parts', async (subject) => {
    await using model = await open(subject.backend, setup.chat.model);
    await setup.chat.arrange?.(subject);
    await setup.chat.arrange?.(subject);
    const steps = ['root/0', 'root/1'];
    const all = await Promise.all(
      steps.map((step) => collectParts(model.call('chat', setup.chat.input, { ...callOptions(), step }))),
    );
    all.forEach((parts, index) => checkParts(parts, { step: steps[index] ?? '', choices: 1 }));
  });

  feature(
    'answers n choices in one call',
    setup.choices,
    async (given, subject) => {
      const { choices } = await answer(subject, given);
      assert.equal(choices.length, given.input.n);
      for (const choice of choices) assert.ok(choice.finish);
    },
    (models) =>
      assert.ok(
        models.every((model) => !model.nativeChoices),
        'a descriptor claims nativeChoices',
      ),
  );

  feature('gives its reasoning apart from the text', setup.reasoning, async (given, subject) => {
    const { reasoning, text } = await answer(subject, given);
    assert.ok(reasoning.length > 0, 'no reasoning');
    if (given.reasoning !== undefined) assert.equal(reasoning, given.reasoning);
    if (given.text !== undefined) assert.equal(text, given.text);
    assert.ok(!text.includes(reasoning), 'the text repeats the reasoning');
  });

  feature('gives the log-probability of every token when asked', setup.logprobs, async (given, subject) => {
    const { logprobs, text } = await answer(subject, given);
    assert.ok(logprobs.length > 0, 'no logprobs');
    assert.equal(logprobs.map((token) => token.token).join(''), text);
    for (const token of logprobs) {
      assert.ok(token.logprob <= 0, `a log-probability is at most 0, not ${token.logprob}`);
      assert.ok(token.top.length <= (given.input.top_logprobs ?? 0) + 1, 'more alternatives than were asked for');
    }
  });

  feature(
    'calls tools',
    setup.tools,
    async (given, subject) => {
      const { toolCalls, finish } = await answer(subject, given);
      assert.ok(toolCalls.length > 0, 'no tool call');
      assert.equal(finish, 'tool_calls');
      assert.equal(new Set(toolCalls.map((call) => call.id)).size, toolCalls.length, 'ids of calls must differ');
      const calls = toolCalls.map((call) => ({
        name: call.function.name,
        arguments: JSON.parse(call.function.arguments) as unknown,
      }));
      if (given.calls) assert.deepEqual(calls, given.calls);
    },
    (models) =>
      assert.ok(
        models.every((model) => !model.capabilities.includes('tool_calling')),
        'a descriptor claims tool_calling',
      ),
  );

  feature('keeps to a JSON schema', setup.jsonSchema, async (given, subject) => {
    const format = given.input.response_format;
    assert.ok(format?.type === 'json_schema', 'the setup must give a json_schema');
    const { text } = await answer(subject, given);
    const value = JSON.parse(text) as Record<string, unknown>;
    for (const key of (format.json_schema.schema['required'] ?? []) as string[])
      assert.ok(Object.hasOwn(value, key), `lacks ${key}`);
  });

  feature(
    'takes images',
    setup.images,
    async (given, subject) => {
      const { text } = await answer(subject, given);
      assert.ok(text.length > 0);
      if (given.text !== undefined) assert.equal(text, given.text);
    },
    (models) =>
      assert.ok(
        models.every((model) => !model.capabilities.includes('vision')),
        'a descriptor claims vision',
      ),
  );

  feature(
    'embeds texts in their order',
    setup.embeddings,
    async (given, subject) => {
      await using model = await open(subject.backend, given.model);
      await given.arrange?.(subject);
      const parts = await collectParts(model.call('embed', given.input, callOptions()));
      checkParts(parts, { step: STEP, choices: 1 });
      const { vectors, usage } = summarize(parts);
      assert.equal(vectors.length, given.count);
      assert.equal(new Set(vectors.map((vector) => vector.length)).size, 1, 'vectors must be of one length');
      for (const vector of vectors) assert.ok(vector.length > 0 && vector.every(Number.isFinite));
      if (given.input.dimensions != null) assert.equal(vectors[0]?.length, given.input.dimensions);
      assert.ok(usage && usage.inputTokens > 0, 'no usage');
    },
    (models) =>
      assert.ok(
        models.every((model) => !model.operations.includes('embed')),
        'a descriptor claims embed',
      ),
  );
}

function stopping<S extends ContractSubject>(setup: BackendContractSetup<S>, it: It<S>): void {
  const { cancel } = setup;

  it('stops the compute when the caller leaves the iteration', async (subject) => {
    await using model = await open(subject.backend, cancel.model);
    await cancel.arrange?.(subject);
    for await (const part of model.call('chat', cancel.input, callOptions())) if (part.type === 'text-delta') break;
    await cancel.stopped(subject);
  });

  it('stops the compute when the signal is aborted, and says that it was cancelled', async (subject) => {
    await using model = await open(subject.backend, cancel.model);
    await cancel.arrange?.(subject);
    const controller = new AbortController();
    const call = (async () => {
      for await (const part of model.call('chat', cancel.input, callOptions(controller.signal))) {
        if (part.type === 'text-delta') controller.abort();
      }
    })();
    assert.equal((await rejection(call)).code, 'cancelled');
    await cancel.stopped(subject);
  });

  it('does not begin a call whose signal is aborted already', async (subject) => {
    await using model = await open(subject.backend, cancel.model);
    const error = await rejection(collectParts(model.call('chat', cancel.input, callOptions(AbortSignal.abort()))));
    assert.equal(error.code, 'cancelled');
  });

  it('goes on answering after a cancelled call', async (subject) => {
    await using model = await open(subject.backend, cancel.model);
    await cancel.arrange?.(subject);
    for await (const part of model.call('chat', cancel.input, callOptions())) if (part.type === 'text-delta') break;
    await cancel.stopped(subject);
    const { text } = await answer(subject, setup.chat);
    assert.ok(text.length > 0);
  });
}

function failing<S extends ContractSubject>(setup: BackendContractSetup<S>, it: It<S>, feature: FeatureTest<S>): void {
  it('has no model of an unknown name', async (subject) => {
    const error = await rejection(answer(subject, setup.unknownModel));
    assert.equal(error.code, 'model_not_found');
    assert.match(error.message, new RegExp(setup.unknownModel.model.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  });

  feature('refuses images for a model that takes none', setup.refusedImages, async (given, subject) => {
    assert.equal((await rejection(answer(subject, given))).code, 'unsupported_input');
  });

  feature('never gives a cut stream as complete', setup.truncation, async (given, subject) => {
    await using model = await open(subject.backend, given.model);
    await given.arrange?.(subject);
    const parts: Part[] = [];
    const error = await rejection(
      (async () => {
        for await (const part of model.call('chat', given.input, callOptions())) parts.push(part);
      })(),
    );
    assert.equal(error.code, 'stream_truncated');
    assert.equal(error.retryable, true);
    assert.ok(!parts.some((part) => part.type === 'finish'), 'a cut stream must not finish');
  });

  for (const fault of setup.faults) {
    it(`reports ${fault.name}`, async (subject) => {
      await using model = await open(subject.backend, fault.model);
      await fault.arrange?.(subject);
      const call = rejection(collectParts(model.call('chat', fault.input, callOptions())));
      await fault.during?.(subject);
      const error = await call;
      assert.equal(error.code, fault.code, error.message);
      assert.equal(error.retryable, fault.retryable);
      if (fault.retryAfter !== undefined) assert.equal(error.retryAfter, fault.retryAfter);
      assert.ok(error.message.length > 10, 'a message says what happened');
    });
  }
}

function closing<S extends ContractSubject>(setup: BackendContractSetup<S>, it: It<S>, feature: FeatureTest<S>): void {
  it('settles `closed` with null when a model is disposed of, also twice', async (subject) => {
    const model = await open(subject.backend, setup.chat.model);
    await model[Symbol.asyncDispose]();
    await model[Symbol.asyncDispose]();
    assert.equal(await model.closed, null);
  });

  it('takes no call after a model was disposed of', async (subject) => {
    const model = await open(subject.backend, setup.chat.model);
    await model[Symbol.asyncDispose]();
    assert.equal((await rejection(collectParts(model.call('chat', setup.chat.input, callOptions())))).code, 'closed');
  });

  it('opens a model again after it was disposed of', async (subject) => {
    await (await open(subject.backend, setup.chat.model))[Symbol.asyncDispose]();
    const { text } = await answer(subject, setup.chat);
    assert.ok(text.length > 0);
  });

  it('is disposed of with its models open, also twice', async (subject) => {
    const model = await open(subject.backend, setup.chat.model);
    await subject.backend[Symbol.asyncDispose]();
    await subject.backend[Symbol.asyncDispose]();
    assert.equal(await model.closed, null);
  });

  feature('settles `closed` with the reason when a model’s holder dies', setup.crash, async (given, subject) => {
    const model = await open(subject.backend, given.model);
    await given.kill(subject, model);
    const reason = await model.closed;
    assert.ok(TuttiError.isInstance(reason), 'closed must settle with a TuttiError');
    assert.equal(reason.code, 'runner_crashed');
    await model[Symbol.asyncDispose]();
  });
}
