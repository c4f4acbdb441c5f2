/**
 * What a limit counts apart, in words: for limits that several gateways count, each of which must come to the same, and
 * for which a hash that can be foreseen would not do.
 */
import type { LimitKey, RequestLimit } from '../../config/index.ts';
import { IPV6_PREFIX_LENGTH, prefixText } from '../../value/address-prefix.ts';
import { ARENA } from '../ground/arena.ts';
import { fieldHash, type Head } from '../ground/head.ts';
import { findCookie, foundCookie } from '../match/cookie.ts';
import { findParameter, foundText } from '../match/query.ts';
import type { FilterScope } from './filter.ts';
import { claimValues, IDENTITY } from './identity.ts';

/** What a request does not have is no text. */
type Part = string | string[] | null;

/** Different for any two requests that are counted apart. */
export function keyText(keys: readonly LimitKey[], scope: FilterScope): string {
  return JSON.stringify(keys.map((key) => partOf(key, scope)));
}

/** What this request is counted with, in words. */
export function keyWords(keys: readonly LimitKey[], scope: FilterScope): string {
  const parts = keys.map((key) => {
    const part = partOf(key, scope);
    const of = key.name === undefined ? key.type : `${key.type} ${key.name}`;
    return part === null ? `without ${of}` : `of ${of} ${Array.isArray(part) ? part.join(',') : part}`;
  });
  return parts.length === 0 ? '' : ` ${parts.join(' and ')}`;
}

/** Whether a limit by time lets a request through depends on those that came before. */
export function requestsText({ requests, period, burst, cost, key, dryRun }: RequestLimit, scope: FilterScope): string {
  const most = Math.floor(burst / cost) - 1;
  const before = most <= 0 ? 'if none came' : `if no more than ${most} came`;
  const end = dryRun ? ' (dry run: passes in any case)' : '';
  return `passes ${before}${keyWords(key, scope)} before it within ${seconds((period / requests) * burst)}${end}`;
}

function seconds(milliseconds: number): string {
  return `${Math.round(milliseconds) / 1000} s`;
}

function partOf({ type, name = '', ipv6PrefixLength = IPV6_PREFIX_LENGTH }: LimitKey, scope: FilterScope): Part {
  const { head, clientAddress, route, listener } = scope;
  switch (type) {
    case 'ClientAddress':
      return prefixText(clientAddress, ipv6PrefixLength);
    case 'Header':
      return headerOf(head, name.toLowerCase());
    case 'Cookie':
      return findCookie(head, name) ? ARENA.latin1Slice(foundCookie.start, foundCookie.end) : null;
    case 'Claim':
      return claimOfScope(scope, name);
    case 'Query':
      return findParameter(head, name) ? foundText() : null;
    case 'Path':
      return head.path();
    case 'Host':
      return head.host();
    case 'Route':
      return route.slice(0, route.lastIndexOf('/'));
    case 'Gateway':
      return listener.split('/', 2);
  }
}

function claimOfScope(scope: FilterScope, name: string): Part {
  const values = claimValues(scope.kept(IDENTITY)?.claims ?? {}, name);
  return values.length === 0 ? null : values;
}

function headerOf(head: Head, name: string): Part {
  const hash = fieldHash(name);
  const values: string[] = [];
  for (let at = head.find(name, hash); at >= 0; at = head.find(name, hash, at + 1)) values.push(head.value(at));
  return values.length === 0 ? null : values;
}
