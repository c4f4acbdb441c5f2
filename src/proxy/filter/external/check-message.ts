/**
 * CheckRequest and CheckResponse of envoy.service.auth.v3, as far as a gateway has to say something and to hear it.
 * Numbers are those of the fields in Envoy's published files.
 */
import { isUtf8 } from 'node:buffer';
import { bytesOf, type MessageField, MessageWriter, numberOf, readMessage, textOf } from './protobuf.ts';

export interface CheckRequest {
  source: Peer;
  destination: Peer;
  /** Milliseconds since 1970. */
  time: number;
  id: string;
  method: string;
  /** Names in lower case; values as one character a byte. */
  headers: ReadonlyMap<string, string>;
  /** Path and query. */
  target: string;
  host: string;
  scheme: string;
  protocol: string;
  /** Of the request's body, as far as it is known; -1: it is not. */
  size: number;
  body?: Buffer;
  serverName: string;
}

export interface Peer {
  address: string;
  port: number;
  /** Who the certificate is for. */
  principal: string;
}

export function encodeCheckRequest(request: CheckRequest): Buffer {
  const attributes = new MessageWriter()
    .message(1, peer(request.source))
    .message(2, peer(request.destination))
    .message(4, new MessageWriter().message(1, timestamp(request.time)).message(2, httpRequest(request)));
  if (request.serverName !== '') attributes.message(12, new MessageWriter().text(1, request.serverName));
  return new MessageWriter().message(1, attributes).finish();
}

function peer({ address, port, principal }: Peer): MessageWriter {
  const socket = new MessageWriter().text(2, address).integer(3, port);
  return new MessageWriter().message(1, new MessageWriter().message(1, socket)).text(4, principal);
}

function timestamp(time: number): MessageWriter {
  return new MessageWriter().integer(1, Math.floor(time / 1000)).integer(2, (time % 1000) * 1_000_000);
}

function httpRequest(request: CheckRequest): MessageWriter {
  const message = new MessageWriter().text(1, request.id).text(2, bytesText(request.method));
  for (const [name, value] of request.headers) {
    message.message(3, new MessageWriter().text(1, name).text(2, bytesText(value)));
  }
  message
    .text(4, bytesText(request.target))
    .text(5, bytesText(request.host))
    .text(6, request.scheme)
    .integer(9, request.size)
    .text(10, request.protocol);
  const { body } = request;
  if (body !== undefined) message.text(isUtf8(body) ? 11 : 12, body);
  return message;
}

/** Strings of a message are UTF-8, or its reader refuses all of it. */
function bytesText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** What becomes of the lines of one name. */
export type LineAction = 'append' | 'addIfAbsent' | 'overwrite' | 'overwriteIfPresent';

export interface CheckLine {
  name: string;
  value: Buffer;
  action: LineAction;
}

export type CheckResponse =
  | {
      allowed: true;
      headers: CheckLine[];
      headersToRemove: string[];
      responseHeaders: CheckLine[];
      /** It wants the query to be another one. */
      changesQuery: boolean;
    }
  | { allowed: false; status: number; headers: CheckLine[]; body: Buffer };

const FORBIDDEN = 403;

/** Throws a RangeError for what is none. One without a word says nothing, so that it does not allow. */
export function decodeCheckResponse(bytes: Buffer): CheckResponse {
  let code: number | undefined;
  let denied: Buffer | undefined;
  let ok: Buffer | undefined;
  for (const field of readMessage(bytes)) {
    if (field.number === 1) code = statusCode(bytesOf(field), code);
    else if (field.number === 2) denied = bytesOf(field);
    else if (field.number === 3) ok = bytesOf(field);
  }
  if (code === undefined && ok === undefined) throw new RangeError('the answer has no status');
  if ((code ?? 0) === 0 && denied === undefined) return okResponse(ok ?? Buffer.alloc(0));
  return deniedResponse(denied ?? Buffer.alloc(0));
}

/** Of a message that comes in pieces: what a piece does not say stays as one before it said. */
function statusCode(bytes: Buffer, before = 0): number {
  let code = before;
  for (const field of readMessage(bytes)) if (field.number === 1) code = numberOf(field);
  return code;
}

function okResponse(bytes: Buffer): CheckResponse {
  const response = {
    allowed: true as const,
    headers: [] as CheckLine[],
    headersToRemove: [] as string[],
    responseHeaders: [] as CheckLine[],
    changesQuery: false,
  };
  for (const field of readMessage(bytes)) {
    if (field.number === 2) response.headers.push(line(field));
    else if (field.number === 5) response.headersToRemove.push(textOf(field));
    else if (field.number === 6) response.responseHeaders.push(line(field));
    else if (field.number === 7 || field.number === 8) response.changesQuery = true;
  }
  return response;
}

function deniedResponse(bytes: Buffer): CheckResponse {
  const response = { allowed: false as const, status: FORBIDDEN, headers: [] as CheckLine[], body: Buffer.alloc(0) };
  for (const field of readMessage(bytes)) {
    if (field.number === 1) response.status = statusCode(bytesOf(field)) || FORBIDDEN;
    else if (field.number === 2) response.headers.push(line(field));
    else if (field.number === 3) response.body = Buffer.from(bytesOf(field));
  }
  return response;
}

const ACTIONS: readonly LineAction[] = ['append', 'addIfAbsent', 'overwrite', 'overwriteIfPresent'];

/**
 * HeaderValueOption. Where it says nothing of what is there, that goes: a client must not stand beside what the service says
 * of it. So do the services that were written when `append` was all there was.
 */
function line(option: MessageField): CheckLine {
  let name = '';
  let value: Buffer = Buffer.alloc(0);
  let append: boolean | undefined;
  let action = 0;
  for (const field of readMessage(bytesOf(option))) {
    if (field.number === 1) {
      for (const inner of readMessage(bytesOf(field))) {
        if (inner.number === 1) name = textOf(inner);
        else if (inner.number === 2 || inner.number === 3) value = Buffer.from(bytesOf(inner));
      }
    } else if (field.number === 2) append = boolValue(bytesOf(field));
    else if (field.number === 3) action = numberOf(field);
  }
  if (append !== undefined) return { name, value, action: append ? 'append' : 'overwrite' };
  const known = ACTIONS[action];
  if (known === undefined) throw new RangeError('the answer wants something unknown done to a header');
  return { name, value, action: known === 'append' ? 'overwrite' : known };
}

function boolValue(bytes: Buffer): boolean {
  let value = 0;
  for (const field of readMessage(bytes)) if (field.number === 1) value = numberOf(field);
  return value !== 0;
}
