/** Figures of a case: medians, spreads, ratios to the baseline, and whether goals were met. */
import type { Case, Figure, Goal } from './case/index.ts';
import type { Entry } from './contest.ts';
import { type Spread, spread } from './statistics.ts';

export interface ContenderReport {
  label: string;
  /** By figure name, in the figure's unit. */
  values: Record<string, Spread>;
  /** By figure name: to the baseline in the same repetition. */
  ratios: Record<string, Spread>;
}

export interface GoalReport extends Goal {
  /** `atMost` for figures where less is better. */
  bound: 'atMost' | 'atLeast';
  /** The median; absent when the subject or the baseline was left out. */
  reached?: number;
  met?: boolean;
}

export interface CaseReport {
  name: string;
  title: string;
  figures: Figure[];
  subject: string;
  baseline: string;
  contenders: ContenderReport[];
  leftOut: { label: string; reason: string }[];
  goals: GoalReport[];
  /** By figure name: the subject to the checkout of `--base` in the same repetition, where there is one. */
  toBase?: Record<string, Spread>;
}

export function reportCase(case_: Case, entries: Entry[]): CaseReport {
  const measured = entries.filter((entry) => entry.samples.length > 0);
  const baseline = measured.find((entry) => entry.label === case_.baseline);
  const contenders = measured.map(
    (entry): ContenderReport => ({
      label: entry.label,
      values: spreads(case_.figures, (figure) => entry.samples.map((sample) => sample[figure]!)),
      ratios: baseline === undefined ? {} : spreads(case_.figures, (figure) => ratios(entry, baseline, figure)),
    }),
  );
  const subject = contenders.find((contender) => contender.label === case_.subject);
  const own = measured.find((entry) => entry.label === case_.subject);
  const base = measured.find((entry) => entry.label === baseOf(case_.subject));
  return {
    name: case_.name,
    title: case_.title,
    figures: case_.figures,
    subject: case_.subject,
    baseline: case_.baseline,
    contenders,
    leftOut: entries.flatMap(({ label, reason }) => (reason === undefined ? [] : [{ label, reason }])),
    goals: case_.goals.map((goal) => reportGoal(case_, goal, subject)),
    ...(own === undefined || base === undefined
      ? {}
      : { toBase: spreads(case_.figures, (figure) => ratios(own, base, figure)) }),
  };
}

/** Contenders are labelled with their peer's name first. */
export function baseOf(label: string): string {
  return label.replace(/^daemun/, 'base');
}

function spreads(figures: Figure[], values: (figure: string) => number[]): Record<string, Spread> {
  return Object.fromEntries(figures.map(({ name }) => [name, spread(values(name))]));
}

function ratios(entry: Entry, baseline: Entry, figure: string): number[] {
  return entry.samples.map((sample, rep) => sample[figure]! / baseline.samples[rep]![figure]!);
}

function reportGoal(case_: Case, goal: Goal, subject: ContenderReport | undefined): GoalReport {
  const better = case_.figures.find((figure) => figure.name === goal.figure)?.better;
  const bound = better === 'higher' ? 'atLeast' : 'atMost';
  const from = goal.of === 'ratio' ? subject?.ratios : subject?.values;
  const reached = from?.[goal.figure]?.median;
  if (reached === undefined) return { ...goal, bound };
  return { ...goal, bound, reached, met: bound === 'atMost' ? reached <= goal.limit : reached >= goal.limit };
}

/** One sentence for each goal. */
export function verdicts(report: CaseReport): string[] {
  return report.goals.map((goal) => {
    const unit = report.figures.find((figure) => figure.name === goal.figure)?.unit ?? '';
    const of = goal.of === 'ratio' ? `of ${report.baseline}` : unit;
    const asked = `${report.subject}: ${goal.figure} ${goal.bound === 'atMost' ? '≤' : '≥'} ${goal.limit} ${of}`;
    if (goal.reached === undefined) return `not measured: ${asked}`;
    return `${goal.met ? 'met' : 'MISSED'}: ${asked}, reached ${round(goal.reached)}`;
  });
}

/** A table as rows of cells; the first row is the heading. */
export function tableOf(report: CaseReport): string[][] {
  const heading = [
    'proxy',
    ...report.figures.flatMap(({ name, unit }) => [`${name}, ${unit}`, `to ${report.baseline}`]),
  ];
  const rows = report.contenders.map(({ label, values, ratios: all }) => [
    label,
    ...report.figures.flatMap(({ name }) => [cell(values[name]), cell(all[name])]),
  ]);
  return [heading, ...rows];
}

export function renderText(report: CaseReport): string {
  const rows = tableOf(report);
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((text, column) => text.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  const left = report.leftOut.map(({ label, reason }) => `left out ${label}: ${reason}`);
  const base = Object.entries(report.toBase ?? {}).map(([figure, value]) => `to base: ${figure} ${cell(value)}`);
  return [
    `${report.name}: ${report.title}`,
    ...[...lines, ...left, ...verdicts(report), ...base].map((line) => `  ${line}`),
  ].join('\n');
}

function cell(value: Spread | undefined): string {
  return value === undefined ? '-' : `${round(value.median)} [${round(value.min)}–${round(value.max)}]`;
}

/** Two decimals below ten, one below a hundred, none above. */
export function round(value: number): string {
  return value.toFixed(Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0);
}
