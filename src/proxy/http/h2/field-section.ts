/**
 * A field section (RFC 9113 8) on its way from HPACK to HTTP/1.1 form. The decoder writes each field as a line to
 * ARENA[out, …) and hands it over; the section checks it and fills the HeadTable. Pseudo-header fields come first: their
 * lines stay before the head, which begins where they end.
 *
 * A section with a fault takes the rest of its fields and drops them, because the dynamic table must see them all.
 */
import assert from 'node:assert';
import { DECODE_END, DECODE_START } from '../../ground/arena.ts';
import { FIELD_KEPT, FIELD_STRIDE, type Head, type HeadTable, sameName } from '../../ground/head.ts';
import { shift } from '../../ground/region.ts';
import { grpcType } from '../grpc.ts';
import { HOST_INVALID, HOST_MISMATCH, TARGET_FORM } from '../h1/fault.ts';
import * as kinds from '../h1/field-kind.ts';
import { parseLength } from '../h1/framing.ts';
import { belongsToHead } from '../h1/trailer-field.ts';
import { insertCrumb } from './cookie-crumb.ts';
import { PLACE } from './decoded-place.ts';
import { AUTHORITY, COOKIE, MALFORMED, METHOD, PSEUDO_FIRST, STATUS } from './field-kind.ts';
import { PseudoFields } from './pseudo-fields.ts';
import {
  finishRequest,
  noteHost,
  putRequestStart,
  repeatsHost,
  requestFault,
  requestStartLength,
} from './request-head.ts';
import { BROKEN, REFUSED, type SectionFault, SOUND, TOO_LARGE } from './section-fault.ts';
import { putStatusLine, statusFault, statusLineLength } from './status-line.ts';

export const REQUEST_SECTION = 0;
export const RESPONSE_SECTION = 1;
/** Of a request. */
export const TRAILER_SECTION = 2;
export const RESPONSE_TRAILER_SECTION = 3;
export type SectionRole =
  | typeof REQUEST_SECTION
  | typeof RESPONSE_SECTION
  | typeof TRAILER_SECTION
  | typeof RESPONSE_TRAILER_SECTION;

/** What RFC 9113 6.5.2 adds for each field to a section's size; a line has four bytes of it already. */
const FIELD_OVERHEAD = 32 - 4;
/** Room for the bytes we add to what was decoded. */
export const SPARE_ROOM = 512;

export class FieldSection {
  /** What the fields are entered in; it is a head once `finish` said SOUND. */
  readonly table: HeadTable;
  /** Where the decoder writes the next line. */
  out = DECODE_START;
  fault: SectionFault = SOUND;
  /** Of a request that is too large: its content type, where that is one of gRPC, else ''. */
  grpcType = '';
  /** Of a request that is refused: what is wrong with it, as HTTP/1.1 numbers it. */
  refusedFor = 0;
  /** It was one to HEAD. */
  refusesHead = false;
  /** Of the name of the line that is about to be added. */
  nameHash = 0;
  kind = 0;
  readonly #pseudo = new PseudoFields();
  #role: SectionRole = REQUEST_SECTION;
  #limit = 0;
  #size = 0;
  /** The start line is written: no pseudo-header field may follow. */
  #opened = false;
  #cookieField = -1;
  #judged = false;

  constructor(table: HeadTable) {
    this.table = table;
  }

