/**
 * Recorded answers of larger models, replayed: a fake upstream says word for word what they wrote, and Tutti votes on it and
 * reads the calls out of it as it would of the models themselves.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ToolCall } from '../../src/contracts/chat.ts';
import { leaveOneOut } from '../../src/answers/reliability.ts';
import { createFakeUpstream, type FakeUpstream } from '../../src/testing/index.ts';
import type { Tutti } from '../../src/tutti.ts';
import { progress, single, type Figure } from '../harness/report.ts';
import { summarize } from '../harness/statistics.ts';
import { readRows as readCallRows, scoreToolCalls } from './tool-calls.ts';
import { withTutti } from './with-tutti.ts';
import { isRight as isRightVote, readRows as readVoteRows, scoreVoting, type VotingRow } from './voting.ts';

/** Files of a folder: `*_answers.jsonl` for votes, `tool_calls.jsonl`. Those that are not there are left out. */
export async function recorded(folder: string): Promise<Figure[]> {
  const files = await readdir(folder);
  const figures: Figure[] = [];
  for (const file of files.filter((name) => name.endsWith('_answers.jsonl')).sort()) {
    progress(`votes on ${file}`);
    figures.push(...(await votesOn(file.replace('_answers.jsonl', ''), await readVoteRows(join(folder, file)))));
  }
  if (files.includes('tool_calls.jsonl')) {
    progress('tool calls');
    figures.push(...(await toolCalls(join(folder, 'tool_calls.jsonl'))));
  }
  return figures;
}

const MODEL = 'up:recorded';

/** Weighted votes of all models, of the weaker and of the stronger half, through the whole of Tutti; and all small panels by the vote alone. */
async function votesOn(name: string, rows: readonly VotingRow[]): Promise<Figure[]> {
  const { panels, members } = scoreVoting(rows);
  const gains = panels.map(({ weighted, best }) => (weighted - best) * 100);
  const models = Object.keys(members).toSorted((a, b) => (members[a] ?? 0) - (members[b] ?? 0));
  const half = Math.floor(models.length / 2);
  const replayed = { all: models, 'weaker half': models.slice(0, half), 'stronger half': models.slice(-half) };
  const figures: Figure[] = [];
  for (const [which, panel] of Object.entries(replayed)) {
    const best = Math.max(...panel.map((model) => members[model] ?? 0));
    const gain = ((await replayedVote(rows, panel)) - best) * 100;
    figures.push({ ...single(`${name}: weighted over its best member, ${which}`, 'points', gain), target: { atLeast: -1 } });
  }
  return [...figures, { name: `  any ${panels.length} panels, by the vote alone`, unit: 'points', ...summarize(gains) }];
}

/** The share of right answers; a member's reliability for a question is what it got right of all others. */
async function replayedVote(rows: readonly VotingRow[], models: readonly string[]): Promise<number> {
  const outcomes = rows.map((row) => models.map((model) => isRightVote(row.answers[model] ?? '', row)));
  const reliabilities = leaveOneOut(outcomes);
  let right = 0;
  await replaying(models, async (tutti, say) => {
    for (const [i, row] of rows.entries()) {
      say((model) => row.answers[model] ?? '');
      const { text } = await tutti.orchestrate({
        strategy: 'consensus',
        members: models.map((model) => `up:${model}`),
        voting: 'weighted',
        reliability: Object.fromEntries(models.map((model, m) => [`up:${model}`, reliabilities[i]?.[m] ?? 0.5])),
        input: row.question,
      });
      right += Number(isRightVote(text, row));
    }
  });
  return right / Math.max(1, rows.length);
}

async function toolCalls(path: string): Promise<Figure[]> {
  const rows = await readCallRows(path);
  const score = await replaying(['recorded'], (tutti, say) =>
    scoreToolCalls(rows, async (text, tools, question): Promise<readonly ToolCall[]> => {
      say(() => text);
      const answer = await tutti.run({ model: MODEL, input: question ?? 'What is to be done?', tools });
      return answer.toolCalls;
    }),
  );
  const { relevance } = score.byCategory;
  const { prompt, api } = score.byKind;
  return [
    { ...single('recorded tool calls that are right', 'ratio', score.overall.accuracy), target: { atLeast: 0.85 } },
    single(`  of ${prompt.of} answers of models that had the tools in their prompt`, 'ratio', prompt.accuracy),
    single(`  of ${api.of} answers in which an API for tools gave no call`, 'ratio', api.accuracy),
    ...(relevance === undefined
      ? []
      : [{ ...single('  of those that want none', 'ratio', relevance.accuracy), target: { atLeast: 0.85 } }]),
  ];
}

/** What each model says from now on. */
type Say = (words: (model: string) => string) => void;

async function replaying<T>(models: readonly string[], work: (tutti: Tutti, say: Say) => Promise<T>): Promise<T> {
  let words: (model: string) => string = () => '';
  const scripts = models.map((model) => [model, { answer: () => ({ text: [words(model)] }) }] as const);
  await using upstream: FakeUpstream = await createFakeUpstream({ models: Object.fromEntries(scripts) });
  const backends = { up: { type: 'openai-compatible', base_url: `${upstream.url}/v1` } };
  return await withTutti({ backends }, async (tutti) => {
    await tutti.settled();
    return work(tutti, (next) => (words = next));
  });
}
