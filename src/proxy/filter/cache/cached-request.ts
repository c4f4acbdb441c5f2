/** A request as the cache sees it: whether it may be answered from there, under which key, and with which conditions. */

import { ARENA } from '../../ground/arena.ts';
import { FIELD_STRIDE, type Head, imitatesName, NAME_END, NAME_START, nameHash, sameName } from '../../ground/head.ts';
import type { StoredAnswer } from '../../state/index.ts';
import { namesTag, tagsOf } from '../entity-tag.ts';
import type { FilterScope } from '../filter.ts';
import { directivesOf, secondsOf } from './cache-control.ts';
import { httpDate } from './http-date.ts';
import { isWrittenByOthers, toldValue } from './told-lines.ts';

const CACHE_CONTROL = nameHash('cache-control');
const PRAGMA = nameHash('pragma');
const IF_MODIFIED_SINCE = nameHash('if-modified-since');
/** Of requests whose answer depends on what only the backend can judge. */
const FOR_BACKENDS = ['range', 'if-match', 'if-unmodified-since', 'if-range'].map(hashed);
/** Backends are known that take another method from them: what came of that is no answer to a GET. */
const OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override'];

function hashed(name: string): readonly [name: string, hash: number] {
  return [name, nameHash(name)];
}

/** Why a request is not answered from the cache, as Cache-Status says it; undefined: it may be. */
export function bypassOf(head: Head): 'method' | 'bypass' | undefined {
  const method = head.method();
  if (method !== 'GET' && method !== 'HEAD') return 'method';
  if (head.contentLength > 0 || head.chunked || head.upgradeEnd > 0) return 'bypass';
  for (const [name, hash] of FOR_BACKENDS) if (head.find(name, hash) >= 0) return 'bypass';
  for (const name of OVERRIDES) if (head.find(name, nameHash(name)) >= 0 || isImitated(head, name)) return 'bypass';
  return undefined;
}

/** Methods that change nothing (RFC 9110 9.2.1), and so nothing that is kept: a browser's preflight empties no cache. */
export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE';
}

/** There is a line that CGI-like backends take for this one, by another mark for a '-': what comes of it is for nobody else. */
export function isImitated(head: Head, name: string): boolean {
  for (let i = 0; i < head.count; i++) {
    const [start, end] = [head.fields[i * FIELD_STRIDE + NAME_START]!, head.fields[i * FIELD_STRIDE + NAME_END]!];
    if (imitatesName(start, end, name) && !sameName(start, end, name)) return true;
  }
  return false;
}

/** What the client asks of caches. */
export interface Wishes {
  /** Nothing may be kept of it. */
  noStore: boolean;
  /** The backend must be asked. */
  noCache: boolean;
  /** Seconds that an answer may be old, and must be fresh yet. */
  maxAge: number;
  minFresh: number;
  /** Nobody may be asked. */
  onlyIfCached: boolean;
}

/** Null where it says nothing. */
export function wishesOf(head: Head): Wishes | null {
  const at = head.find('cache-control', CACHE_CONTROL);
  if (at < 0) {
    const pragma = head.find('pragma', PRAGMA);
    if (pragma < 0 || !head.value(pragma).toLowerCase().includes('no-cache')) return null;
    return { noStore: false, noCache: true, maxAge: Number.POSITIVE_INFINITY, minFresh: 0, onlyIfCached: false };
  }
  const values: string[] = [];
  for (let i = at; i >= 0; i = head.find('cache-control', CACHE_CONTROL, i + 1)) values.push(head.value(i));
  const said = directivesOf(values.join(','));
  const maxAge = secondsOf(said, 'max-age') ?? Number.POSITIVE_INFINITY;
  return {
    noStore: said.has('no-store'),
    noCache: said.has('no-cache') || maxAge === 0,
    maxAge,
    minFresh: secondsOf(said, 'min-fresh') ?? 0,
    onlyIfCached: said.has('only-if-cached'),
  };
}

/** The host as the backend is told it: some answer otherwise where it has a dot at its end, or the scheme's own port. */
export function writtenHostOf({ authorityStart, authorityEnd }: Head): string {
  return ARENA.latin1Slice(authorityStart, authorityEnd);
}

export function hostOf({ head, client }: FilterScope): string {
  const port = head.hostPort;
  const own = client.tls === undefined ? 80 : 443;
  return port === 0 || port === own ? head.host() : `${head.host()}:${port}`;
}

/** The request says the same as the one that the answer came by, of all that Vary names. */
export function suits({ vary }: StoredAnswer, scope: FilterScope): boolean {
  for (const [name, value] of vary) {
    if (toldValue(scope, name) !== value || isImitated(scope.head, name) || isWrittenByOthers(scope.requestPatch, name))
      return false;
  }
  return true;
}

/** What the client has already. */
export interface Condition {
  etags: string | undefined;
  since: string | undefined;
}

/** Null where it has nothing. */
export function conditionOf(head: Head): Condition | null {
  const etags = tagsOf(head);
  const since = head.find('if-modified-since', IF_MODIFIED_SINCE);
  if (etags === undefined && since < 0) return null;
  return { etags, since: since < 0 ? undefined : head.value(since) };
}

/** The client has this answer already: 304. If-None-Match counts before If-Modified-Since (RFC 9110 13.2.2). */
export function hasAlready({ etags, since }: Condition, { etag, lastModified, status }: StoredAnswer): boolean {
  if (status !== 200) return false;
  if (etags !== undefined) {
    if (etags.trim() === '*') return true;
    if (etag === undefined) return false;
    return namesTag(etags, etag);
  }
  const [had, is] = [httpDate(since ?? ''), httpDate(lastModified ?? '')];
  return had !== undefined && is !== undefined && is <= had;
}
