/** What a consistent hash is taken of: parts of a request, read from its bytes without a string. */
import type { HashPart } from '../../config/index.ts';
import { ARENA } from '../ground/arena.ts';
import { FIELD_STRIDE, fieldHash, type Head, VALUE_END, VALUE_START } from '../ground/head.ts';
import { findCookie, foundCookie } from '../match/cookie.ts';
import { findParameter, found } from '../match/query.ts';
import { spread } from './hash-ring.ts';
import type { SteeredRequest } from './steered-request.ts';

/** In the place of a hash, where a request has nothing of what it is taken of. */
export const NO_HASH = -1;

let hash = 0;
/** Some part had a value. */
let some = false;

function mix(octet: number): void {
  hash = Math.imul(hash ^ octet, 0x01000193);
}

function mixText(text: string): void {
  for (let i = 0; i < text.length; i++) mix(text.charCodeAt(i));
  if (text !== '') some = true;
}

function mixBytes(start: number, end: number): void {
  for (let at = start; at < end; at++) mix(ARENA[at]!);
  if (end > start) some = true;
}

/** No text has it: what is before it and what is after it are two. */
const BETWEEN = 0x1_0000;

export type HashReader = (request: SteeredRequest) => number;

/** NO_HASH where the request has none of the parts. */
export function hashReader(parts: readonly HashPart[]): HashReader {
  const readers = parts.map(readerOf);
  return (request) => {
    hash = 0x811c9dc5;
    some = false;
    for (let i = 0; i < readers.length; i++) {
      readers[i]!(request);
      mix(BETWEEN);
    }
    return some ? spread(hash) : NO_HASH;
  };
}

/** Where there is no request: as `hashReader` takes it of the client's address alone. */
export function addressHash(clientAddress: string): number {
  hash = 0x811c9dc5;
  mixText(clientAddress);
  mix(BETWEEN);
  return spread(hash);
}

function readerOf({ type, name = '' }: HashPart): (request: SteeredRequest) => void {
  switch (type) {
    case 'ClientAddress':
      return ({ clientAddress }) => mixText(clientAddress);
    case 'Header':
      return headerReader(name.toLowerCase());
    case 'Cookie':
      return ({ head }) => {
        if (findCookie(head, name)) mixBytes(foundCookie.start, foundCookie.end);
      };
    case 'Query':
      return ({ head }) => {
        if (findParameter(head, name)) mixBytes(found.start, found.end);
      };
    case 'Path':
      return ({ head }) => mixBytes(head.pathStart, head.pathEnd);
    case 'Uri':
      return ({ head }) => {
        mixBytes(head.pathStart, head.pathEnd);
        mixBytes(head.queryStart, head.queryEnd);
      };
    case 'Host':
      return ({ head }) => mixHost(head);
  }
}

function headerReader(name: string): (request: SteeredRequest) => void {
  const nameHash = fieldHash(name);
  return ({ head }) => {
    for (let at = head.find(name, nameHash); at >= 0; at = head.find(name, nameHash, at + 1)) {
      const field = at * FIELD_STRIDE;
      mixBytes(head.fields[field + VALUE_START]!, head.fields[field + VALUE_END]!);
    }
  };
}

function mixHost(head: Head): void {
  for (let at = head.hostStart; at < head.hostEnd; at++) {
    const c = ARENA[at]!;
    mix(c >= 65 && c <= 90 ? c | 32 : c);
  }
  if (head.hostEnd > head.hostStart) some = true;
}
