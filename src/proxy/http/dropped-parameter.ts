/** Parameters that a filter takes out of the query before it goes to the backend. */
import { ARENA } from '../ground/arena.ts';
import type { Head } from '../ground/head.ts';

/** `target`: path and query of the upstream request, '' where they are the client's. `names`: decoded, a character a byte. */
export function withoutParameters(target: string, names: readonly string[], head: Head): string {
  const whole = target === '' ? ownTarget(head) : target;
  const question = whole.indexOf('?');
  if (question < 0) return whole;
  const pairs = whole.slice(question + 1).split('&');
  const kept = pairs.filter((pair) => !names.includes(decoded(pair.split('=', 1)[0]!)));
  return whole.slice(0, question) + (kept.length === 0 ? '' : `?${kept.join('&')}`);
}

function ownTarget({ pathStart, pathEnd, queryStart, queryEnd }: Head): string {
  const path = pathEnd > pathStart ? ARENA.latin1Slice(pathStart, pathEnd) : '/';
  return queryEnd === 0 ? path : `${path}?${ARENA.latin1Slice(queryStart, queryEnd)}`;
}

function decoded(name: string): string {
  return name
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, octet: string) => String.fromCharCode(Number.parseInt(octet, 16)));
}
