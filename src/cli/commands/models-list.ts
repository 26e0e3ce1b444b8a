/** `tutti models`: what there is to ask. */
import { TuttiError } from '../../errors/error.ts';
import type { WireModelList, WireRankedModel } from '../../server/rest/models.ts';
import type { CommandRun } from '../commands.ts';
import { style, table, type Output } from '../output.ts';

export const run: CommandRun = async ({ connect, output }, _args, given) => {
  const { capability, best } = given as { capability?: string; best?: boolean };
  if (best === true && capability === undefined)
    throw new TuttiError('invalid_request', '--best needs --capability: best at what?', { param: 'best' });
  await using api = await connect();
  const query = new URLSearchParams({ ...(capability !== undefined && { capability }), ...(best === true && { best: 'true' }) });
  const answer = await api.call<WireModelList>('GET', `/api/models?${query.toString()}`);
  if (output.json) return output.data(answer);
  const orchestrations = answer.models.filter(isOrchestration);
  const models = answer.models.filter((model) => !isOrchestration(model));
  printModels(output, models, capability);
  if (orchestrations.length > 0) printOrchestrations(output, orchestrations);
  printAliases(output, answer.aliases ?? {});
  for (const notice of new Set(models.flatMap((model) => model.notice ?? []))) output.line(style('dim', `\n${notice}`));
};

const isOrchestration = (model: WireRankedModel): boolean => model.state === 'orchestration';

function printModels(output: Output, models: readonly WireRankedModel[], capability: string | undefined): void {
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
}

function printOrchestrations(output: Output, orchestrations: readonly WireRankedModel[]): void {
  const columns = [
    { title: 'ORCHESTRATION', value: (model: WireRankedModel) => model.id },
    { title: 'STRATEGY', value: ({ metadata }: WireRankedModel) => text(metadata.strategy) },
    { title: 'MODELS', value: ({ metadata }: WireRankedModel) => text(metadata.members) },
    { title: 'DESCRIPTION', value: ({ metadata }: WireRankedModel) => text(metadata.description) },
  ];
  output.line(`\n${table(orchestrations, columns)}`);
}

function printAliases(output: Output, aliases: Readonly<Record<string, readonly string[]>>): void {
  const rows = Object.entries(aliases);
  if (rows.length === 0) return;
  const columns = [
    { title: 'ALIAS', value: ([alias]: (typeof rows)[number]) => alias },
    { title: 'STANDS FOR', value: ([, models]: (typeof rows)[number]) => models.join(', ') },
  ];
  output.line(`\n${table(rows, columns)}`);
}

/** What an orchestration says of itself in its metadata; null shows as `-`. */
function text(value: unknown): string | null {
  if (Array.isArray(value)) return [...new Set(value)].join(' ');
  return typeof value === 'string' ? value : null;
}

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
