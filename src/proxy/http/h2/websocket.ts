/** WebSocket to a backend over an extended CONNECT (RFC 8441): the Upgrade that the exchange knows, and its answer. */
import { createHash } from 'node:crypto';
import { ARENA, JOIN_START } from '../../ground/arena.ts';
import type { Head } from '../../ground/head.ts';
import { putText } from '../compose.ts';
import { parseResponseHead } from '../h1/parse.ts';
import { fieldText } from './upstream-head.ts';

/** RFC 6455 1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The Sec-WebSocket-Key of an Upgrade to websocket, or ''. */
export function websocketKey(head: string): string {
  return fieldText(head, 'upgrade').toLowerCase() === 'websocket' ? fieldText(head, 'sec-websocket-key') : '';
}

/** Rewrites the head of a 2xx answer as the 101 that it stands for. */
export function putSwitchingHead(head: Head, key: string): void {
  const accept = createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64');
  const fields = ARENA.latin1Slice(head.count > 0 ? head.fields[0] : head.end - 2, head.end);
  const lines = `Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n`;
  parseResponseHead(JOIN_START, putText(JOIN_START, `HTTP/1.1 101 Switching Protocols\r\n${lines}${fields}`), head);
}
