/** Lines whose name has a '_': CGI-like backends take it for a '-', and so for another line than whoever checked that one. */
import { ARENA } from '../ground/arena.ts';
import { FIELD_MANAGED, FIELD_STRIDE, type Head, NAME_END, NAME_HASH, NAME_START } from '../ground/head.ts';

const UNDERSCORE = 0x5f;
/** No name has it: what is hidden is found by nobody. */
const NO_NAME = 0;

/** They are not forwarded, and nobody finds them. True: there are some. */
export function hideUnderscores(head: Head): boolean {
  let some = false;
  for (let i = 0; i < head.count; i++) {
    const at = i * FIELD_STRIDE;
    if (!hasUnderscore(head.fields[at + NAME_START]!, head.fields[at + NAME_END]!)) continue;
    some = true;
    head.fields[at + NAME_HASH] = NO_NAME;
    head.drop[i] = FIELD_MANAGED;
  }
  return some;
}

function hasUnderscore(start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (ARENA[at] === UNDERSCORE) return true;
  return false;
}
