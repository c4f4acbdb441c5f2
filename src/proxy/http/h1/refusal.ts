/** The answer to a request that could not be read, so that no exchange knows of it. */

import { ARENA } from '../../ground/arena.ts';
import type { ClientConnection } from '../../ground/codec.ts';
import { Account } from '../account.ts';
import { dateLine } from '../date-line.ts';
import { grpcRefusal, refusedType } from '../grpc-refusal.ts';
import { type LocalReply, localReply, PREFERS_JSON, reasonPhrase } from '../local-reply.ts';
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

/** As it goes on the wire, after which the connection closes. */
export function refusal(service: HttpService, client: ClientConnection, refused: Refused): string {
  const type = refusedType(ARENA.latin1Slice(refused.start, refused.end));
  const { status, lines, body } = refusalReply(service, client, { ...refused, type });
  const all = `${dateLine()}${lines}Content-Length: ${body.length}`;
  return `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${all}\r\nConnection: close\r\n\r\n${body.toString('latin1')}`;
}

/** The answer, which is entered in the access log. `type`: of gRPC, without its suffix; '' where it is no call. */
export function refusalReply(
  service: HttpService,
  client: ClientConnection,
  { status, reason, message, type }: Refusal & { type: string },
): LocalReply & { body: Buffer } {
  const requestId = nextRequestId();
  const about = { message, requestId };
  const reply = type === '' ? localReply(PREFERS_JSON, status, about) : grpcRefusal(type, status, about);
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body, 'latin1') : reply.body;
  const account = new Account();
  account.status = reply.status;
  account.reason = reason;
  account.bytesOut = body.length;
  account.close(service, { client, requestId });
  return { status: reply.status, lines: `${reply.lines}X-Request-Id: ${requestId}\r\n`, body };
}
