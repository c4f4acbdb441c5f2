/** `-o wide`: every condition in a row of its own, with its reason, generation and time. */
import type { StatusItem } from '../../control/index.ts';
import type { Cell, Table } from '../table.ts';
import { conditionGroups, objectName, TONES, verdictOf } from './verdict.ts';

/** What a check says has no time of its own. */
const NO_TIME = '1970-01-01T00:00:00Z';

const HEAD = ['OBJECT', 'PART', 'CONDITION', 'STATUS', 'REASON', 'GENERATION', 'SINCE', 'MESSAGE'];

export function wideTable(items: readonly StatusItem[], view: { served: boolean }): Table {
  return { head: HEAD, rows: items.flatMap((item) => rowsOf(item, view)) };
}

function rowsOf(item: StatusItem, view: { served: boolean }): Array<Array<string | Cell>> {
  const name = objectName(item);
  const rows = conditionGroups(item).flatMap(({ part, conditions }) =>
    conditions.map((condition) => {
      const { type, status, reason, message, observedGeneration, lastTransitionTime } = condition;
      const judged = { text: status, tone: TONES[verdictOf(condition, view)] };
      const since = lastTransitionTime === NO_TIME ? '-' : (lastTransitionTime ?? '');
      return [name, part, type, judged, reason, String(observedGeneration ?? ''), since, message];
    }),
  );
  return rows.length > 0 ? rows : [[name, '', { text: 'no status', tone: 'dim' as const }, '', '', '', '', '']];
}
