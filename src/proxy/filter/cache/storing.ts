/** Which answers are kept, and for how long: RFC 9111 by http-cache-semantics, and stricter where a mistake would be shared. */
import CachePolicy from 'http-cache-semantics';
import type { CacheSettings } from '../../../config/index.ts';
import { foldedName } from '../../ground/head.ts';
import type { StoredAnswer } from '../../state/index.ts';
import type { HeaderPair } from '../filter.ts';
import { directivesOf, secondsOf } from './cache-control.ts';
import { httpDate } from './http-date.ts';
import type { Told } from './kept-answer.ts';
import { isWrittenByOthers } from './told-lines.ts';

/** What may be kept where it says so: errors are not, so that nobody makes one for all by what he sends. */
const KEPT = new Set([200, 203, 204, 300, 301, 308, 404, 410]);
/** Wherever it stands: who leaves out a comma means it all the same. */
const FOR_NOBODY_ELSE = /(?<![\w-])(?:no-store|no-cache|private)(?![\w-])/i;
/** Seconds that an answer is fresh at most. */
export const LONGEST_LIFE: number = 365 * 24 * 3_600;
/** Lines that are of one answer alone, or written anew. */
const OWN_LINES = new Set(['age', 'content-length', 'cache-status', 'trailer']);
const CRLF = '\r\n';

interface Came extends Told {
  status: number;
  pairs: readonly HeaderPair[];
  /** Milliseconds of a clock that does not go back. */
  now: number;
}

type Kept = Omit<StoredAnswer, 'body'>;

/** What is kept of an answer, or undefined: nothing. */
export function keptOf(came: Came, settings: CacheSettings): Kept | undefined {
  const { status, pairs, request, patch, now } = came;
  if (!KEPT.has(status)) return undefined;
  const response = byName(pairs);
  const said = directivesOf(response['cache-control'] ?? '');
  if (FOR_NOBODY_ELSE.test(response['cache-control'] ?? '') || response.vary?.trim() === '*') return undefined;
  // A part of a whole, whatever the status says.
  if (response['content-range'] !== undefined) return undefined;
  if (response['set-cookie'] !== undefined && !said.has('public')) return undefined;
  const vary = namesOf(response.vary ?? '');
  if (vary.includes('*') || vary.some((name) => isWrittenByOthers(patch, name))) return undefined;
  // `X_Mode` beside a Vary of X-Mode: whether the backend took it for that is not known.
  if (Object.keys(request).some((name) => vary.some((one) => one !== name && foldedName(one) === foldedName(name)))) {
    return undefined;
  }
  const told = { ...response, ...datesOf(response), 'cache-control': textOf(said) };
  const headers = withDefault(told, settings, request);
  const policy = new CachePolicy({ method: 'GET', url: '/', headers: request }, { status, headers }, OPTIONS);
  if (!policy.storable()) return undefined;
  const age = ageOf(response.age ?? '');
  const fresh = Math.min(policy.maxAge(), LONGEST_LIFE) - age;
  const strict = said.has('must-revalidate') || said.has('proxy-revalidate') || said.has('s-maxage');
  const stale = (name: string, own: number): number => (strict ? 0 : (secondsOf(said, name) ?? own / 1_000));
  const whileRevalidated = stale('stale-while-revalidate', settings.staleWhileRevalidate);
  const ifError = stale('stale-if-error', settings.staleIfError);
  if (fresh + Math.max(whileRevalidated, ifError, 0) <= 0 && response.etag === undefined) return undefined;
  if (fresh <= 0 && whileRevalidated + ifError <= 0 && policy.maxAge() <= 0) return undefined;
  const freshUntil = now + fresh * 1_000;
  return {
    status,
    shared: said.has('public') || said.has('s-maxage') || said.has('must-revalidate'),
    lines: linesText(pairs),
    vary: vary.map((name) => [name, request[name] ?? ''] as const),
    etag: response.etag,
    lastModified: response['last-modified'],
    age,
    storedAt: now,
    freshUntil,
    whileRevalidatedUntil: freshUntil + whileRevalidated * 1_000,
    ifErrorUntil: freshUntil + ifError * 1_000,
    origin: { request: chosen(request, vary), response: { ...response, 'cache-control': headers['cache-control']! } },
  };
}

