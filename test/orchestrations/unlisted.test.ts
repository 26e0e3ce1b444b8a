/** Images for models of which nobody has said (yet) what they can do: right after the start, and where a backend does not list. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { ModelDescriptor } from '../../src/contracts/model.ts';
import { TuttiError } from '../../src/errors/error.ts';
import { deferred } from '../../src/lib/deferred.ts';
import { FakeBackend, type FakeModelScript } from '../../src/testing/fake-backend.ts';
import { FakeClock } from '../../src/testing/fake-clock.ts';
import { createTutti, type Tutti, type TuttiOptions } from '../../src/tutti.ts';

const image = { type: 'image', url: 'data:image/png;base64,iVBORw0KGgo=' } as const;
const input = [{ type: 'text', text: 'What is it?' } as const, image];
const seeing = { answer: 'a red bus', descriptor: { capabilities: ['text_generation', 'vision'] } };
const aliases = { eyes: ['slow:eyes'], talk: ['slow:talk'] };

/** A remote backend that lists its models, or fails to, when it is told to. */
class SlowToList extends FakeBackend {
  readonly #told = deferred<TuttiError | null>();

  override async list(signal: AbortSignal): Promise<readonly ModelDescriptor[]> {
    const error = await this.#told.promise;
    if (error !== null) throw error;
    return super.list(signal);
  }

  tell(error: TuttiError | null = null): void {
    this.#told.resolve(error);
  }
}

async function started(
  models: Record<string, FakeModelScript>,
  options: TuttiOptions = {},
): Promise<{ readonly tutti: Tutti; readonly slow: SlowToList } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-unlisted-'));
  const slow = new SlowToList({ id: 'slow', models });
  const tutti = await createTutti({
    directory,
    environment: {},
    log: 'silent',
    discover: false,
    backends: [slow],
    aliases,
    ...options,
  });
  return {
    tutti,
    slow,
    async [Symbol.asyncDispose]() {
      slow.tell();
      await tutti.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
const shown = { messages: [{ content: [{ type: 'text' }, { type: 'image_url' }] }] };

describe('right after the start', () => {
  it('an image waits until it is known that the model sees', async () => {
    await using at = await started({ eyes: seeing });
    const running = at.tutti.run({ model: 'eyes', input });
    at.slow.tell();
    expect((await running).text).toBe('a red bus');
    expect(at.slow.calls).toMatchObject([{ model: 'eyes', input: shown }]);
  });

  it('an image is described once it is known that the model does not see', async () => {
    await using at = await started({ eyes: seeing, talk: { answer: 'It is a bus.' } });
    const running = at.tutti.run({ model: 'slow:talk', input });
    at.slow.tell();
    expect((await running).text).toBe('It is a bus.');
    expect(at.slow.calls.map(({ model }) => model)).toEqual(['eyes', 'talk']);
    expect((await at.tutti.run({ model: 'talk', input })).text).toBe('It is a bus.');
    expect(at.slow.calls.map(({ model }) => model)).toEqual(['eyes', 'talk', 'eyes', 'talk']);
  });

  it('a member that is a capability waits for the models that have it', async () => {
    const careful = { strategy: 'phased', context: ['vision'], reasoning: 'slow:talk' };
    await using at = await started({ eyes: seeing, talk: { answer: 'It is a bus.' } }, { orchestrations: { careful } });
    const running = at.tutti.run({ model: 'careful', input });
    at.slow.tell();
    expect((await running).modelResults['context.vision']).toMatchObject({ success: true, content: 'a red bus' });
  });

  it('nobody waits long', async () => {
    const clock = new FakeClock();
    await using at = await started({ eyes: seeing }, { clock });
    const running = at.tutti.run({ model: 'eyes', input });
    await vi.waitUntil(() => {
      clock.advance(1000);
      return at.slow.calls.length > 0;
    });
    expect((await running).text).toBe('a red bus');
  });
});

describe('a model that its backend never lists', () => {
  const unlisted = new TuttiError('upstream_error', 'no list');
  const refusing = (...codes: ('unsupported_input' | 'upstream_error')[]): FakeModelScript => ({
    answer: [...codes.map((code) => ({ failBefore: new TuttiError(code, 'no images') })), { text: 'It is a bus.' }],
  });

  it('is given images as they are', async () => {
    await using at = await started({ eyes: seeing });
    at.slow.tell(unlisted);
    expect((await at.tutti.run({ model: 'eyes', input })).text).toBe('a red bus');
    expect(at.slow.calls).toMatchObject([{ input: shown }]);
  });

  it('is given descriptions when it refuses them', async () => {
    const other = new FakeBackend({ id: 'other', models: { eyes: seeing } });
    const slow = new SlowToList({ id: 'slow', models: { talk: refusing('unsupported_input') } });
    slow.tell(unlisted);
    await using at = await started({}, { backends: [slow, other] });
    await at.tutti.settled();
    const answer = await at.tutti.run({ model: 'slow:talk', input });
    expect(answer.text).toBe('It is a bus.');
    expect(slow.calls[1]?.input).toMatchObject({ messages: [{ content: '[The image shows: a red bus]\n\nWhat is it?' }] });
    expect(other.calls).toHaveLength(1);
  });

  it('fails with its own words when nobody can describe, and when it fails for another reason', async () => {
    for (const code of ['unsupported_input', 'upstream_error'] as const) {
      await using at = await started({ talk: refusing(code) }, { routing: { retries: 0 } });
      at.slow.tell(unlisted);
      await expect(at.tutti.run({ model: 'slow:talk', input })).rejects.toMatchObject({ code, message: 'no images' });
    }
  });
});
