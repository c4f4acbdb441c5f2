/** The answer to a request that could not be read, so that no exchange knows of it. */

import { ARENA } from '../../ground/arena.ts';
import type { ClientConnection } from '../../ground/codec.ts';
import { Account } from '../account.ts';
import { dateLine } from '../date-line.ts';
import { grpcRefusal, refusedType } from '../grpc-refusal.ts';
import { localReply, PREFERS_JSON, reasonPhrase } from '../local-reply.ts';
import { nextRequestId } from '../request-id.ts';
import type { HttpService } from '../service.ts';

export interface Refusal {
  status: number;
  reason: string;
  message: string;
}

export const HEAD_TIMEOUT: Refusal = {
  status: 408,
  reason: 'head_timeout',
  message: 'The request head did not arrive in time.',
};

/** ARENA[start,end): what of the request is there. */
type Refused = Refusal & { start: number; end: number };

/** As it goes on the wire, after which the connection closes; it is entered in the access log. */
export function refusal(service: HttpService, client: ClientConnection, refused: Refused): string {
  const { status, reason, message } = refused;
  const requestId = nextRequestId();
  const type = refusedType(ARENA.latin1Slice(refused.start, refused.end));
  const about = { message, requestId };
  const reply = type === '' ? localReply(PREFERS_JSON, status, about) : grpcRefusal(type, status, about);
  const { lines } = reply;
  const body = typeof reply.body === 'string' ? reply.body : reply.body.latin1Slice();
  const all = `${dateLine()}${lines}X-Request-Id: ${requestId}\r\nContent-Length: ${body.length}`;
  const account = new Account();
  account.status = reply.status;
  account.reason = reason;
  account.bytesOut = body.length;
  account.close(service, { client, requestId });
  return `HTTP/1.1 ${reply.status} ${reasonPhrase(reply.status)}\r\n${all}\r\nConnection: close\r\n\r\n${body}`;
}