  /** Of a request or response whose section is sound. */
  get head(): Head {
    if (!this.#judged || this.fault !== SOUND || this.#role === TRAILER_SECTION) assert.fail('this is no sound head');
    return this.table as Head;
  }

  /** `limit`: most bytes of the section, counted as RFC 9113 6.5.2 does. */
  begin(role: SectionRole, limit: number): void {
    this.#role = role;
    this.#limit = limit;
    this.out = DECODE_START;
    this.fault = SOUND;
    this.#size = 0;
    this.#opened = false;
    this.#cookieField = -1;
    this.#pseudo.seen = 0;
    this.#judged = false;
    this.grpcType = '';
    this.table.reset(DECODE_START);
  }

  /** Makes sure that `bytes` fit at `out`: what was gathered is given up where they do not. */
  makeRoom(bytes: number): void {
    if (this.out + bytes + SPARE_ROOM > DECODE_END) this.#break(TOO_LARGE);
  }

  /** The decoder wrote the line ARENA[out,end), whose name ends at `nameEnd`, and set `nameHash` and `kind`. */
  add(nameEnd: number, end: number): void {
    const { kind } = this;
    this.#size += end - this.out + FIELD_OVERHEAD;
    if (this.fault !== SOUND) return;
    if (this.#size > this.#limit) this.#break(TOO_LARGE);
    else if (kind === MALFORMED) this.#break(BROKEN);
    else if (kind >= PSEUDO_FIRST) this.#addPseudo(nameEnd, end, kind);
    else if (this.#role === TRAILER_SECTION) this.#addTrailer(nameEnd, end);
    else if (this.#role === RESPONSE_TRAILER_SECTION) this.#addResponseTrailer(end);
    else if (this.#opened) this.#addField(nameEnd, end);
    else this.#addFirstField(nameEnd, end);
  }

  /** No more fields follow. `complete`: nor does a body. A trailer section's lines are ARENA[DECODE_START,out). */
  finish(complete: boolean): SectionFault {
    if (this.fault !== SOUND || this.#role >= TRAILER_SECTION) return this.fault;
    if (!this.#opened) this.#open(this.out, this.out);
    const { table: head } = this;
    const to = PLACE.begin(this.out);
    to.text('\r\n');
    this.out = head.end = to.end;
    head.chunked = !complete && head.contentLength < 0;
    if (this.fault === SOUND && this.#role === REQUEST_SECTION)
      this.fault = finishRequest(head, this.#pseudo, complete);
    this.#judged = true;
    return this.fault;
  }

  #break(fault: SectionFault): void {
    if (this.fault === SOUND && fault === TOO_LARGE && this.#role === REQUEST_SECTION && this.#opened) {
      this.grpcType = grpcType(this.table);
    }
    if (this.fault === SOUND) this.fault = fault;
    this.out = DECODE_START;
  }

  /** RFC 9113 8.3: defined ones only, none twice, none after a regular field, none in trailers. */
  #addPseudo(nameEnd: number, end: number, kind: number): void {
    const expected = this.#role < TRAILER_SECTION && (this.#role === RESPONSE_SECTION) === (kind === STATUS);
    if (this.#opened || !expected || !this.#pseudo.note(kind, nameEnd + 2, end - 2)) this.#break(BROKEN);
    else this.out = end;
  }

  /** RFC 9110 6.5.1: what frames, routes or authenticates the message, or what gateways say, has no place behind it. */
  #addTrailer(nameEnd: number, end: number): void {
    if (this.kind === kinds.ORDINARY && !belongsToHead(this.out, nameEnd)) this.out = end;
    else this.#break(BROKEN);
  }

  /** Backends may say more. */
  #addResponseTrailer(end: number): void {
    const { kind } = this;
    if (kind === kinds.ORDINARY || kind === kinds.REQUEST_ID || kind === kinds.CLAIM) this.out = end;
    else this.#break(BROKEN);
  }

  /** The start line is written where the first field's line stands; that line moves on. */
  #addFirstField(nameEnd: number, end: number): void {
    const moved = this.#open(this.out, end);
    if (this.fault === SOUND) this.#addField(nameEnd + moved, end + moved);
  }

  /** Moves ARENA[start,end) and writes the start line before it; answers by how much it moved. */
  #open(start: number, end: number): number {
    const { table: head } = this;
    this.#opened = true;
    const request = this.#role === REQUEST_SECTION;
    const fault = request ? requestFault(this.#pseudo) : statusFault(this.#pseudo);
    const length = request ? requestStartLength(this.#pseudo) : statusLineLength(this.#pseudo);
    this.makeRoom(length + end - start);
    if (fault !== SOUND) this.#break(fault);
    if (this.fault !== SOUND) return 0;
    if (end > start) shift(start, end, { bytes: length, limit: DECODE_END });
    head.start = start;
    if (!request) putStatusLine(start, head, this.#pseudo);
    else this.#judgeStart(putRequestStart(start, head, this.#pseudo));
    if (this.fault === SOUND) this.out = start + length;
    return length;
  }

  /** RFC 9113 8.3.1: a path that does not begin with '/' is malformed. */
  #judgeStart(wrong: number): void {
    if (wrong === TARGET_FORM) this.#break(BROKEN);
    else if (wrong < 0) this.#refuse(wrong);
  }

  /** False, always: what cannot be taken is not recorded. */
  #refuse(wrong: number): boolean {
    this.refusedFor = wrong;
    this.refusesHead = this.#pseudo.equals(METHOD, 'HEAD');
    this.#break(REFUSED);
    return false;
  }

  #addField(nameEnd: number, end: number): void {
    const { table: head, kind } = this;
    const index = head.count;
    if (index === head.most) {
      this.#break(TOO_LARGE);
      return;
    }
    let drop: number = FIELD_KEPT;
    if (kind !== kinds.ORDINARY) {
      if (!this.#note(nameEnd + 2, end - 2, kind)) return;
      const drops = this.#role === REQUEST_SECTION ? kinds.REQUEST_DROP : kinds.RESPONSE_DROP;
      if (kind !== COOKIE) drop = drops[kind]!;
    }
    const at = index * FIELD_STRIDE;
    const { fields } = head;
    fields[at] = this.out;
    fields[at + 1] = nameEnd;
    fields[at + 2] = nameEnd + 2;
    fields[at + 3] = end - 2;
    fields[at + 4] = this.nameHash;
    head.drop[index] = drop;
    head.count = index + 1;
    this.out = end;
  }

  /** What a known field says. False: its line is not to be recorded. */
  #note(start: number, end: number, kind: number): boolean {
    const { table: head } = this;
    switch (kind) {
      case kinds.CONNECTION:
      case kinds.KEEP_ALIVE:
      case kinds.PROXY_CONNECTION:
      case kinds.TRANSFER_ENCODING:
      case kinds.UPGRADE:
        // RFC 9113 8.2.2: a message with connection-specific fields is malformed.
        return this.#require(false);
      case kinds.CONTENT_LENGTH: {
        const length = head.contentLength >= 0 ? -1 : parseLength(start, end);
        head.contentLength = length;
        head.contentLengthField = head.count;
        return this.#require(length >= 0);
      }
      default:
        return this.#role === RESPONSE_SECTION || this.#noteRequestField(start, end, kind);
    }
  }

  #noteRequestField(start: number, end: number, kind: number): boolean {
    const { table: head } = this;
    switch (kind) {
      case kinds.TE:
        // RFC 9113 8.2.2: "it MUST NOT contain any value other than 'trailers'".
        head.acceptsTrailers = sameName(start, end, 'trailers');
        return this.#require(head.acceptsTrailers);
      case kinds.EXPECT:
        head.expectContinue = sameName(start, end, '100-continue');
        return this.#require(head.expectContinue);
      case kinds.HOST:
        if (head.hostField < 0) return noteHost(head, start, end) || this.#refuse(HOST_INVALID);
        if (!this.#pseudo.has(AUTHORITY)) return this.#require(false);
        return !repeatsHost(head, start, end) && this.#refuse(HOST_MISMATCH);
      case kinds.FORWARDED_FOR:
        if (head.forwardedForField < 0) head.forwardedForField = head.count;
        return true;
      case kinds.REQUEST_ID:
        if (head.requestIdField < 0) head.requestIdField = head.count;
        return true;
      case kinds.CDN_LOOP:
        if (head.loopField < 0) head.loopField = head.count;
        return true;
      case COOKIE:
        if (this.#cookieField >= 0) {
          this.out = insertCrumb(head, { field: this.#cookieField, out: this.out, start, end });
          return false;
        }
        this.#cookieField = head.count;
        return true;
      default:
        return true;
    }
  }

  #require(holds: boolean): boolean {
    if (!holds) this.#break(BROKEN);
    return holds;
  }
}
