/** The heads that go on: the request's to the backend, the response's to the client. */
import type { HeaderPatch } from '../filter/header-patch.ts';
import { ARENA } from '../ground/arena.ts';
import {
  BODY_LENGTH,
  BODY_NONE,
  BODY_OPEN,
  BODY_TUNNEL,
  type BodyFraming,
  type ClientConnection,
} from '../ground/codec.ts';
import {
  FIELD_CLAIMED,
  FIELD_KEPT,
  FIELD_MANAGED,
  FIELD_STRIDE,
  Head,
  nameHash,
  VALUE_END,
  VALUE_START,
} from '../ground/head.ts';
import { applyDrops, fieldsStart, putBytes, putHex, putKept, putText } from './compose.ts';
import { reasonPhrase } from './local-reply.ts';
import { ID_PREFIX, idText } from './request-id.ts';

/** What a request head becomes on its way. */
export interface RequestChanges {
  /** Path and query instead of the client's, or ''. */
  target: string;
  /** Host instead of the client's, or ''. */
  authority: string;
  patch: HeaderPatch;
  /** Given by a trusted hop, or '' where `idNumber` makes it. */
  requestId: string;
  idNumber: number;
  listenerPort: number;
  /** X-Forwarded-* of the client are believed and extended, not replaced. */
  trusted: boolean;
  /** A protocol to upgrade to, kept for the backend. */
  upgrade: boolean;
}

/** In the place of a head whose lines are not believed. */
const NO_FIELDS = new Head();
const FORWARDED_FOR = nameHash('x-forwarded-for');
const FORWARDED_PROTO = nameHash('x-forwarded-proto');
const FORWARDED_HOST = nameHash('x-forwarded-host');
const FORWARDED_PORT = nameHash('x-forwarded-port');

/** How the end of this request's body is known. `complete`: nothing follows the head. */
export function framingOf(head: Head, complete: boolean): BodyFraming {
  if (head.upgradeEnd > 0) return BODY_TUNNEL;
  if (head.chunked) return BODY_OPEN;
  if (head.contentLength >= 0) return BODY_LENGTH;
  return complete ? BODY_NONE : BODY_OPEN;
}

/** Composes the request head at `at`, with framing lines and without the blank line; answers its end. */
export function composeRequest(
  at: number,
  head: Head,
  around: { changes: RequestChanges; client: ClientConnection; framing: BodyFraming },
): number {
  const { changes, client, framing } = around;
  const { hostField } = head;
  const originForm = head.targetStart === head.pathStart;
  const keepHost = changes.authority === '' && hostField !== -1 && originForm;
  if (hostField !== -1) head.drop[hostField] = keepHost ? FIELD_KEPT : FIELD_MANAGED;
  if (changes.trusted) keepClaims(head);
  applyDrops(head, changes.patch);
  let to: number;
  if (changes.target === '' && head.minorVersion === 1 && originForm) {
    to = putKept(at, head, head.methodStart);
  } else {
    to = putBytes(at, head.methodStart, head.methodEnd);
    ARENA[to++] = 0x20;
    to = changes.target !== '' ? putText(to, changes.target) : putTarget(to, head);
    to = putText(to, ' HTTP/1.1\r\n');
    to = putKept(to, head, fieldsStart(head));
  }
  if (!keepHost) to = putHost(to, head, changes.authority === '' ? ownAuthority(head, client) : changes.authority);
  to = putForwarded(to, head, { changes, client });
  if (framing === BODY_OPEN) to = putText(to, 'Transfer-Encoding: chunked\r\n');
  if (changes.upgrade) to = putUpgrade(to, head);
  return changes.patch.text === '' ? to : putText(to, changes.patch.text);
}

/** A trusted hop is a gateway, too. */
function keepClaims(head: Head): void {
  for (let i = 0; i < head.count; i++) if (head.drop[i] === FIELD_CLAIMED) head.drop[i] = FIELD_KEPT;
}

function putTarget(at: number, head: Head): number {
  let to = head.pathEnd > head.pathStart ? putBytes(at, head.pathStart, head.pathEnd) : putText(at, '/');
  if (head.queryEnd > 0) {
    ARENA[to++] = 0x3f;
    to = putBytes(to, head.queryStart, head.queryEnd);
  }
  return to;
}

function putHost(at: number, head: Head, authority: string): number {
  let to = putText(at, 'Host: ');
  if (authority !== '') {
    to = putText(to, authority);
  } else {
    to = putAuthority(to, head);
  }
  return putText(to, '\r\n');
}

/** HTTP/1.1 cannot do without Host: for HTTP/1.0 that has none, the address that the client asked stands in for it. */
function ownAuthority(head: Head, { localAddress, localPort }: ClientConnection): string {
  if (head.authorityEnd > 0) return '';
  return localAddress.includes(':') ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
}

function putAuthority(at: number, head: Head): number {
  return putBytes(at, head.authorityStart, head.authorityEnd);
}

