/**
 * How well votes do on recorded answers: a JSONL of questions that several models have answered, each with the right answer. A
 * row is `{id, question, gold, answers: {model: raw text}}`. Every panel of three and of five models, and all of them together,
 * votes through the same code as `strategy: consensus`; a member's reliability for a question is what it got right of all
 * *other* questions.
 *
 *     node --conditions tutti-source bench/quality/voting.ts <file.jsonl> …
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { ANSWER_KINDS } from '../../src/answers/answer.ts';
import { optionsOf } from '../../src/answers/choice.ts';
import type { Question } from '../../src/answers/kind.ts';
import { readAnswer } from '../../src/answers/read.ts';
import { leaveOneOut, NEUTRAL_RELIABILITY } from '../../src/answers/reliability.ts';
import type { ChildAnswer } from '../../src/contracts/orchestrated.ts';
import type { StrategyRequest } from '../../src/contracts/strategy.ts';
import { consensusConfig } from '../../src/strategies/consensus/config.ts';
import { count, rulesOf, verdictOf, type Vote } from '../../src/strategies/consensus/count.ts';

/** A question with what each model wrote. */
export interface VotingRow {
  readonly id: string;
  readonly question: string;
  readonly gold: string;
  readonly answers: Readonly<Record<string, string>>;
}

/** What one panel reached, in shares of right answers. */
export interface PanelScore {
  readonly members: readonly string[];
  /** Of its members, the one that was right most often. */
  readonly best: number;
  readonly majority: number;
  readonly weighted: number;
}

/** What was measured. */
export interface VotingScore {
  readonly rows: number;
  /** Share of right answers by model. */
  readonly members: Readonly<Record<string, number>>;
  readonly panels: readonly PanelScore[];
}

const PANEL_SIZES = [3, 5];
type Voting = 'majority' | 'weighted';

/** One question, made ready to be voted on by any panel. */
interface Contest {
  readonly question: Question;
  readonly answers: Readonly<Record<string, ChildAnswer>>;
  /** Which models are right. */
  readonly right: Readonly<Record<string, boolean>>;
  /** By model, from all other questions. */
  readonly reliabilities: Readonly<Record<string, number>>;
}

/** Scores votes on recorded answers. Models that did not answer all rows are left out. `sizes`: of the panels; all together are always one. */
export function scoreVoting(rows: readonly VotingRow[], sizes: readonly number[] = PANEL_SIZES): VotingScore {
  const models = Object.keys(rows[0]?.answers ?? {}).filter((model) => rows.every(({ answers }) => answers[model] !== undefined));
  const contests = contestsOf(rows, models);
  const shareOf = (isRight: (contest: Contest) => boolean): number =>
    contests.filter(isRight).length / Math.max(1, contests.length);
  const members = Object.fromEntries(models.map((model) => [model, shareOf(({ right }) => right[model] === true)]));
  const panels = [...sizes.filter((size) => size < models.length), models.length].flatMap((size) => panelsOf(models, size));
  return {
    rows: rows.length,
    members,
    panels: panels.map((panel) => ({
      members: panel,
      best: Math.max(...panel.map((model) => members[model] ?? 0)),
      majority: shareOf((contest) => contest.right[winner(contest, panel, 'majority') ?? ''] === true),
      weighted: shareOf((contest) => contest.right[winner(contest, panel, 'weighted') ?? ''] === true),
    })),
  };
}

function contestsOf(rows: readonly VotingRow[], models: readonly string[]): Contest[] {
  const outcomes = rows.map((row) => models.map((model) => isRight(row.answers[model] ?? '', row)));
  const reliabilities = leaveOneOut(outcomes);
  const byModel = <T>(value: (m: number, model: string) => T): Record<string, T> =>
    Object.fromEntries(models.map((model, m) => [model, value(m, model)]));
  return rows.map((row, i) => ({
    question: { text: row.question, options: optionsOf(row.question), hasTools: false, wantsJson: false },
    answers: byModel((_, model) => answerOf(model, row.answers[model] ?? '')),
    right: byModel((m) => outcomes[i]?.[m] === true),
    reliabilities: byModel((m) => reliabilities[i]?.[m] ?? NEUTRAL_RELIABILITY),
  }));
}

/** The model whose answer the panel gives; null when it gives none. */
function winner({ question, answers, reliabilities }: Contest, panel: readonly string[], voting: Voting): string | null {
  const config = consensusConfig.parse({ strategy: 'consensus', members: panel, voting });
  const rules = rulesOf(config, question, panel.length);
  const votes = panel.flatMap((model): Vote[] => {
    const answer = answers[model];
    const voter = {
      key: model,
      target: model,
      request: NO_REQUEST,
      reliability: reliabilities[model] ?? null,
      weighsItself: false,
    };
    return answer === undefined ? [] : [{ voter, answer }];
  });
  const verdict = verdictOf(count(votes, [], rules, {}), rules);
  if (verdict.type === 'won') return votes[verdict.group.representative]?.voter.key ?? null;
  return verdict.type === 'abstains' ? (votes[verdict.vote]?.voter.key ?? null) : null;
}

const NO_REQUEST: StrategyRequest = { operation: 'chat', input: { messages: [] } };

function answerOf(model: string, text: string): ChildAnswer {
  return { key: model, model, text, reasoning: null, toolCalls: [], finishReason: 'stop', confidence: null, usage: null };
}

/** Compared as the right answer can be read: as a number where it is one. */
export function isRight(text: string, { gold, question }: VotingRow): boolean {
  const context = { options: optionsOf(question) };
  for (const kind of ANSWER_KINDS.filter((one) => one === 'number' || one === 'exact')) {
    const wanted = readAnswer(gold, kind, context);
    if (wanted.key !== null && wanted.key === readAnswer(text, kind, context).key) return true;
  }
  return false;
}

/** All choices of `size` models. */
function panelsOf(models: readonly string[], size: number): string[][] {
  if (size === 0) return [[]];
  return models.flatMap((model, i) => panelsOf(models.slice(i + 1), size - 1).map((rest) => [model, ...rest]));
}

/** The rows of a file. */
export async function readRows(path: string): Promise<VotingRow[]> {
  const text = await readFile(path, 'utf8');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => JSON.parse(line) as VotingRow); // a data file of one's own choosing
}

const percent = (share: number): string => (share * 100).toFixed(1).padStart(5);

function print(name: string, { rows, members, panels }: VotingScore): void {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  say(`${name}: ${rows} questions`);
  for (const [model, share] of Object.entries(members)) say(`  ${model.padEnd(34)} ${percent(share)} %`);
  for (const [size, group] of Map.groupBy(panels, (panel) => panel.members.length)) {
    const gains = (voting: Voting): number[] => group.map((panel) => (panel[voting] - panel.best) * 100);
    for (const voting of ['majority', 'weighted'] as const) {
      const list = gains(voting);
      const mean = list.reduce((sum, gain) => sum + gain, 0) / list.length;
      say(
        `  ${String(group.length).padStart(4)} panels of ${String(size).padEnd(2)} ${voting.padEnd(8)} against the best member: mean ${mean.toFixed(2)}, worst ${Math.min(...list).toFixed(2)} points`,
      );
    }
  }
}

if (import.meta.main) {
  const paths = process.argv.slice(2);
  if (paths.length === 0) {
    process.stderr.write('Usage: node --conditions tutti-source bench/quality/voting.ts <file.jsonl> …\n');
    process.exitCode = 2;
  }
  for (const path of paths) print(basename(path), scoreVoting(await readRows(path)));
}
