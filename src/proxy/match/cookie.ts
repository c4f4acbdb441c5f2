/** Cookies of a request, read from the bytes of ARENA (RFC 6265: `name=value` between ';'). */
import { ARENA } from '../ground/arena.ts';
import { FIELD_STRIDE, type Head, nameHash, VALUE_END, VALUE_START } from '../ground/head.ts';

const COOKIE = nameHash('cookie');
const SEMICOLON = 0x3b;
const SPACE = 0x20;
const TAB = 0x09;
const EQUALS = 0x3d;

/** The value of the cookie that `findCookie` found last, in ARENA. */
export const foundCookie = { start: 0, end: 0 };

/** The first cookie of this name: browsers send the one with the longest path first. */
export function findCookie(head: Head, name: string): boolean {
  for (let i = head.find('cookie', COOKIE); i >= 0; i = head.find('cookie', COOKIE, i + 1)) {
    const at = i * FIELD_STRIDE;
    if (findIn(head.fields[at + VALUE_START]!, head.fields[at + VALUE_END]!, name)) return true;
  }
  return false;
}

function findIn(start: number, end: number, name: string): boolean {
  let at = start;
  while (at < end) {
    while (at < end && (ARENA[at] === SPACE || ARENA[at] === TAB || ARENA[at] === SEMICOLON)) at++;
    let stop = at;
    while (stop < end && ARENA[stop] !== SEMICOLON) stop++;
    const value = at + name.length;
    if (value < stop && ARENA[value] === EQUALS && isText(at, name)) {
      foundCookie.start = value + 1;
      foundCookie.end = stop;
      while (foundCookie.end > foundCookie.start && ARENA[foundCookie.end - 1] === SPACE) foundCookie.end--;
      return true;
    }
    at = stop + 1;
  }
  return false;
}

function isText(at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (ARENA[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** How many there are that a backend may take for this one: some split at commas, and some take all cases for the same. */
export function countCookies(head: Head, name: string): number {
  const lower = name.toLowerCase();
  let count = 0;
  for (let at = head.find('cookie', COOKIE); at >= 0; at = head.find('cookie', COOKIE, at + 1)) {
    for (const one of head.value(at).split(/[;,]/)) if (one.split('=', 1)[0]!.trim().toLowerCase() === lower) count++;
  }
  return count;
}
