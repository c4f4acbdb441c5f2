/** A request written down as text, brought into the form that routing reads. For explanations and tests. */
import { ARENA, RECV_END, RECV_START } from '../ground/arena.ts';
import {
  FIELD_STRIDE,
  fieldHash,
  type Head,
  HeadTable,
  MAX_FIELDS,
  NAME_END,
  NAME_HASH,
  NAME_START,
  nameHash,
  VALUE_END,
  VALUE_START,
} from '../ground/head.ts';
import { wireText } from '../match/byte-map.ts';

export interface PlainRequest {
  method: string;
  /** Without port; '' for none. */
  host: string;
  /** Path and query as sent, such as `/a?b=c`. */
  target: string;
  headers: ReadonlyArray<readonly [name: string, value: string]>;
}

/**
 * Writes the request into the receive region of ARENA and gives a head that points there. Valid until the driver
 * delivers bytes again, so it must be used before returning to the event loop. Throws RangeError where the request is
 * larger than what is ever served. `offset`: where in the region, for several heads side by side.
 */
export function plainHead(request: PlainRequest, offset = 0): Head {
  if (request.headers.length > MAX_FIELDS) throw new RangeError(`the request has more than ${MAX_FIELDS} headers`);
  const head = new HeadTable();
  const writer = new ArenaWriter(offset);
  head.start = writer.at;
  [head.methodStart, head.methodEnd] = writer.write(request.method);
  const question = request.target.indexOf('?');
  [head.targetStart, head.targetEnd] = writer.write(request.target);
  head.pathStart = head.targetStart;
  head.pathEnd = head.targetEnd;
  if (question >= 0) {
    const path = writer.length(request.target.slice(0, question));
    head.pathEnd = head.targetStart + path;
    head.queryStart = head.pathEnd + 1;
    head.queryEnd = head.targetEnd;
  }
  [head.hostStart, head.hostEnd] = writer.write(request.host);
  head.hostHash = nameHash(request.host);
  for (const [name, value] of request.headers) {
    const at = head.count++ * FIELD_STRIDE;
    [head.fields[at + NAME_START], head.fields[at + NAME_END]] = writer.write(name);
    [head.fields[at + VALUE_START], head.fields[at + VALUE_END]] = writer.write(value);
    head.fields[at + NAME_HASH] = fieldHash(name);
  }
  head.end = writer.at;
  return head as Head;
}

class ArenaWriter {
  at: number;

  constructor(offset: number) {
    this.at = RECV_START + offset;
  }

  /** Start and end of the text's bytes. */
  write(text: string): [number, number] {
    const start = this.at;
    const wire = wireText(text);
    if (start + wire.length > RECV_END) throw new RangeError('the request is larger than 64 KiB');
    this.at = start + ARENA.latin1Write(wire, start);
    return [start, this.at];
  }

  length(text: string): number {
    return wireText(text).length;
  }
}
