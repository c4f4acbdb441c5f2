/** The heads that go on: the request's to the backend, the response's to the client. */
import type { HeaderPatch } from '../filter/header-patch.ts';
import { ARENA, COMPOSE_END, COMPOSE_START } from '../ground/arena.ts';
import {
  BODY_LENGTH,
  BODY_NONE,
  BODY_OPEN,
  BODY_TUNNEL,
  type BodyFraming,
  type ClientConnection,
} from '../ground/codec.ts';
import { type Composed, Cursor } from '../ground/cursor.ts';
import {
  FIELD_CLAIMED,
  FIELD_KEPT,
  FIELD_MANAGED,
  FIELD_STRIDE,
  type Head,
  imitatesName,
  NAME_END,
  NAME_START,
  NO_FIELDS,
  nameHash,
  VALUE_END,
  VALUE_START,
} from '../ground/head.ts';
import { applyDrops, fieldsStart, putKept } from './compose.ts';
import { reasonPhrase } from './local-reply.ts';
import { LOOP_LINE, PSEUDONYM } from './loop.ts';
import { ID_PREFIX, idText } from './request-id.ts';

/** What a request head becomes on its way. */
export interface RequestChanges {
  /** Path and query instead of the client's, or ''. */
  target: string;
  /** Host instead of the client's, or ''. */
  authority: string;
  patch: HeaderPatch;
  /** Given by a trusted hop, or '' where the two numbers make it. */
  requestId: string;
  idChance: number;
  idNumber: number;
  listenerPort: number;
  /** X-Forwarded-* of the client are believed and extended, not replaced. */
  trusted: boolean;
  /** A protocol to upgrade to, kept for the backend. */
  upgrade: boolean;
  /** The client waits for `100 Continue`. */
  expects: boolean;
  /** Say so in Via. */
  via: boolean;
}

const LINES = new Cursor(COMPOSE_START, COMPOSE_END);
const SP = 0x20;
const SLASH = 0x2f;
/** Bytes of a status line up to the space behind the status. */
const STATUS_END = 'HTTP/1.1 200'.length;
const QUESTION = 0x3f;
const FORWARDED_FOR = nameHash('x-forwarded-for');
const FORWARDED_PROTO = nameHash('x-forwarded-proto');
const FORWARDED_HOST = nameHash('x-forwarded-host');
const FORWARDED_PORT = nameHash('x-forwarded-port');

/** How the end of this request's body is known. `complete`: nothing follows the head, or a tunnel does. */
export function framingOf(head: Head, complete: boolean): BodyFraming {
  if (complete && head.upgradeEnd > 0) return BODY_TUNNEL;
  if (head.chunked) return BODY_OPEN;
  if (head.contentLength >= 0) return BODY_LENGTH;
  return complete ? BODY_NONE : BODY_OPEN;
}

/**
 * The request head with framing lines and without the blank line, as latin1; null where it is longer than what is
 * composed.
 */
export function composeRequest(
  head: Head,
  around: { changes: RequestChanges; client: ClientConnection; framing: BodyFraming },
): string | null {
  const { changes, client, framing } = around;
  const { hostField } = head;
  const originForm = head.targetStart === head.pathStart;
  const keepHost = changes.authority === '' && hostField !== -1 && originForm;
  if (hostField !== -1) head.drop[hostField] = keepHost ? FIELD_KEPT : FIELD_MANAGED;
  if (changes.trusted) keepClaims(head, client.tls?.identityLines);
  applyDrops(head, changes.patch);
  const to = LINES.begin();
  if (changes.target === '' && head.minorVersion === 1 && originForm) {
    putKept(to, head, head.methodStart);
  } else {
    to.bytes(head.methodStart, head.methodEnd);
    to.byte(SP);
    if (changes.target !== '') to.text(changes.target);
    else putTarget(to, head);
    to.text(' HTTP/1.1\r\n');
    putKept(to, head, fieldsStart(head));
  }
  if (!keepHost) putHost(to, head, changes.authority === '' ? ownAuthority(head, client) : changes.authority);
  putForwarded(to, head, { changes, client });
  if (framing === BODY_OPEN) to.text('Transfer-Encoding: chunked\r\n');
  if (changes.expects) to.text('Expect: 100-continue\r\n');
  if (changes.upgrade) putUpgrade(to, head);
  if (changes.patch.text !== '') to.text(changes.patch.text);
  const composed = to.finish();
  return composed === null ? null : ARENA.latin1Slice(composed.start, composed.end);
}

