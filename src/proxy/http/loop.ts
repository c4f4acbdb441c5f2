/** Requests that run in a circle, found by CDN-Loop (RFC 8586): every gateway that a request passes adds its name there. */
import { HeaderPatch } from '../filter/header-patch.ts';
import { type Head, nameHash } from '../ground/head.ts';

/** How this gateway calls itself in CDN-Loop and Via. */
export const PSEUDONYM = 'daemun';
export const LOOP_LINE = `CDN-Loop: ${PSEUDONYM}\r\n`;
export const VIA_OF_ANSWERS: HeaderPatch = new HeaderPatch(new Set(), [{ name: 'Via', value: `1.1 ${PSEUDONYM}` }]);

/** Gateways like this one that a request may pass, one behind the other, before it is one that comes back (508). */
export const MAX_HOPS = 8;

const NAME = 'cdn-loop';
const HASH = nameHash(NAME);

/** The CDN-Loop lines of a head, each with CRLF, for requests that are made on its behalf. */
export function loopLines(head: Head): string {
  let lines = '';
  for (let at = head.loopField; at !== -1; at = head.find(NAME, HASH, at + 1))
    lines += `CDN-Loop: ${head.value(at)}\r\n`;
  return lines;
}

/** Of a head that has a CDN-Loop line. */
export function runsInCircle(head: Head): boolean {
  let passed = 0;
  for (let at = head.loopField; at !== -1; at = head.find(NAME, HASH, at + 1)) {
    // Names may have parameters: "foo.example; v=1, daemun".
    for (const one of head.value(at).split(',')) if (one.split(';', 1)[0]!.trim() === PSEUDONYM) passed++;
  }
  return passed >= MAX_HOPS;
}
