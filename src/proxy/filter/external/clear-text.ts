/**
 * Whether what a request says under a name can be read in one way only. What a service answers to a request that it may have
 * read otherwise than we do is good for that request, and for no other one that looks the same to us.
 */
import type { NamedField } from '../../../value/request-template.ts';
import { ARENA } from '../../ground/arena.ts';
import {
  FIELD_STRIDE,
  type Head,
  imitatesName,
  NAME_END,
  NAME_HASH,
  NAME_START,
  NO_NAME,
  sameName,
} from '../../ground/head.ts';
import { countCookies } from '../../match/cookie.ts';

export function isClear(head: Head, { field, name }: { field: NamedField; name: string }): boolean {
  switch (field) {
    case 'header':
      return !isImitated(head, name.toLowerCase());
    case 'cookie':
      return countCookies(head, name) <= 1;
    case 'parameter':
      return isClearParameter(head, name.toLowerCase());
  }
}

/** By another mark for a '-', or as what Connection takes away. */
function isImitated(head: Head, name: string): boolean {
  for (let i = 0; i < head.count; i++) {
    const at = i * FIELD_STRIDE;
    const [start, end] = [head.fields[at + NAME_START]!, head.fields[at + NAME_END]!];
    if (!imitatesName(start, end, name)) continue;
    if (head.fields[at + NAME_HASH] === NO_NAME || !sameName(start, end, name)) return true;
  }
  return false;
}

/** Some take a ';' for a '&', and some make of `a[]` or `a.b` something of `a`. */
function isClearParameter(head: Head, name: string): boolean {
  const query = ARENA.latin1Slice(head.queryStart, head.queryEnd);
  if (query.includes(';')) return false;
  const bare = name.replace(/[^a-z0-9]/g, '_');
  let count = 0;
  for (const pair of query.split('&')) {
    const written = decoded(pair.split('=', 1)[0]!);
    if (written === undefined) return false;
    const other = written.toLowerCase();
    if (
      other === name ||
      other
        .replace(/\[.*$/s, '')
        .trim()
        .replace(/[^a-z0-9]/g, '_') === bare
    )
      count++;
  }
  return count <= 1;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