function putForwarded(at: number, head: Head, around: { changes: RequestChanges; client: ClientConnection }): number {
  const { changes, client } = around;
  if (changes.trusted || changes.patch.changesForwarded) return putForwardedSingly(at, head, around);
  let to = putText(at, forwardedText(client, changes.listenerPort));
  to = putHex(to, changes.idNumber);
  if (head.hostEnd > 0) {
    to = putText(to, '\r\nX-Forwarded-Host: ');
    to = putAuthority(to, head);
  }
  return putText(to, '\r\n');
}

/** What is the same for all requests of a connection, up to the request id's own part: made once for each. */
function forwardedText(client: ClientConnection, port: number): string {
  if (client.forwardedPort !== port) {
    client.forwardedPort = port;
    client.forwardedText = `${clientCertificate(client)}X-Forwarded-For: ${client.remoteAddress}\r\nX-Forwarded-Proto: ${client.scheme}\r\nX-Forwarded-Port: ${port}\r\nX-Request-Id: ${ID_PREFIX}`;
  }
  return client.forwardedText;
}

/** RFC 9440: the certificate of a client that was verified. What clients send under this name is dropped. */
function clientCertificate({ tls }: ClientConnection): string {
  if (tls === undefined || !tls.peerVerified || tls.peerCertificate === undefined) return '';
  return `Client-Cert: :${tls.peerCertificate.toString('base64')}:\r\n`;
}

/**
 * Line by line. Behind a trusted hop its values are kept, and the hop itself is added to X-Forwarded-For; a line that
 * the rule's own header changes replace or remove is left to them.
 */
function putForwardedSingly(
  at: number,
  head: Head,
  around: { changes: RequestChanges; client: ClientConnection },
): number {
  const { changes, client } = around;
  const { drops } = changes.patch;
  const trusted = changes.trusted ? head : NO_FIELDS;
  let to = putText(at, clientCertificate(client));
  if (!drops.has('x-forwarded-for')) {
    to = putText(to, 'X-Forwarded-For: ');
    to = putTrusted(to, trusted, { name: 'x-forwarded-for', hash: FORWARDED_FOR, suffix: ', ' });
    to = putText(to, `${client.remoteAddress}\r\n`);
  }
  const authority = ARENA.latin1Slice(head.authorityStart, head.authorityEnd);
  const id = changes.requestId === '' ? idText(changes.idNumber) : changes.requestId;
  for (const [name, hash, label, value] of [
    ['x-forwarded-proto', FORWARDED_PROTO, 'X-Forwarded-Proto: ', client.scheme],
    ['x-forwarded-host', FORWARDED_HOST, 'X-Forwarded-Host: ', authority],
    ['x-forwarded-port', FORWARDED_PORT, 'X-Forwarded-Port: ', String(changes.listenerPort)],
  ] as const) {
    if (!drops.has(name) && value !== '') to = putText(putLine(to, trusted, { name, hash, label, value }), '\r\n');
  }
  return drops.has('x-request-id') ? to : putText(to, `X-Request-Id: ${id}\r\n`);
}

/** A line with the value of the trusted client where it sent one, else with ours. */
function putLine(at: number, head: Head, line: { name: string; hash: number; label: string; value: string }): number {
  const to = putText(at, line.label);
  const after = putTrusted(to, head, { name: line.name, hash: line.hash, suffix: '' });
  return after > to ? after : putText(to, line.value);
}

function putTrusted(at: number, head: Head, line: { name: string; hash: number; suffix: string }): number {
  let to = at;
  for (let i = head.find(line.name, line.hash); i !== -1; i = head.find(line.name, line.hash, i + 1)) {
    const offset = i * FIELD_STRIDE;
    if (to > at && line.suffix === '') break;
    to = putBytes(to, head.fields[offset + VALUE_START]!, head.fields[offset + VALUE_END]!);
    to = putText(to, line.suffix);
  }
  return to;
}

/** Composes a response head at `at` with the status line as received; content-length stays among the kept lines. */
export function composeResponse(at: number, head: Head, patch: HeaderPatch): number {
  // RFC 9110 8.6: no Content-Length in 1xx and 204; a reader that believes it would wait for a body.
  if ((head.status < 200 || head.status === 204) && head.contentLengthField !== -1) {
    head.drop[head.contentLengthField] = FIELD_MANAGED;
  }
  applyDrops(head, patch);
  let to: number;
  if (head.minorVersion === 1) {
    to = putKept(at, head, head.start);
  } else {
    to = putText(at, `HTTP/1.1 ${head.status} ${reasonPhrase(head.status)}\r\n`);
    to = putKept(to, head, fieldsStart(head));
  }
  if (head.status === 101) to = putUpgrade(to, head);
  return patch.text === '' ? to : putText(to, patch.text);
}

function putUpgrade(at: number, head: Head): number {
  let to = putText(at, 'Connection: upgrade\r\nUpgrade: ');
  to = putBytes(to, head.upgradeStart, head.upgradeEnd);
  return putText(to, '\r\n');
}
