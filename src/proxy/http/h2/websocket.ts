/** WebSocket to a backend over an extended CONNECT (RFC 8441): the Upgrade that the exchange knows, and its answer. */
import { createHash } from 'node:crypto';
import { SWITCH_END, SWITCH_START } from '../../ground/arena.ts';
import { Cursor } from '../../ground/cursor.ts';
import { type Head, HeadTable } from '../../ground/head.ts';
import { fieldsStart } from '../compose.ts';
import { parseResponseHead } from '../h1/parse.ts';
import { fieldText } from './upstream-head.ts';

/** RFC 6455 1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const SWITCHING = new Cursor(SWITCH_START, SWITCH_END);
const TABLE = new HeadTable();

/** The Sec-WebSocket-Key of an Upgrade to websocket, or ''. */
export function websocketKey(head: string): string {
  return fieldText(head, 'upgrade').toLowerCase() === 'websocket' ? fieldText(head, 'sec-websocket-key') : '';
}

/** The 101 that the 2xx answer `head` stands for; null where it has more lines than a head may have with those. */
export function switchingHead(head: Head, key: string): Head | null {
  const accept = createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64');
  const to = SWITCHING.begin();
  to.text('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n');
  to.text(`Sec-WebSocket-Accept: ${accept}\r\n`);
  to.bytes(fieldsStart(head), head.end);
  const text = to.finish();
  if (text === null) return null;
  const parsed = parseResponseHead(text.start, text.end, TABLE);
  return typeof parsed === 'number' ? null : parsed;
}
