/** The static table of RFC 7541 appendix A, kept as field lines in HTTP/1.1 form. */
import { nameHash } from '../../ground/head.ts';
import { kindOfName } from './field-kind.ts';

export const STATIC_COUNT = 61;

/** Each entry as `name` or `name value`; the first is index 1. */
const ENTRIES = [
  ...[':authority', ':method GET', ':method POST', ':path /', ':path /index.html', ':scheme http', ':scheme https'],
  ...[':status 200', ':status 204', ':status 206', ':status 304', ':status 400', ':status 404', ':status 500'],
  ...['accept-charset', 'accept-encoding gzip, deflate', 'accept-language', 'accept-ranges', 'accept'],
  ...['access-control-allow-origin', 'age', 'allow', 'authorization', 'cache-control', 'content-disposition'],
  ...['content-encoding', 'content-language', 'content-length', 'content-location', 'content-range', 'content-type'],
  ...['cookie', 'date', 'etag', 'expect', 'expires', 'from', 'host', 'if-match', 'if-modified-since'],
  ...['if-none-match', 'if-range', 'if-unmodified-since', 'last-modified', 'link', 'location', 'max-forwards'],
  ...['proxy-authenticate', 'proxy-authorization', 'range', 'referer', 'refresh', 'retry-after', 'server'],
  ...['set-cookie', 'strict-transport-security', 'transfer-encoding', 'user-agent', 'vary', 'via'],
  ...['www-authenticate'],
];

/** `name: value\r\n` of all entries, one after the other. */
export const STATIC_LINES: Buffer = Buffer.from(ENTRIES.map(lineOf).join(''), 'latin1');
/** By index: where its line begins; one more number says where the last line ends. */
export const STATIC_START: Uint16Array = new Uint16Array(STATIC_COUNT + 2);
export const STATIC_NAME_LENGTH: Uint8Array = new Uint8Array(STATIC_COUNT + 1);
export const STATIC_HASH: Int32Array = new Int32Array(STATIC_COUNT + 1);
export const STATIC_KIND: Uint8Array = new Uint8Array(STATIC_COUNT + 1);
/** First index of each name. */
export const STATIC_NAMES: ReadonlyMap<string, number> = new Map(
  ENTRIES.map((entry, i): [string, number] => [nameOf(entry), i + 1]).reverse(),
);

let start = 0;
ENTRIES.forEach((entry, i) => {
  const name = nameOf(entry);
  STATIC_START[i + 1] = start;
  STATIC_NAME_LENGTH[i + 1] = name.length;
  STATIC_HASH[i + 1] = nameHash(name);
  STATIC_KIND[i + 1] = kindOfName(name);
  start += lineOf(entry).length;
});
STATIC_START[STATIC_COUNT + 1] = start;

function nameOf(entry: string): string {
  return entry.split(' ', 1)[0]!;
}

function lineOf(entry: string): string {
  const name = nameOf(entry);
  return `${name}: ${entry.slice(name.length + 1)}\r\n`;
}