/** A trusted hop is a gateway, too. */
function keepClaims(head: Head, identityLines: string | undefined): void {
  // But what is said here is said by nobody else.
  if (identityLines?.includes('ssl-client-verify:') === true) dropClaims(head, NGINX_LINES);
  for (let i = 0; i < head.count; i++) if (head.drop[i] === FIELD_CLAIMED) head.drop[i] = FIELD_KEPT;
}

const NGINX_LINES = ['ssl-client-cert', 'ssl-client-subject-dn', 'ssl-client-issuer-dn', 'ssl-client-verify'];

function dropClaims(head: Head, names: readonly string[]): void {
  for (let i = 0; i < head.count; i++) {
    if (head.drop[i] !== FIELD_CLAIMED) continue;
    const [start, end] = [head.fields[i * FIELD_STRIDE + NAME_START]!, head.fields[i * FIELD_STRIDE + NAME_END]!];
    if (names.some((name) => imitatesName(start, end, name))) head.drop[i] = FIELD_MANAGED;
  }
}

function putTarget(to: Cursor, head: Head): void {
  if (head.pathEnd > head.pathStart) to.bytes(head.pathStart, head.pathEnd);
  else to.byte(SLASH);
  if (head.queryEnd === 0) return;
  to.byte(QUESTION);
  to.bytes(head.queryStart, head.queryEnd);
}

function putHost(to: Cursor, head: Head, authority: string): void {
  to.text('Host: ');
  if (authority !== '') to.text(authority);
  else putAuthority(to, head);
  to.text('\r\n');
}

/** HTTP/1.1 cannot do without Host: for HTTP/1.0 that has none, the address that the client asked stands in for it. */
function ownAuthority(head: Head, { localAddress, localPort }: ClientConnection): string {
  if (head.authorityEnd > 0) return '';
  return localAddress.includes(':') ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
}

function putAuthority(to: Cursor, head: Head): void {
  to.bytes(head.authorityStart, head.authorityEnd);
}

function putForwarded(to: Cursor, head: Head, around: { changes: RequestChanges; client: ClientConnection }): void {
  const { changes, client } = around;
  if (changes.trusted || changes.requestId !== '' || changes.patch.changesForwarded)
    return putForwardedSingly(to, head, around);
  to.text(forwardedText(client, changes, portOf(head, changes)));
  to.hex(changes.idChance);
  to.hex(changes.idNumber);
  if (head.hostEnd > 0) {
    to.text('\r\nX-Forwarded-Host: ');
    putAuthority(to, head);
  }
  to.text('\r\n');
}

/** What is the same for all requests of a connection, up to the request id's own part: made once for each. */
function forwardedText(client: ClientConnection, changes: RequestChanges, port: number): string {
  if (client.forwardedPort !== port) {
    client.forwardedPort = port;
    client.forwardedText = `${hopText(client, changes)}X-Forwarded-For: ${client.remoteAddress}\r\nX-Forwarded-Proto: ${client.scheme}\r\nX-Forwarded-Port: ${port}\r\nX-Request-Id: ${ID_PREFIX}`;
  }
  return client.forwardedText;
}

/** The port that the client used: as it says, since a port may be mapped on the way; else the listener's. */
function portOf(head: Head, changes: RequestChanges): number {
  return head.hostPort === 0 ? changes.listenerPort : head.hostPort;
}

/** What does not depend on what the client said, nor on the rule. */
function hopText(client: ClientConnection, { via }: RequestChanges): string {
  const said = via ? `Via: ${client.protocol.slice(client.protocol.indexOf('/') + 1)} ${PSEUDONYM}\r\n` : '';
  return `${clientCertificate(client)}${LOOP_LINE}${said}`;
}

