/** A report for people (table) or for programs (json, yaml). */
import { type Condition, OLDER_CRD } from '../../api/index.ts';
import type { Report, StatusItem } from '../../control/index.ts';
import type { Output } from '../option.ts';
import type { Paint } from '../style.ts';
import { type Cell, formatTable, type Table } from '../table.ts';
import { diagnosticText, type LineReader } from './diagnostic-text.ts';
import { conditionGroups, isUntold, objectName, TONES, type Verdict, verdictOf } from './verdict.ts';
import { wideTable } from './wide.ts';

export interface View {
  /** Statuses of a running gateway: Programmed counts. */
  served: boolean;
  paint: Paint;
  lineOf: LineReader;
}

export async function printReport(report: Report, output: Output, view: View): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify(report, undefined, 2)}\n`;
    case 'yaml': {
      const { stringify } = await import('yaml');
      return stringify(report);
    }
    case 'table':
      return reportTable(report, view, {
        head: ['OBJECT', 'CONDITION', 'REASON', 'MESSAGE'],
        rows: report.items.flatMap((item) => itemRows(item, view)),
      });
    case 'wide':
      return reportTable(report, view, wideTable(report.items, view));
  }
}

function reportTable(report: Report, view: View, { head, rows }: Table): string {
  const table = rows.length === 0 ? '' : formatTable({ head, rows }, view.paint);
  const diagnostics = withOneOfOlderCrds(report.diagnostics).map((one) => diagnosticText(one, view.paint, view.lineOf));
  return [table, ...diagnostics, `${summary(report, view)}\n`].filter((part) => part !== '').join('\n');
}

/** What older CRDs do not hold is seldom what somebody came for: one line says of which, and `-o json` what. */
function withOneOfOlderCrds(diagnostics: Report['diagnostics']): Report['diagnostics'] {
  const isOlder = ({ severity, object }: Report['diagnostics'][number]): boolean =>
    severity === 'info' && object.startsWith(OLDER_CRD);
  const names = diagnostics.filter(isOlder).map(({ object }) => object.slice(OLDER_CRD.length).split('.', 1)[0]!);
  if (names.length === 0) return diagnostics;
  const [group = ''] = diagnostics.filter(isOlder).map(({ object }) => object.slice(object.indexOf('.') + 1));
  const message = `the cluster's CRDs of ${group} are older than what is read here (${names.join(', ')}): -o json says what they lack`;
  const one = { severity: 'info', file: '', line: 0, object: '', field: '', message } as const;
  return [...diagnostics.filter((other) => !isOlder(other)), one];
}

/** One row for all that is well with a part of an object, and one for each condition that is not. */
function itemRows(item: StatusItem, view: View): Array<Array<string | Cell>> {
  const name = objectName(item);
  const groups = conditionGroups(item);
  if (groups.length === 0) return [[name, { text: 'no status', tone: 'dim' }, '', '']];
  return groups.flatMap(({ part, conditions }) => {
    const judged = conditions.map((condition) => ({ condition, verdict: verdictOf(condition, view) }));
    const well = judged.filter(({ verdict, condition }) => verdict === 'good' && condition.status === 'True');
    const object = part === '' ? name : groups[0]!.part === '' ? `  ${part}` : `${name}, ${part}`;
    const wellRow = [
      object,
      { text: well.map(({ condition }) => condition.type).join(' '), tone: 'good' as const },
      '',
      '',
    ];
    const others = judged.filter(({ verdict }) => verdict === 'bad' || verdict === 'note');
    return [...(well.length > 0 ? [wellRow] : []), ...others.map((one) => conditionRow(object, one))];
  });
}

function conditionRow(
  object: string,
  { condition, verdict }: { condition: Condition; verdict: Verdict },
): Array<string | Cell> {
  const { type, status, reason, message } = condition;
  return [object, { text: `${type}=${status}`, tone: TONES[verdict] }, reason, message];
}

function summary({ items, diagnostics }: Report, view: View): string {
  const bad = items.filter((item) =>
    conditionGroups(item).some(({ conditions }) => conditions.some((one) => verdictOf(one, view) === 'bad')),
  ).length;
  const untold = items.filter(isUntold).length;
  const of = (severity: string) => diagnostics.filter((one) => one.severity === severity).length;
  const parts = [
    `${count(items.length - bad - untold, 'object')} accepted`,
    bad > 0 ? view.paint('error', `${bad} not`) : '',
    untold > 0 ? `${untold} without status` : '',
    of('error') > 0 ? view.paint('error', count(of('error'), 'error')) : '',
    of('warning') > 0 ? view.paint('warning', count(of('warning'), 'warning')) : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
