/** The request line, Host and, for an extended CONNECT, the Upgrade lines in HTTP/1.1 form, made of pseudo-headers. */
import { randomBytes } from 'node:crypto';
import { ARENA } from '../../ground/arena.ts';
import type { Cursor } from '../../ground/cursor.ts';
import {
  FIELD_HOP_BY_HOP,
  FIELD_KEPT,
  FIELD_MANAGED,
  FIELD_STRIDE,
  type HeadTable,
  nameHash,
  OPTION_UPGRADE,
  sameName,
} from '../../ground/head.ts';
import { parseAuthority } from '../h1/authority.ts';
import { BAD_TARGET, HOST_INVALID, TARGET_FORM } from '../h1/fault.ts';
import { SLASH, SP, STAR, TOKEN } from '../h1/octets.ts';
import { scanTarget } from '../h1/target.ts';
import { PLACE } from './decoded-place.ts';
import { AUTHORITY, METHOD, PATH, PROTOCOL, SCHEME } from './field-kind.ts';
import type { PseudoFields } from './pseudo-fields.ts';
import { BROKEN, type SectionFault, SOUND, UNSUPPORTED } from './section-fault.ts';

const VERSION_LINE_END = ' HTTP/1.1\r\n';
const HOST_NAME = 'host: ';
const HOST_HASH = nameHash('host');
const UPGRADE_LINES = 'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ';
const UPGRADE_METHOD = 'GET';
const KEY = 'sec-websocket-key';
const KEY_HASH = nameHash(KEY);
const KEY_BYTES = 16;
const KEY_LENGTH = 24;
const MANDATORY = (1 << METHOD) | (1 << SCHEME) | (1 << PATH);

/** RFC 9113 8.3.1 and 8.5, RFC 8441 4. */
export function requestFault(pseudo: PseudoFields): SectionFault {
  const connect = pseudo.has(METHOD) && pseudo.equals(METHOD, 'CONNECT');
  if (connect && !pseudo.has(PROTOCOL)) return pseudo.has(AUTHORITY) && !pseudo.has(PATH) ? UNSUPPORTED : BROKEN;
  if ((pseudo.seen & MANDATORY) !== MANDATORY) return BROKEN;
  if (!pseudo.equals(SCHEME, 'http') && !pseudo.equals(SCHEME, 'https')) return BROKEN;
  if (pseudo.has(PROTOCOL)) {
    if (!connect || !pseudo.has(AUTHORITY)) return BROKEN;
    return sameName(pseudo.start[PROTOCOL]!, pseudo.end[PROTOCOL]!, 'websocket') ? SOUND : UNSUPPORTED;
  }
  return isToken(pseudo.start[METHOD]!, pseudo.end[METHOD]!) ? SOUND : BROKEN;
}

function isToken(start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (TOKEN[ARENA[i]!] === 0) return false;
  return end > start;
}

/** Bytes that putRequestStart writes. */
export function requestStartLength(pseudo: PseudoFields): number {
  const upgrade = pseudo.has(PROTOCOL);
  const method = upgrade ? UPGRADE_METHOD.length : pseudo.length(METHOD);
  const line = method + 1 + pseudo.length(PATH) + VERSION_LINE_END.length;
  const host = pseudo.has(AUTHORITY) ? HOST_NAME.length + pseudo.length(AUTHORITY) + 2 : 0;
  return line + host + (upgrade ? UPGRADE_LINES.length + KEY_LENGTH + 2 : 0);
}

/** 0, or what is wrong with :path or :authority, below it. The rules and their numbers are those of HTTP/1.1. */
export function putRequestStart(at: number, head: HeadTable, pseudo: PseudoFields): number {
  const upgrade = pseudo.has(PROTOCOL);
  const to = PLACE.within(at, at + requestStartLength(pseudo));
  if (upgrade) to.text(UPGRADE_METHOD);
  else to.bytes(pseudo.start[METHOD]!, pseudo.end[METHOD]!);
  head.methodStart = at;
  head.methodEnd = to.end;
  to.byte(SP);
  const target = to.end;
  to.bytes(pseudo.start[PATH]!, pseudo.end[PATH]!);
  const targetEnd = to.end;
  to.text(VERSION_LINE_END);
  if (ARENA[target] !== SLASH && ARENA[target] !== STAR) return TARGET_FORM;
  const scanned = scanTarget(target, to.end, head);
  if (scanned !== targetEnd) return scanned < 0 ? scanned : BAD_TARGET;
  if (pseudo.has(AUTHORITY)) {
    const name = to.end;
    to.text(HOST_NAME);
    const value = to.end;
    to.bytes(pseudo.start[AUTHORITY]!, pseudo.end[AUTHORITY]!);
    const { end } = to;
    if (!parseAuthority(value, end, head)) return HOST_INVALID;
    head.hostField = 0;
    note(head, { name, nameEnd: value - 2, end, hash: HOST_HASH, drop: FIELD_MANAGED });
    to.text('\r\n');
  }
  if (upgrade) putUpgrade(head, to);
  return 0;
}

/** RFC 8441 5: what the Upgrade fields say in HTTP/1.1, with a key of our own that nobody checks. */
function putUpgrade(head: HeadTable, to: Cursor): void {
  let name = to.end;
  to.text(UPGRADE_LINES);
  to.text(randomBytes(KEY_BYTES).toString('base64'));
  to.text('\r\n');
  for (const field of ['connection', 'upgrade', KEY]) {
    const nameEnd = name + field.length;
    const end = ARENA.indexOf('\r\n', nameEnd);
    note(head, { name, nameEnd, end, hash: nameHash(field), drop: field === KEY ? FIELD_KEPT : FIELD_HOP_BY_HOP });
    if (field === 'upgrade') {
      head.upgradeStart = nameEnd + 2;
      head.upgradeEnd = end;
    }
    name = end + 2;
  }
  head.options = OPTION_UPGRADE;
}

interface Line {
  name: number;
  nameEnd: number;
  end: number;
  hash: number;
  drop: number;
}

function note(head: HeadTable, line: Line): void {
  const at = head.count * FIELD_STRIDE;
  head.fields[at] = line.name;
  head.fields[at + 1] = line.nameEnd;
  head.fields[at + 2] = line.nameEnd + 2;
  head.fields[at + 3] = line.end;
  head.fields[at + 4] = line.hash;
  head.drop[head.count++] = line.drop;
}

/** A Host field where there is no :authority: its line is about to be recorded. */
export function noteHost(head: HeadTable, start: number, end: number): boolean {
  head.hostField = head.count;
  return parseAuthority(start, end, head);
}

/** RFC 9113 8.3.1: a Host field beside :authority must say the same. Ours is already written, so it adds nothing. */
export function repeatsHost(head: HeadTable, start: number, end: number): boolean {
  return sameName(start, end, ARENA.latin1Slice(head.authorityStart, head.authorityEnd).toLowerCase());
}

/** What can be judged only when all fields are known. */
export function finishRequest(head: HeadTable, pseudo: PseudoFields, complete: boolean): SectionFault {
  if (head.hostField < 0) return BROKEN;
  if (pseudo.has(PROTOCOL)) {
    head.chunked = false;
    const keys = head.find(KEY, KEY_HASH, head.find(KEY, KEY_HASH) + 1);
    return complete || head.contentLength >= 0 || keys >= 0 ? BROKEN : SOUND;
  }
  if (complete) {
    head.expectContinue = false;
    if (head.contentLength > 0) return BROKEN;
  }
  return SOUND;
}
