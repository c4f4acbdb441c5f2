/** A request target that somebody asks about, read as one that a client sends. For explanations. */
import type { PathForm } from '../../config/index.ts';
import { ARENA, RECV_END, RECV_START } from '../ground/arena.ts';
import { HeadTable } from '../ground/head.ts';
import { settlePath } from '../ground/path-form.ts';
import { BAD_TARGET, LINE_TOO_LONG, type RequestError, requestError } from './h1/fault.ts';
import { MAX_REQUEST_LINE_BYTES } from './h1/parse.ts';
import { scanTarget } from './h1/target.ts';

/** What a client is told whose listener refuses paths that are not in normal form. */
export const PATH_NOT_NORMAL =
  "The path is not in normal form: send letters, digits, '-', '.', '_' and '~' unescaped, other escapes in upper case, and no '/' after another.";

export type AskedTarget = { target: string } | { refused: RequestError };

/** The target as it is served: with its path in the listener's form. Not to be called while bytes are being handled. */
export function askedTarget(method: string, target: string, form: PathForm): AskedTarget {
  const line = Buffer.from(`${method} ${target} `, 'utf8').latin1Slice();
  if (line.length >= Math.min(MAX_REQUEST_LINE_BYTES, RECV_END - RECV_START)) return refusal(LINE_TOO_LONG);
  const head = new HeadTable();
  const end = RECV_START + ARENA.latin1Write(line, RECV_START);
  ARENA[end] = 0;
  head.methodStart = RECV_START;
  head.methodEnd = RECV_START + method.length;
  const stop = scanTarget(head.methodEnd + 1, end, head);
  if (stop !== end - 1) return refusal(stop < 0 ? stop : BAD_TARGET);
  if (!settlePath(head, form)) return { refused: { status: 400, message: PATH_NOT_NORMAL } };
  return { target: ARENA.latin1Slice(head.pathStart, head.targetEnd) };
}

function refusal(fault: number): AskedTarget {
  return { refused: requestError(fault) };
}
