/** The graph of a running gateway, for people (table) or for programs (json, yaml). */
import type { GraphView } from '../control/index.ts';
import type { GraphOutput } from './option.ts';
import type { Paint } from './style.ts';
import { formatTable } from './table.ts';

export async function printGraph(view: GraphView, output: GraphOutput, paint: Paint): Promise<string> {
  switch (output) {
    case 'json':
      return `${JSON.stringify(view, undefined, 2)}\n`;
    case 'yaml': {
      const { stringify } = await import('yaml');
      return stringify(view);
    }
    case 'table':
      return `${sourceTable(view, paint)}\n${collectionTable(view, paint)}`;
  }
}

function sourceTable({ sources }: GraphView, paint: Paint): string {
  const rows = sources.map(({ name, synced, objects }) => [name, String(objects), synced ?? 'not yet']);
  return formatTable({ head: ['SOURCE', 'OBJECTS', 'SYNCED'], rows }, paint);
}

function collectionTable({ collections }: GraphView, paint: Paint): string {
  const rows = collections.map(({ name, kind, size, runs, inputs, reads }) => {
    const read = reads.map(({ collection, keys }) => `${collection} (${keys})`).join(', ');
    const from = [inputs.join(', '), ...(read === '' ? [] : [`reads ${read}`])].join('; ');
    return [name, kind, String(size), runs === undefined ? '' : String(runs), from];
  });
  return formatTable({ head: ['COLLECTION', 'KIND', 'OBJECTS', 'RUNS', 'FROM'], rows }, paint);
}
