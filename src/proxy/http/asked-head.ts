/** The head of a request that somebody asks about, read as one that a client sends, up to the choice of its route. */
import { Networks } from '../../value/networks.ts';
import { ARENA, RECV_END, RECV_START } from '../ground/arena.ts';
import { type Head, HeadTable } from '../ground/head.ts';
import { settlePath } from '../ground/path-form.ts';
import type { ClientRules, RouteTable } from '../route/index.ts';
import { PATH_NOT_NORMAL } from './asked-target.ts';
import { addressByRule } from './client-address.ts';
import { HEAD_TOO_LARGE } from './h1/fault.ts';
import { parseRequestHead, requestError } from './h1/parse.ts';
import { hideUnderscores } from './underscore.ts';

export interface AskedRequest {
  method: string;
  /** Host, with its port where it is not the usual one. */
  authority: string;
  /** Path and query. */
  target: string;
  headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** Who is at the other end of the connection; absent: nobody said. */
  peer?: string;
  /** Of its body; absent: it has none. */
  bodyBytes?: number;
}

export type AskedHead =
  | { head: Head; clientAddress: string | undefined }
  | { refused: { status: number; message: string } };

/** As an exchange takes it. The head is valid until bytes are handled again. */
export function askedHead(asked: AskedRequest, table: RouteTable): AskedHead {
  const { method, authority, target, headers, bodyBytes, peer } = asked;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const length = bodyBytes === undefined ? '' : `Content-Length: ${bodyBytes}\r\n`;
  const text = Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: ${authority}\r\n${lines}${length}\r\n`);
  if (text.length >= RECV_END - RECV_START) return { refused: requestError(HEAD_TOO_LARGE) };
  ARENA.set(text, RECV_START);
  const head = parseRequestHead(RECV_START, RECV_START + text.length, new HeadTable());
  if (typeof head === 'number') return { refused: requestError(head) };
  const rules = table.clientRules(head);
  const clientAddress = peer === undefined ? undefined : addressOf(head, peer, rules);
  if (!settlePath(head, table.pathForm(head))) return refusal(400, PATH_NOT_NORMAL);
  const most = table.headerLines(head);
  if (most > 0 && head.count > most) return refusal(431, 'The message has too many header fields.');
  if (rules === null) return { head, clientAddress };
  if (rules.underscores !== 'Allow' && hideUnderscores(head) && rules.underscores === 'Reject')
    return refusal(400, "The name of a header field has a '_', which is not taken here.");
  if (rules.maxBodyBytes > 0 && head.contentLength > rules.maxBodyBytes)
    return refusal(413, `The body of this request is longer than ${rules.maxBodyBytes} bytes.`);
  return { head, clientAddress };
}

const NOBODY = new Networks([]);

function addressOf(head: Head, peer: string, rules: ClientRules | null): string {
  if (rules === null || rules.address === null) return peer;
  return addressByRule(head, peer, { rule: rules.address, trusted: NOBODY }) ?? peer;
}

function refusal(status: number, message: string): AskedHead {
  return { refused: { status, message } };
}
