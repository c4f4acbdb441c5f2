/** The measured part of docs/performance.md. */
import type { Record_ } from './figure-record.ts';
import { type CaseReport, type ContenderReport, round, tableOf } from './report.ts';

export function renderDocument(records: Record_[]): string {
  return [summary(records), ...records.map(section)].join('\n\n');
}

/** One line for each goal. */
function summary(records: Record_[]): string {
  const rows = records.flatMap(({ report }) =>
    report.goals.map((goal) => {
      const unit = report.figures.find((figure) => figure.name === goal.figure)?.unit ?? '';
      const of = goal.of === 'ratio' ? `of ${report.baseline}` : unit;
      const asked = `${goal.bound === 'atMost' ? '≤' : '≥'} ${goal.limit} ${of}`;
      const verdict = goal.met === undefined ? 'not measured' : goal.met ? 'met' : '**missed**';
      const reached = goal.reached === undefined ? '–' : round(goal.reached);
      const base = report.toBase?.[goal.figure];
      const before = base === undefined ? '–' : `${round(base.median)} [${round(base.min)}–${round(base.max)}]`;
      return [`[${report.title}](#${report.name})`, goal.figure, asked, reached, verdict, before, others(report, goal)];
    }),
  );
  return markdown([['case', 'figure', 'goal', 'Daemun', '', 'to the version before', 'others'], ...rows]);
}

/** The other contenders by the same figure. */
function others(report: CaseReport, { figure, of }: { figure: string; of: 'ratio' | 'value' }): string {
  const value = (contender: ContenderReport): number | undefined =>
    (of === 'ratio' ? contender.ratios : contender.values)[figure]?.median;
  return report.contenders
    .filter(({ label }) => label !== report.subject && !label.startsWith('base'))
    .flatMap((contender) => {
      const found = value(contender);
      return found === undefined ? [] : [`${contender.label} ${round(found)}`];
    })
    .join('; ');
}

function section({ report, date, command, machine, versions, profile }: Record_): string {
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const when = `${date}, \`${command}\`, ${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}, load average before the run ${machine.loadBefore}`;
  const left = report.leftOut.map(({ label, reason }) => `Left out: ${label} (${reason.split('\n')[0]}).`);
  return [
    `### ${report.name}\n\n${report.title}.`,
    markdown(tableOf(report)),
    ...left,
    ...(profile === undefined ? [] : [`Where Daemun's CPU time goes:\n\n${profileTable(profile)}`]),
    `Measured ${when}; ${names.join(', ')}.`,
  ].join('\n\n');
}

function profileTable(profile: NonNullable<Record_['profile']>): string {
  const rows = profile.slice(0, 12).map(({ where, share }) => [`${(share * 100).toFixed(1)} %`, `\`${where}\``]);
  return markdown([['self time', 'function'], ...rows]);
}

function markdown(rows: string[][]): string {
  const [heading, ...rest] = rows.map((row) => `| ${row.join(' | ')} |`);
  return [heading, `|${' --- |'.repeat(rows[0]!.length)}`, ...rest].join('\n');
}
