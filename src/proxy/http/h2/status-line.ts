/** Status lines in HTTP/1.1 form, made of :status. */

import { ARENA } from '../../ground/arena.ts';
import type { HeadTable } from '../../ground/head.ts';
import { REASON_PHRASES } from '../../ground/reason-phrase.ts';
import { NINE, ZERO } from '../h1/octets.ts';
import { PLACE } from './decoded-place.ts';
import { STATUS } from './field-kind.ts';
import type { PseudoFields } from './pseudo-fields.ts';
import { BROKEN, type SectionFault, SOUND } from './section-fault.ts';

const LINES: string[] = Array.from(
  { length: 1000 },
  (_, status) => `HTTP/1.1 ${status} ${REASON_PHRASES.get(status) ?? ''}\r\n`,
);
const REASON_OFFSET = 'HTTP/1.1 200 '.length;

/** RFC 9113 8.3.2: exactly one :status, a three-digit code. 101 does not exist in HTTP/2. */
export function statusFault(pseudo: PseudoFields): SectionFault {
  if (!pseudo.has(STATUS) || pseudo.length(STATUS) !== 3) return BROKEN;
  const start = pseudo.start[STATUS]!;
  for (let i = 0; i < 3; i++) if (ARENA[start + i]! < ZERO || ARENA[start + i]! > NINE) return BROKEN;
  const status = statusOf(pseudo);
  return status < 100 || status === 101 ? BROKEN : SOUND;
}

export function statusLineLength(pseudo: PseudoFields): number {
  return pseudo.has(STATUS) ? (LINES[statusOf(pseudo)]?.length ?? 0) : 0;
}

export function putStatusLine(at: number, head: HeadTable, pseudo: PseudoFields): void {
  head.status = statusOf(pseudo);
  head.reasonStart = at + REASON_OFFSET;
  const line = LINES[head.status]!;
  const end = at + line.length;
  PLACE.within(at, end).text(line);
  head.reasonEnd = end - 2;
}

function statusOf(pseudo: PseudoFields): number {
  const start = pseudo.start[STATUS]!;
  return (ARENA[start]! - ZERO) * 100 + (ARENA[start + 1]! - ZERO) * 10 + (ARENA[start + 2]! - ZERO);
}
