/** The report for people: one HTML file that needs nothing else, light and dark. */
import { columnsFor, percent, span, type FigureColumn } from './figures.ts';
import { escapeText } from './markup.ts';
import { costAxis, plot } from './plot.ts';
import type { Report } from './report.ts';
import type { Row } from './summary.ts';

const STYLE = `
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #59636e; --line: #d5dae0; --page: #fff; --model: #1f6feb; --orchestration: #bf3989; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --quiet: #9198a1; --line: #31373e; --page: #0d1117; --model: #58a6ff; --orchestration: #f778ba; }
}
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page); }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
p, dd { color: var(--quiet); } dt { float: left; clear: left; width: 9rem; font-weight: 600; } dd { margin-left: 9.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right; } th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; } svg text { fill: var(--text); font-size: 12px; } svg .tick, svg .title { fill: var(--quiet); }
svg .label { paint-order: stroke; stroke: var(--page); stroke-width: 3px; }
svg .grid { stroke: var(--line); } svg .frontier { fill: none; stroke: var(--quiet); stroke-dasharray: 5 4; } svg .leader { stroke: var(--quiet); stroke-width: .6; }
svg .model { color: var(--model); } svg .orchestration { color: var(--orchestration); }
svg circle, svg path { fill: currentColor; } svg .interval { stroke: currentColor; opacity: .45; stroke-width: 2; }
.model-key { color: var(--model); } .orchestration-key { color: var(--orchestration); }
`;

/** The whole page as text. */
export function reportHtml(report: Report): string {
  const { rows, best } = report;
  const columns = columnsFor(rows, best);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeText(report.data)}: evaluation by Tutti</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeText(report.data)}</h1>
<p>${report.items} items, ${new Date(report.at).toISOString().slice(0, 16).replace('T', ' ')} UTC.${best === null ? '' : ` Best single model: <strong>${escapeText(best)}</strong>.`}</p>
${plotSection(rows)}
<h2>Figures</h2>
<div class="wide">${table(columns, rows)}</div>
<dl>${columns.map(({ title, meaning }) => `<dt>${escapeText(title)}</dt><dd>${escapeText(meaning)}</dd>`).join('')}</dl>
${skillSection(rows)}
</body>
</html>
`;
}

function plotSection(rows: readonly Row[]): string {
  const axis = costAxis(rows);
  if (axis === null) return '';
  return `<h2>Accuracy and cost</h2>
<p><span class="model-key">●</span> models, <span class="orchestration-key">◆</span> orchestrations, each with its 95 % interval. The dashed line joins those that no other beats in both.</p>
${plot(rows)}`;
}

function table(columns: readonly FigureColumn[], rows: readonly Row[]): string {
  const head = columns.map(({ title, meaning }) => `<th title="${escapeText(meaning)}">${escapeText(title)}</th>`).join('');
  const body = rows.map((row) => `<tr>${columns.map(({ value }) => `<td>${escapeText(value(row) ?? '–')}</td>`).join('')}</tr>`);
  return `<table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table>`;
}

/** A row for each skill, a column for each target. */
function skillSection(rows: readonly Row[]): string {
  const skills = [...new Set(rows.flatMap((row) => Object.keys(row.skills)))].sort();
  if (skills.length === 0) return '';
  const head = ['SKILL', 'ITEMS', ...rows.map(({ target }) => target.name)]
    .map((title) => `<th>${escapeText(title)}</th>`)
    .join('');
  const body = skills.map((skill) => {
    const cells = rows.map(({ skills: own }) => {
      const share = own[skill];
      return share === undefined
        ? '<td>–</td>'
        : `<td title="${escapeText(span(share))}">${escapeText(percent(share.accuracy))}</td>`;
    });
    return `<tr><td>${escapeText(skill)}</td><td>${rows[0]?.skills[skill]?.items ?? 0}</td>${cells.join('')}</tr>`;
  });
  return `<h2>By skill</h2>
<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`;
}