/** RFC 9440: the certificate of a client that was verified. What clients send under this name is dropped. */
function clientCertificate({ tls }: ClientConnection): string {
  if (tls?.identityLines !== undefined) return tls.identityLines;
  if (tls === undefined || !tls.peerVerified || tls.peerCertificate === undefined) return '';
  return `Client-Cert: :${tls.peerCertificate.toString('base64')}:\r\n`;
}

/**
 * Line by line. Behind a trusted hop its values are kept, and the hop itself is added to X-Forwarded-For; a line that
 * the rule's own header changes replace or remove is left to them.
 */
function putForwardedSingly(
  to: Cursor,
  head: Head,
  around: { changes: RequestChanges; client: ClientConnection },
): void {
  const { changes, client } = around;
  const { drops } = changes.patch;
  const trusted = changes.trusted ? head : NO_FIELDS;
  to.text(hopText(client, changes));
  if (!drops.has('x-forwarded-for')) {
    to.text('X-Forwarded-For: ');
    putTrusted(to, trusted, { name: 'x-forwarded-for', hash: FORWARDED_FOR, suffix: ', ' });
    to.text(`${client.remoteAddress}\r\n`);
  }
  const authority = ARENA.latin1Slice(head.authorityStart, head.authorityEnd);
  const id = changes.requestId === '' ? idText(changes.idChance, changes.idNumber) : changes.requestId;
  for (const [name, hash, label, value] of [
    ['x-forwarded-proto', FORWARDED_PROTO, 'X-Forwarded-Proto: ', client.scheme],
    ['x-forwarded-host', FORWARDED_HOST, 'X-Forwarded-Host: ', authority],
    ['x-forwarded-port', FORWARDED_PORT, 'X-Forwarded-Port: ', String(portOf(head, changes))],
  ] as const) {
    if (!drops.has(name) && value !== '') putLine(to, trusted, { name, hash, label, value });
  }
  if (!drops.has('x-request-id')) to.text(`X-Request-Id: ${id}\r\n`);
}

/** A line with the value of the trusted client where it sent one, else with ours. */
function putLine(to: Cursor, head: Head, line: { name: string; hash: number; label: string; value: string }): void {
  to.text(line.label);
  const before = to.end;
  putTrusted(to, head, { name: line.name, hash: line.hash, suffix: '' });
  if (to.end === before) to.text(line.value);
  to.text('\r\n');
}

function putTrusted(to: Cursor, head: Head, line: { name: string; hash: number; suffix: string }): void {
  const before = to.end;
  for (let i = head.find(line.name, line.hash); i !== -1; i = head.find(line.name, line.hash, i + 1)) {
    const offset = i * FIELD_STRIDE;
    if (to.end > before && line.suffix === '') break;
    to.bytes(head.fields[offset + VALUE_START]!, head.fields[offset + VALUE_END]!);
    to.text(line.suffix);
  }
}

/**
 * Composes a response head with the status line as received; content-length stays among the kept lines. Null: it is
 * longer than what is composed.
 */
export function composeResponse(to: Cursor, head: Head, patch: HeaderPatch): Composed | null {
  // RFC 9110 8.6: no Content-Length in 1xx and 204; a reader that believes it would wait for a body.
  if ((head.status < 200 || head.status === 204) && head.contentLengthField !== -1) {
    head.drop[head.contentLengthField] = FIELD_MANAGED;
  }
  applyDrops(head, patch);
  // Some servers leave out the space together with the reason, which the grammar does not allow.
  const sound = ARENA[head.start + STATUS_END] === SP;
  if (head.minorVersion === 1 && sound) {
    putKept(to, head, head.start);
  } else {
    to.text(`HTTP/1.1 ${head.status} ${reasonPhrase(head.status)}\r\n`);
    putKept(to, head, fieldsStart(head));
  }
  if (head.status === 101) putUpgrade(to, head);
  if (patch.text !== '') to.text(patch.text);
  return to.finish();
}

function putUpgrade(to: Cursor, head: Head): void {
  to.text('Connection: upgrade\r\nUpgrade: ');
  to.bytes(head.upgradeStart, head.upgradeEnd);
  to.text('\r\n');
}
