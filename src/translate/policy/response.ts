import { type ErrorPage, POLICY_REASON, type ResponseSettings } from '../../api/index.ts';
import type {
  CacheSettings,
  CompressionSettings,
  DirectResponseSettings,
  ErrorPageSettings,
  ErrorServiceSettings,
  HeaderLine,
  PolicyPurge,
} from '../../config/index.ts';
import { PURGE_ANNOTATION, readAskedPurges } from '../../value/asked-purges.ts';
import { milliseconds } from '../../value/duration.ts';
import { problem } from '../verdict/problem.ts';
import { type Parts, requestPolicy, type SettingsReading } from './request-policy.ts';

const HTML = 'text/html; charset=utf-8';
const PLAIN = 'text/plain; charset=utf-8';
const UNAVAILABLE = 503;

export const response = requestPolicy({
  kind: 'ResponsePolicy',
  types: [
    'AnswerHeaders',
    'ErrorPages',
    'ErrorService',
    'DirectResponse',
    'AnswerRewrite',
    'AccessLogging',
    'Compression',
    'Cache',
  ],
  read(settings, at) {
    const parts: Parts = {};
    const { securityHeaders, errorPages, cookieDomains, cookiePaths, locations, compression, cache } = settings;
    if (settings.accessLog !== undefined) parts.AccessLogging = { written: settings.accessLog === 'Enabled' };
    if (securityHeaders !== undefined) parts.AnswerHeaders = { lines: linesOf(securityHeaders) };
    if (errorPages !== undefined) readPages(errorPages, { parts, at });
    const direct = directOf(settings);
    if (direct !== undefined) parts.DirectResponse = direct;
    if (cookieDomains ?? cookiePaths ?? locations) {
      parts.AnswerRewrite = {
        cookieDomains: cookieDomains ?? [],
        cookiePaths: cookiePaths ?? [],
        locations: locations ?? [],
      };
    }
    if (compression !== undefined) parts.Compression = compressionOf(compression);
    if (cache !== undefined) parts.Cache = { ...cacheOf(cache), ...purgesOf(at) };
    return parts;
  },
});

const MEBIBYTE = 1024 * 1024;
const GIBIBYTE = 1024 * MEBIBYTE;

function cacheOf(cache: NonNullable<ResponseSettings['cache']>): CacheSettings {
  const { maxObjectBytes = MEBIBYTE, maxBytes = 16 * MEBIBYTE, keyHeaders = [], generation = '' } = cache;
  const { defaultTtl = '0s', staleWhileRevalidate = '0s', staleIfError = '0s' } = cache;
  return {
    maxObjectBytes,
    maxBytes,
    ...(cache.disk === undefined ? {} : { maxDiskBytes: cache.disk.maxBytes ?? GIBIBYTE }),
    defaultTtl: milliseconds(defaultTtl) ?? 0,
    staleWhileRevalidate: milliseconds(staleWhileRevalidate) ?? 0,
    staleIfError: milliseconds(staleIfError) ?? 0,
    keyHeaders: keyHeaders.map((name) => name.toLowerCase()),
    generation,
  };
}

/** What stands on the policy to be forgotten. What cannot be read is told, and what is kept is given as before. */
function purgesOf({ annotations, asked }: SettingsReading): Pick<CacheSettings, 'purges'> {
  const text = annotations[PURGE_ANNOTATION];
  if (text === undefined) return {};
  try {
    // When they were asked for is for whoever takes old ones away: nobody compares it with another clock.
    const purges = readAskedPurges(text).map(({ at: _at, ...one }): PolicyPurge => one);
    if (purges.length > 0) asked({ id: purges.at(-1)!.id });
    return { purges };
  } catch (error) {
    const field = `metadata.annotations["${PURGE_ANNOTATION}"]`;
    asked(problem(POLICY_REASON.Invalid, field, `${(error as Error).message}; \`daemun cache purge\` writes it`));
    return {};
  }
}

/** Of two pages for one code the first counts. */
function readPages(pages: readonly ErrorPage[], { parts, at }: { parts: Parts; at: SettingsReading }): void {
  const taken = new Set<number>();
  const texts: ErrorPageSettings['pages'] = [];
  const services: ErrorServiceSettings['services'] = [];
  for (const [index, { codes: all, contentType = HTML, body = '', backendRef }] of pages.entries()) {
    const codes = all.filter((code) => !taken.has(code));
    for (const code of codes) taken.add(code);
    if (backendRef === undefined) {
      texts.push({ codes, contentType, body });
      continue;
    }
    const use = at.serviceOf(backendRef, `${at.field}.errorPages[${index}].backendRef`, 'HTTP');
    if ('reason' in use) at.unresolved.push(use);
    else services.push({ codes, backend: use.key });
  }
  if (texts.length > 0) parts.ErrorPages = { pages: texts };
  if (services.length > 0) parts.ErrorService = { services };
}

const LINES: ReadonlyArray<readonly [keyof NonNullable<ResponseSettings['securityHeaders']>, string]> = [
  ['contentSecurityPolicy', 'Content-Security-Policy'],
  ['contentTypeOptions', 'X-Content-Type-Options'],
  ['frameOptions', 'X-Frame-Options'],
  ['permissionsPolicy', 'Permissions-Policy'],
  ['referrerPolicy', 'Referrer-Policy'],
  ['strictTransportSecurity', 'Strict-Transport-Security'],
];

function linesOf(headers: NonNullable<ResponseSettings['securityHeaders']>): HeaderLine[] {
  return LINES.flatMap(([field, name]) => {
    const value = headers[field];
    return value === undefined ? [] : [{ name, value }];
  });
}

function directOf({ directResponse, maintenance }: ResponseSettings): DirectResponseSettings | undefined {
  if (maintenance !== undefined) {
    const { body = 'Down for maintenance.\n', contentType = PLAIN, retryAfterSeconds, exempt = [] } = maintenance;
    const direct = { statusCode: UNAVAILABLE, contentType, body, exempt };
    return retryAfterSeconds === undefined ? direct : { ...direct, retryAfter: retryAfterSeconds };
  }
  if (directResponse === undefined) return undefined;
  const { statusCode, contentType = PLAIN, body = '' } = directResponse;
  return { statusCode, contentType, body, exempt: [] };
}

/** What nginx users compress, and what is text besides. */
const TYPES = [
  'text/html',
  'text/plain',
  'text/css',
  'text/xml',
  'text/javascript',
  'application/javascript',
  'application/json',
  'application/xml',
  'application/atom+xml',
  'application/rss+xml',
  'application/vnd.ms-fontobject',
  'application/wasm',
  'application/x-javascript',
  'font/opentype',
  'image/svg+xml',
  'image/x-icon',
];

function compressionOf(compression: NonNullable<ResponseSettings['compression']>): CompressionSettings {
  const { algorithms = ['zstd', 'br', 'gzip'], types = TYPES, minimumBytes = 256, level = 4 } = compression;
  return { algorithms, types, minimumBytes, level };
}
