/** The table at the end of a soak. */
import { paintFor } from '../../src/cli/style.ts';
import { formatTable } from '../../src/cli/table.ts';
import { type Count, spreadOf, type Tally } from './tally.ts';
import { mib, type Vitals } from './vitals.ts';

/** What was held at rest, each time that it was looked at. */
export type Look = { at: number; vitals: Vitals[] };

export interface Soaked {
  tally: Tally;
  looks: readonly Look[];
  /** Messages of the log, and how often they came. */
  warnings: ReadonlyMap<string, number>;
  /** What the access log has of a failure. */
  logged(message: string): string | undefined;
}

export function report({ tally, looks, warnings, logged }: Soaked): string {
  const parts = [counts('EXCHANGE', tally.exchanges), counts('EDIT', tally.edits), held(looks)];
  if (warnings.size > 0)
    parts.push(`${[...warnings].map(([text, count]) => `logged ${count} x: ${text}`).join('\n')}\n`);
  for (const { at, name, message, after } of tally.failures) {
    parts.push(`FAILED at ${at.toFixed(1)} s: ${name}: ${message.trimEnd()} (${after})\n`);
    const line = logged(message);
    if (line !== undefined) parts.push(`${line}\n`);
  }
  const untold = tally.failed - tally.failures.length;
  if (untold > 0) parts.push(`and ${untold} failures more\n`);
  return parts.join('\n');
}

function counts(title: string, of: ReadonlyMap<string, Count>): string {
  const rows = [...of].map(([name, count]) => {
    const failed = { text: String(count.failed), tone: count.failed > 0 ? ('error' as const) : ('good' as const) };
    return [name, String(count.done), failed, ...spreadOf(count)];
  });
  return formatTable({ head: [title, 'DONE', 'FAILED', 'P50 ms', 'P99 ms', 'MAX ms'], rows }, paintFor(process.stdout));
}

function held(looks: readonly Look[]): string {
  const rows = looks.flatMap(({ at, vitals }) =>
    vitals.map(({ role, descriptors, heap, external, resident }) => [
      `${role}, at ${Math.round(at)} s`,
      String(descriptors),
      mib(heap),
      mib(external),
      mib(resident),
    ]),
  );
  const head = ['HELD AT REST', 'DESCRIPTORS', 'HEAP MiB', 'BUFFERS MiB', 'RESIDENT MiB'];
  return formatTable({ head, rows }, paintFor(process.stdout));
}
