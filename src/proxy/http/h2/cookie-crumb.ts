/** RFC 9113 8.2.3: a cookie split over several fields is one field again, joined with "; ", before it leaves HTTP/2. */
import { ARENA, DECODE_END } from '../../ground/arena.ts';
import { FIELD_STRIDE, type HeadTable } from '../../ground/head.ts';
import { shift } from '../../ground/region.ts';
import { PLACE } from './decoded-place.ts';

const SEPARATOR = '; ';

export interface Crumb {
  /** Index of the cookie field that it belongs to. */
  field: number;
  /** Where the lines of the head end so far. The crumb stands behind. */
  out: number;
  start: number;
  end: number;
}

/** Appends the crumb to its field and moves the lines behind that one; answers where the lines end now. */
export function insertCrumb(head: HeadTable, crumb: Crumb): number {
  const { fields } = head;
  const valueEnd = crumb.field * FIELD_STRIDE + 3;
  const at = fields[valueEnd]!;
  const text = SEPARATOR + ARENA.latin1Slice(crumb.start, crumb.end);
  shift(at, crumb.out, { bytes: text.length, limit: DECODE_END });
  PLACE.within(at, at + text.length).text(text);
  fields[valueEnd] = at + text.length;
  for (let i = (crumb.field + 1) * FIELD_STRIDE; i < head.count * FIELD_STRIDE; i += FIELD_STRIDE) {
    for (let n = i; n < i + FIELD_STRIDE - 1; n++) fields[n]! += text.length;
  }
  if (head.authorityStart > at) {
    head.authorityStart += text.length;
    head.authorityEnd += text.length;
    head.hostStart += text.length;
    head.hostEnd += text.length;
  }
  return crumb.out + text.length;
}
