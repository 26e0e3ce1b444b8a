/** `tutti models`: what there is to ask. */
import { TuttiError } from '../../errors/error.ts';
import type { WireRankedModel } from '../../server/rest/models.ts';
import type { CommandRun } from '../commands.ts';
import { style, table } from '../output.ts';

export const run: CommandRun = async ({ connect, output }, _args, given) => {
  const { capability, best } = given as { capability?: string; best?: boolean };
  if (best === true && capability === undefined)
    throw new TuttiError('invalid_request', '--best needs --capability: best at what?', { param: 'best' });
  await using api = await connect();
  const query = new URLSearchParams({ ...(capability !== undefined && { capability }), ...(best === true && { best: 'true' }) });
  const { models } = await api.call<{ models: WireRankedModel[] }>('GET', `/api/models?${query.toString()}`);
  if (output.json) return output.data({ models });
  if (models.length === 0) {
    output.line(
      capability === undefined ? 'There are no models. `tutti doctor` says why.' : `No model has the capability ${capability}.`,
    );
    return;
  }
  output.line(
    table(models, [
      { title: 'MODEL', value: (model) => model.id },
      { title: 'STATE', value: (model) => model.state },
      { title: 'CONTEXT', value: (model) => model.context_window, align: 'right' },
      {
        title: 'PARAMETERS',
        value: (model) => (model.parameters === undefined ? null : inWords(model.parameters)),
        align: 'right',
      },
      { title: 'CAPABILITIES', value: (model) => model.capabilities.join(' ') },
      ...(capability === undefined ? [] : [{ title: 'WHY', value: (model: WireRankedModel) => model.reason }]),
    ]),
  );
  for (const notice of new Set(models.flatMap((model) => model.notice ?? []))) output.line(style('dim', `\n${notice}`));
};

/** `7.6 B`, `3.4 M`, `150 K` */
function inWords(count: number): string {
  for (const [size, unit] of [
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'K'],
  ] as const) {
    if (count >= size) return `${(count / size).toFixed(count / size >= 100 ? 0 : 1)} ${unit}`;
  }
  return String(count);
}