/** Seconds. Of a list the first counts (RFC 9111 5.1), and what is no number says nothing. */
function ageOf(text: string): number {
  const [first = ''] = text.split(',');
  return /^\d+$/.test(first.trim()) ? Math.min(Number(first), LONGEST_LIFE) : 0;
}

/** In the form that the library reads as we do; what is no date is of the past (RFC 9111 5.3). */
function datesOf(response: Record<string, string>): Record<string, string> {
  const dates: Record<string, string> = {};
  for (const name of ['date', 'expires']) {
    const text = response[name];
    if (text === undefined) continue;
    const at = httpDate(text);
    dates[name] = at === undefined ? 'none' : new Date(at).toUTCString();
  }
  return dates;
}

const OPTIONS = { shared: true, cacheHeuristic: 0, immutableMinTimeToLive: 0 } as const;

/** What a kept answer becomes where the backend says that it is as it was; undefined: it speaks of another one. */
export function refreshed(stored: StoredAnswer, came: Came, settings: CacheSettings): StoredAnswer | undefined {
  const { request, response } = stored.origin;
  const policy = new CachePolicy(
    { method: 'GET', url: '/', headers: request },
    { status: stored.status, headers: response },
    OPTIONS,
  );
  const update = byName(came.pairs);
  const again = policy.revalidatedPolicy(
    { method: 'GET', url: '/', headers: came.request },
    { status: 304, headers: update },
  );
  if (again.modified) return undefined;
  const old = pairsOf(stored.lines).filter(([name]) => !replaces(update, name));
  const news = came.pairs.filter(([name]) => !KEPT_BY_BODY.has(name.toLowerCase()));
  const kept = keptOf({ ...came, status: stored.status, pairs: [...old, ...news] }, settings);
  return kept && { ...kept, vary: stored.vary, body: stored.body };
}

/** They are of the body, which stays. */
const KEPT_BY_BODY = new Set(['content-length', 'content-encoding', 'content-range', 'content-type']);

function replaces(update: Record<string, string>, name: string): boolean {
  const lower = name.toLowerCase();
  return update[lower] !== undefined && !KEPT_BY_BODY.has(lower);
}

/** The policy's own time, for answers that say nothing, to requests that say nothing of who asks. */
function withDefault(
  headers: Record<string, string>,
  { defaultTtl }: CacheSettings,
  request: Record<string, string>,
): Record<string, string> {
  const silent = headers['cache-control'] === '' && headers.expires === undefined && headers.pragma === undefined;
  const nobody = request.authorization === undefined && request.cookie === undefined;
  if (!silent || defaultTtl === 0 || !nobody || headers['set-cookie'] !== undefined) return headers;
  return { ...headers, 'cache-control': `max-age=${Math.floor(defaultTtl / 1_000)}` };
}

function byName(pairs: readonly HeaderPair[]): Record<string, string> {
  const lines: Record<string, string> = Object.create(null);
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase();
    lines[lower] = lower in lines ? `${lines[lower]}, ${value}` : value;
  }
  return lines;
}

function namesOf(vary: string): string[] {
  return vary
    .toLowerCase()
    .split(',')
    .flatMap((name) => (name.trim() === '' ? [] : [name.trim()]))
    .sort();
}

function textOf(directives: ReadonlyMap<string, string>): string {
  return Array.from(directives, ([name, value]) => (value === '' ? name : `${name}=${value}`)).join(', ');
}

function chosen(request: Record<string, string>, vary: readonly string[]): Record<string, string> {
  return Object.fromEntries(vary.flatMap((name) => (request[name] === undefined ? [] : [[name, request[name]]])));
}

function linesText(pairs: readonly HeaderPair[]): string {
  const kept = pairs.filter(([name]) => !OWN_LINES.has(name.toLowerCase()));
  const dated = kept.some(([name]) => name.toLowerCase() === 'date');
  const date = dated ? '' : `Date: ${new Date().toUTCString()}${CRLF}`;
  return date + kept.map(([name, value]) => `${name}: ${value}${CRLF}`).join('');
}

function pairsOf(lines: string): HeaderPair[] {
  return lines.split(CRLF).flatMap((line) => {
    const colon = line.indexOf(':');
    return colon <= 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()] as const];
  });
}
