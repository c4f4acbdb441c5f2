/** 103: what a page needs, told before there is an answer (RFC 8297). Whom it is told is a policy's to say. */
import type { EarlyHints } from '../../config/index.ts';
import type { Downstream } from '../ground/codec.ts';
import { type Head, nameHash } from '../ground/head.ts';

export const EARLY_HINTS = 103;
const MODE = 'sec-fetch-mode';
const MODE_HASH = nameHash(MODE);

/** The client gets them. */
export function takesHints({ to }: EarlyHints, protocol: string): boolean {
  return to === 'Everybody' || (to === 'Http2' && protocol === 'HTTP/2.0');
}

const texts = new WeakMap<EarlyHints, string>();

/** The lines that are told of our own, or '': to browsers that open a page, since others do nothing with them. */
export function hintsFor(head: Head, hints: EarlyHints, protocol: string): string {
  if (hints.links.length === 0 || !takesHints(hints, protocol) || head.method() !== 'GET') return '';
  const at = head.find(MODE, MODE_HASH);
  if (at < 0 || head.value(at) !== 'navigate') return '';
  let text = texts.get(hints);
  if (text === undefined) texts.set(hints, (text = hints.links.map((link) => `Link: ${link}\r\n`).join('')));
  return text;
}

export function sendHints(down: Downstream, lines: string): void {
  const to = down.beginHead();
  to.text('HTTP/1.1 103 Early Hints\r\n');
  to.text(lines);
  const head = to.finish();
  if (head !== null) down.sendInformational(head);
  down.flush();
}
