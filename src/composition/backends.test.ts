import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { AnyBackendDefinition } from '../contracts/backend.ts';
import { SILENT_LOGGER } from '../contracts/logger.ts';
import { TuttiError } from '../errors/error.ts';
import { createEventBus } from '../runs/event-bus.ts';
import { EventMonitor } from '../testing/event-monitor.ts';
import { FakeBackend } from '../testing/fake-backend.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { Backends } from './backends.ts';

function rig() {
  const clock = new FakeClock();
  const events = createEventBus({ clock, log: SILENT_LOGGER });
  const made: FakeBackend[] = [];
  const fake: AnyBackendDefinition = {
    type: 'fake',
    config: z.looseObject({}),
    create: async (_config, { id }) => {
      const backend = new FakeBackend({ id });
      made.push(backend);
      return backend;
    },
  };
  const published: string[] = [];
  const backends = new Backends({
    definitions: new Map([['fake', fake]]),
    dataDir: '/nowhere',
    directory: '/nowhere',
    events,
    log: SILENT_LOGGER,
    clock,
    publish: (id, models) => published.push(`${id}: ${models.map((model) => model.id).join(' ')}`),
    withdraw: (id) => published.push(`${id} gone`),
  });
  const apply = (entries: Record<string, { type: string; [key: string]: unknown }>) => backends.apply(entries, (entry) => entry);
  return { clock, events, backends, made, published, apply };
}

/** What comes of opening its model: of a backend that was disposed of, an error. */
async function opening(backend: FakeBackend | undefined): Promise<unknown> {
  const { signal } = new AbortController();
  const [model] = (await backend?.list(signal)) ?? [];
  if (model === undefined) return expect.fail('the fake has a model');
  return backend?.open(model, { placement: { device: 'cpu' }, signal });
}

describe('Backends', () => {
  it('makes what the config names, keeps what did not change, and lets the rest go', async () => {
    const { backends, made, apply, published } = rig();
    await apply({ a: { type: 'fake' }, b: { type: 'fake', url: 1 } });
    const kept = backends.get('a');
    await apply({ a: { type: 'fake' }, b: { type: 'fake', url: 2 } });
    expect(backends.get('a')).toBe(kept);
    expect(made.map((backend) => backend.id)).toEqual(['a', 'b', 'b']);
    expect(published).toEqual(['b gone']);
    await apply({});
    expect(backends.ids()).toEqual([]);
    await backends[Symbol.asyncDispose]();
  });

  it('leaves nothing behind of what is made while it is disposed of', async () => {
    const { backends, made, apply } = rig();
    const applied = apply({ a: { type: 'fake' } });
    await backends[Symbol.asyncDispose]();
    await expect(applied).rejects.toMatchObject({ code: 'closed' });
    expect(backends.ids()).toEqual([]);
    await expect(opening(made[0])).rejects.toMatchObject({ code: 'closed' });
  });

  it('keeps everything as it was when one of the new ones cannot be made', async () => {
    const { backends, made, apply } = rig();
    await apply({ a: { type: 'fake' } });
    const [a] = made;
    await expect(apply({ b: { type: 'fake' }, c: { type: 'nothing' } })).rejects.toThrow(/no kind of backend called `nothing`/);
    expect(backends.ids()).toEqual(['a']);
    expect(backends.get('a')).toBe(a);
    // The one that was made for nothing opens no model any more.
    await expect(opening(made[1])).rejects.toMatchObject({ code: 'closed' });
    await backends[Symbol.asyncDispose]();
  });

  it('publishes models and says when a backend goes down and comes back', async () => {
    const { backends, events, published } = rig();
    using monitor = new EventMonitor(events);
    const fake = new FakeBackend({ id: 'x', models: { m: {} } });
    backends.add(fake);
    expect(backends.list()[0]?.state).toBe('starting');
    await backends.refresh();
    expect(published).toEqual(['x: x:m']);
    await monitor.next('backend.up');
    const list = fake.list.bind(fake);
    fake.list = () => Promise.reject(new TuttiError('upstream_unreachable', 'refused'));
    await backends.refresh();
    expect(backends.list()[0]).toMatchObject({ state: 'down', error: { code: 'upstream_unreachable', message: 'refused' } });
    fake.list = list;
    await backends.refresh();
    expect(backends.list()[0]).toMatchObject({ state: 'up', models: 1, error: null });
    await backends[Symbol.asyncDispose]();
  });

  it('asks remote backends again every minute, one listing at a time', async () => {
    const { backends, clock } = rig();
    const gates: PromiseWithResolvers<void>[] = [];
    const fake = new FakeBackend({ id: 'x' });
    const list = fake.list.bind(fake);
    fake.list = async (signal) => {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      await gate.promise;
      return list(signal);
    };
    backends.add(fake);
    const [first, second] = [backends.refresh(), backends.refresh()];
    expect(gates).toHaveLength(1);
    gates[0]?.resolve();
    await Promise.all([first, second]);
    clock.advance(60_000);
    expect(gates).toHaveLength(2);
    gates[1]?.resolve();
    await backends[Symbol.asyncDispose]();
  });

  it('has none for an orchestration, and says so', () => {
    const { backends } = rig();
    expect(() => backends.of({ id: 'panel', backend: null })).toThrow(/^panel is an orchestration: .*Name one of its members/);
  });

  it('names the known ones when one is not there', () => {
    const { backends } = rig();
    backends.add(new FakeBackend({ id: 'ollama01' }));
    expect(() => backends.get('olama01')).toThrow(/no backend `olama01`. Known: ollama01/);
    expect(() => backends.add(new FakeBackend({ id: 'ollama01' }))).toThrow(/already/);
  });
});
