/** Options of the Connection field: what they ask of this hop, and which fields they take from the next. */
import { ARENA } from '../../ground/arena.ts';
import {
  FIELD_HOP_BY_HOP,
  FIELD_KEPT,
  FIELD_STRIDE,
  type HeadTable,
  NAME_HASH,
  NO_NAME,
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  OPTION_UPGRADE,
  sameName,
} from '../../ground/head.ts';
import { CONNECTION_END_TO_END, CONNECTION_INVALID } from './fault.ts';
import { CLAIM, imitatedKind } from './field-kind.ts';
import { COMMA, HTAB, SP, TOKEN } from './octets.ts';

/** Most options of one head that name a field, over all its Connection lines. */
export const MAX_NAMED_OPTIONS = 16;

/**
 * Fields that Connection may not name. A request that does so asks us to take away what the backend, or somebody
 * between, relies on (RFC 9110 7.6.1: fields for all recipients are no connection options).
 */
const END_TO_END: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'cdn-loop',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'host',
  'location',
  'proxy-authenticate',
  'proxy-authorization',
  'set-cookie',
  'via',
  'www-authenticate',
  'x-request-id',
]);

/** Offsets of the options that name a field, of the head that is being parsed. */
const named = new Uint32Array(MAX_NAMED_OPTIONS * 2);
let namedCount = 0;

export function clearOptions(): void {
  namedCount = 0;
}

/** Reads one Connection value into `head.options`. Returns 0 or a fault. */
export function noteOptions(start: number, end: number, head: HeadTable): number {
  if (sameName(start, end, 'keep-alive')) {
    head.options |= OPTION_KEEP_ALIVE;
    return 0;
  }
  let p = start;
  while (p < end) {
    const octet = ARENA[p]!;
    if (octet === COMMA || octet === SP || octet === HTAB) {
      p++;
      continue;
    }
    const from = p;
    while (p < end && TOKEN[ARENA[p]!] !== 0) p++;
    if (p === from || !noteOption(from, p, head)) return CONNECTION_INVALID;
    while (p < end && (ARENA[p] === SP || ARENA[p] === HTAB)) p++;
    if (p < end && ARENA[p] !== COMMA) return CONNECTION_INVALID;
  }
  return 0;
}

/** False: there are too many. */
function noteOption(start: number, end: number, head: HeadTable): boolean {
  if (sameName(start, end, 'keep-alive')) head.options |= OPTION_KEEP_ALIVE;
  else if (sameName(start, end, 'close')) head.options |= OPTION_CLOSE;
  else if (sameName(start, end, 'upgrade')) head.options |= OPTION_UPGRADE;
  else if (namedCount === MAX_NAMED_OPTIONS) return false;
  else {
    named[namedCount * 2] = start;
    named[namedCount * 2 + 1] = end;
    namedCount++;
  }
  return true;
}

/**
 * Marks the fields that the options name as hop-by-hop, and settles `keepAlive`. Returns 0 or a fault. A response
 * that names an end-to-end field keeps it: the backend gains nothing by it that it could not have left out itself.
 */
export function settleOptions(head: HeadTable): number {
  head.keepAlive =
    (head.options & OPTION_CLOSE) === 0 && (head.minorVersion === 1 || (head.options & OPTION_KEEP_ALIVE) !== 0);
  for (let i = 0; i < namedCount; i++) {
    const name = ARENA.latin1Slice(named[i * 2]!, named[i * 2 + 1]!).toLowerCase();
    const claim = imitatedKind(named[i * 2]!, named[i * 2 + 1]!) === CLAIM;
    if (END_TO_END.has(name) || name.startsWith('x-forwarded-') || claim) {
      if (head.status === 0) return CONNECTION_END_TO_END;
    } else {
      dropFields(name, head);
    }
  }
  return 0;
}

/**
 * Neither routes nor policies find them in a request: what is decided, counted or kept by a line that the backend does not get would be
 * another one's who sends the line as well.
 */
function dropFields(name: string, head: HeadTable): void {
  for (let i = 0; i < head.count; i++) {
    const at = i * FIELD_STRIDE;
    if (head.drop[i] === FIELD_KEPT && sameName(head.fields[at]!, head.fields[at + 1]!, name)) {
      head.drop[i] = FIELD_HOP_BY_HOP;
      head.fields[at + NAME_HASH] = NO_NAME;
    }
  }
}
