/** The answer to a request that could not be read, so that no exchange knows of it. */
import type { ClientConnection } from '../../ground/codec.ts';
import { Account } from '../account.ts';
import { dateLine } from '../date-line.ts';
import { localReply, PREFERS_JSON, reasonPhrase } from '../local-reply.ts';
import { nextRequestId } from '../request-id.ts';
import type { HttpService } from '../service.ts';

/** As it goes on the wire, after which the connection closes; it is entered in the access log. */
export function refusal(
  service: HttpService,
  client: ClientConnection,
  { status, reason, message }: { status: number; reason: string; message: string },
): string {
  const requestId = nextRequestId();
  const { lines, body } = localReply(PREFERS_JSON, status, { message, requestId });
  const all = `${dateLine()}${lines}X-Request-Id: ${requestId}\r\nContent-Length: ${Buffer.byteLength(body)}`;
  const account = new Account();
  account.status = status;
  account.reason = reason;
  account.bytesOut = Buffer.byteLength(body);
  account.close(service, { client, requestId });
  return `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${all}\r\nConnection: close\r\n\r\n${body}`;
}
