/** What both transformers do to header lines. */
import type { HTTPHeader, HTTPHeaderFilter } from '../../api/index.ts';
import type { Fields } from '../fields.ts';

/** The API's limit on entries of a list of header lines. */
const MOST_LINES = 16;

export function headerLines(config: Fields, filter: string, others: readonly string[]): HTTPHeaderFilter {
  const remove = below(config, 'remove', others)?.texts('headers', { ours: `${filter} remove` }) ?? [];
  below(config, 'rename', others)?.lost('headers', 'no filter renames a line');
  const present = 'sets the line also where there was none; Kong changes only one that is there';
  const absent = 'sets the line also where there is one; Kong leaves that as it is';
  const set = [
    ...lines(below(config, 'replace', others), `${filter} set`, present),
    ...lines(below(config, 'add', others), `${filter} set`, absent),
  ];
  const add = lines(below(config, 'append', others), `${filter} add`);
  const modifier: HTTPHeaderFilter = {};
  if (set.length > 0) modifier.set = firsts(set);
  if (add.length > 0) modifier.add = firsts(add);
  if (remove.length > 0) modifier.remove = [...new Set(remove)];
  for (const [name, list] of Object.entries(modifier)) {
    if (list.length > MOST_LINES) config.refuse(name, `has more than ${MOST_LINES} lines, which one filter takes`);
  }
  return modifier;
}

/** What stands beside headers there has nothing like it. */
function below(config: Fields, name: string, others: readonly string[]): Fields | undefined {
  const section = config.object(name);
  for (const other of others) section?.lost(other, 'bodies and queries are not changed here');
  return section;
}

function lines(section: Fields | undefined, ours: string, differs?: string): HTTPHeader[] {
  const entries = section?.texts('headers', differs === undefined ? { ours } : { ours, differs }) ?? [];
  return entries.flatMap((entry) => {
    const colon = entry.indexOf(':');
    const [name, value] = colon < 0 ? ['', ''] : [entry.slice(0, colon).trim(), entry.slice(colon + 1)];
    if (colon > 0 && value !== '' && !value.includes('$(')) return [{ name, value }];
    // What stands behind the name may be a secret.
    section!.refuse('headers', `${name || 'an entry'} is no line of name:value without templates`);
    return [];
  });
}

/** Of two for one name the first counts, as the API has it. */
function firsts(all: readonly HTTPHeader[]): HTTPHeader[] {
  return [...new Map(all.toReversed().map((line) => [line.name.toLowerCase(), line])).values()].reverse();
}
