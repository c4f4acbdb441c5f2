/**
 * What the backend is told of a request besides its URL, as the cache sees it: an answer is for whoever tells the same. What
 * the client writes and the backend never gets says nothing, and what others than the client write says much.
 */
import { ADDRESS_LINES } from '../../ground/address-line.ts';
import { ARENA } from '../../ground/arena.ts';
import {
  FIELD_CLAIMED,
  FIELD_HOP_BY_HOP,
  FIELD_KEPT,
  FIELD_MANAGED,
  FIELD_STRIDE,
  foldedName,
  type Head,
  NAME_END,
  NAME_HASH,
  NAME_START,
  NO_NAME,
  nameHash,
} from '../../ground/head.ts';
import type { FilterScope } from '../filter.ts';
import type { HeaderPatch } from '../header-patch.ts';

/** The gateway writes them anew for each client and request: an answer that differs by one of them is for nobody else. */
const OF_EACH_REQUEST: ReadonlySet<string> = new Set([
  'x-forwarded-for',
  'x-request-id',
  'client-cert',
  'client-cert-chain',
  'ssl-client-cert',
  'ssl-client-subject-dn',
  'ssl-client-issuer-dn',
  'ssl-client-verify',
]);

/** Where a client is, as a trusted hop says it: there are as many as clients, and hardly a reason for another answer. */
const ADDRESSES: ReadonlySet<string> = new Set([
  ...ADDRESS_LINES,
  // Of families whose other names say more than where a client is.
  'x-forwarded-for',
  'x-original-forwarded-for',
  'x-envoy-external-address',
  'x-envoy-attempt-count',
  'x-envoy-expected-rq-timeout-ms',
  'x-appengine-user-ip',
  'x-appengine-request-log-id',
]);

/** Of the lines that the gateway writes itself: those that a trusted hop says in its place. */
const PLACES: ReadonlySet<string> = new Set(['x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port']);

/** Of `Forwarded` (RFC 7239): who the client and the hops are. */
const PARTIES = /(?<![^\s,;])(?:for|by)\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,;"]*)/gi;

function nameAt(head: Head, index: number): string {
  const at = index * FIELD_STRIDE;
  return ARENA.latin1Slice(head.fields[at + NAME_START]!, head.fields[at + NAME_END]!).toLowerCase();
}

/** The backend gets this line as the client sent it. Host is told by the key. */
function isTold(head: Head, index: number, trusted: boolean): boolean {
  const drop = head.drop[index]!;
  if (drop === FIELD_KEPT) return true;
  if (!trusted || drop === FIELD_HOP_BY_HOP || index === head.hostField) return false;
  return head.fields[index * FIELD_STRIDE + NAME_HASH] !== NO_NAME;
}

/** Lines by name in lower case; of several, with commas between. */
export function toldLines({ head, trusted }: Pick<FilterScope, 'head' | 'trusted'>): Record<string, string> {
  const lines: Record<string, string> = Object.create(null);
  for (let i = 0; i < head.count; i++) {
    if (!isTold(head, i, trusted)) continue;
    const name = nameAt(head, i);
    const value = head.value(i);
    lines[name] = name in lines ? `${lines[name]}, ${value}` : value;
  }
  return lines;
}

/** The same of one name; '': there is none. */
export function toldValue({ head, trusted }: Pick<FilterScope, 'head' | 'trusted'>, name: string): string {
  const hash = nameHash(name);
  let value: string | undefined;
  for (let at = head.find(name, hash); at >= 0; at = head.find(name, hash, at + 1)) {
    if (isTold(head, at, trusted)) value = value === undefined ? head.value(at) : `${value}, ${head.value(at)}`;
  }
  return value ?? '';
}

/** Others than the client write it for this request, by `patch` or as ever, so that the backend is not told what is in its head. */
export function isWrittenByOthers(patch: HeaderPatch, name: string): boolean {
  if (OF_EACH_REQUEST.has(name)) return true;
  if (patch.isEmpty) return false;
  const folded = foldedName(name);
  const isIt = (other: string): boolean => foldedName(other.toLowerCase()) === folded;
  return patch.lines.some((line) => isIt(line.name)) || [...patch.drops].some(isIt);
}

/**
 * What a trusted hop says of the scheme, host and path that were asked for, and of who asks: part of the key, since backends
 * make links of the one and pages of the other. From a client none of it is passed on.
 */
export function hopClaims({ head, trusted }: Pick<FilterScope, 'head' | 'trusted'>): string {
  let text = '';
  if (!trusted) return text;
  for (let i = 0; i < head.count; i++) {
    const drop = head.drop[i];
    if (drop !== FIELD_CLAIMED && drop !== FIELD_MANAGED) continue;
    if (!isTold(head, i, trusted)) continue;
    const name = foldedName(nameAt(head, i));
    if ((drop === FIELD_MANAGED && !PLACES.has(name)) || ADDRESSES.has(name)) continue;
    text += `\n${name}=${name === 'forwarded' ? head.value(i).replace(PARTIES, '') : head.value(i)}`;
  }
  return text;
}
