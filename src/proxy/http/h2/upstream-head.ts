/** Request heads to backends: from HTTP/1.1 form to a HEADERS frame. */
import { LINES } from './encoded-lines.ts';
import { SCHEME_HTTP_INDEX, SCHEME_HTTPS_INDEX } from './encoder.ts';
import type { Sender, SendingStream } from './sender.ts';

const VERSION = ' HTTP/1.1';
const CRLF = '\r\n';

/** Starts a HEADERS frame with the request `head`, which the caller ends. False: it is too long, and none is begun. */
export function putRequest(
  sender: Sender<SendingStream>,
  head: string,
  how: { https: boolean; websocket: boolean },
): boolean {
  const lineEnd = head.indexOf(CRLF);
  const methodEnd = head.indexOf(' ');
  const method = how.websocket ? 'CONNECT' : head.slice(0, methodEnd);
  const target = head.slice(methodEnd + 1, lineEnd - VERSION.length);
  const authority = fieldText(head, 'host');
  const protocol = how.websocket ? ':protocol: websocket\r\n' : '';
  const host = authority === '' ? '' : `:authority: ${authority}\r\n`;
  // Servers of gRPC ask for it; the connection-specific TE of the client was taken out.
  const te = head.includes('application/grpc') ? 'te: trailers\r\n' : '';
  const to = LINES.begin();
  to.text(`:method: ${method}\r\n:path: ${target}\r\n${protocol}${host}${head.slice(lineEnd + 2)}${te}`);
  const lines = to.finish();
  if (lines === null) return false;
  const encoder = sender.beginBlock(lines.end - lines.start);
  encoder.entry(how.https ? SCHEME_HTTPS_INDEX : SCHEME_HTTP_INDEX);
  encoder.lines(lines.start, lines.end);
  return true;
}

/** Value of the first field `name` (lower case) of a head, or ''. */
export function fieldText(head: string, name: string): string {
  const capital = name[0]!.toUpperCase() + name.slice(1);
  let at = head.indexOf(`\r\n${capital}: `);
  if (at < 0) at = head.indexOf(`\r\n${name}: `);
  if (at < 0) at = head.toLowerCase().indexOf(`\r\n${name}:`);
  if (at < 0) return '';
  const start = at + 2 + name.length + 1;
  const end = head.indexOf(CRLF, start);
  return head.slice(start, end < 0 ? head.length : end).trim();
}
