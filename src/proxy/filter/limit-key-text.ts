/**
 * What a limit counts apart, in words: for limits that several gateways count, each of which must come to the same, and
 * for which a hash that can be foreseen would not do.
 */
import type { LimitKey } from '../../config/index.ts';
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

function partOf({ type, name = '' }: LimitKey, scope: FilterScope): Part {
  const { head, clientAddress, route, listener } = scope;
  switch (type) {
    case 'ClientAddress':
      return clientAddress;
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
