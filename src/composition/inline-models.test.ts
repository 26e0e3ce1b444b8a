import { describe, expect, it } from 'vitest';
import { namedModels, placeOfModels, withModelsAt } from './inline-models.ts';

const models = ['x:a', 'x:b'];

describe('the models of a capability', () => {
  it.each([
    ['members', {}, ['x:a', 'x:b']],
    ['members', { members: ['y:1', { model: 'y:2' }] }, ['y:1', { model: 'y:2' }, 'x:a', 'x:b']],
    ['participants', {}, ['x:a', 'x:b']],
    ['reasoning', { reasoning: 'y:1' }, ['y:1', 'x:a', 'x:b']],
    ['reasoning', { reasoning: { model: 'y:1' } }, [{ model: 'y:1' }, 'x:a', 'x:b']],
    ['arms', { arms: [{ use: 'y:1', weight: 9 }] }, [{ use: 'y:1', weight: 9 }, { use: 'x:a' }, { use: 'x:b' }]],
    ['specialists', {}, { a: { model: 'x:a' }, b: { model: 'x:b' } }],
    ['specialists', { specialists: { a: 'y:1' } }, { a: 'y:1', a_2: { model: 'x:a' }, b: { model: 'x:b' } }],
    [
      'roles',
      { steps: ['code', 'review', 'code', 'docs'], roles: { review: { model: 'y:1' }, code: { instructions: 'Be brief.' } } },
      { review: { model: 'y:1' }, code: { instructions: 'Be brief.', model: 'x:a' }, docs: { model: 'x:b' } },
    ],
    ['roles', { steps: ['a', 'b', 'c'] }, { a: { model: 'x:a' }, b: { model: 'x:b' }, c: { model: 'x:a' } }],
  ] as const)('stand in %s of %j', (place, entry, there) => {
    expect(withModelsAt(entry, place, models)[place]).toEqual(there);
  });

  it('are named as tools can be', () => {
    const odd = withModelsAt({}, 'specialists', ['ollama:qwen2.5-coder:32b', 'x:3B/chat']).specialists;
    expect(odd).toEqual({ 'qwen2_5-coder_32b': { model: 'ollama:qwen2.5-coder:32b' }, model_3B_chat: { model: 'x:3B/chat' } });
  });

  it('do not stand beside themselves: who is named already is known', () => {
    expect(namedModels({ members: ['a', { model: 'b', name: 'x' }, 3] }, 'members')).toEqual(['a', 'b']);
    expect(namedModels({ arms: [{ use: 'a' }] }, 'arms')).toEqual(['a']);
    expect(namedModels({ reasoning: { model: 'a' } }, 'reasoning')).toEqual(['a']);
    expect(namedModels({ roles: { code: { model: 'a' }, docs: 'b' } }, 'roles')).toEqual(['a', 'b']);
    expect(namedModels({}, 'members')).toEqual([]);
  });

  it('have no place in a pipeline, whose stages have capabilities of their own', () => {
    expect(placeOfModels({ strategy: 1, stages: 1 })).toBeNull();
    expect(placeOfModels({ strategy: 1, steps: 1, roles: 1 })).toBe('roles');
  });
});
