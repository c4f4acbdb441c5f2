/** Answers made by the gateway itself: small, in the form that the client prefers, never cached by accident. */

import type { BodySource, Denial, HeaderPatch } from '../filter/index.ts';
import { ARENA } from '../ground/arena.ts';
import { BODY_LENGTH, BODY_NONE, type BodyFraming, type Downstream, type Failure } from '../ground/codec.ts';
import { FIELD_STRIDE, type Head, nameHash, VALUE_START } from '../ground/head.ts';
import { REASON_PHRASES } from '../ground/reason-phrase.ts';
import { MADE } from '../ground/region.ts';
import { dateLine } from './date-line.ts';
import { grpcMessage, grpcStatus } from './grpc.ts';

export const PREFERS_JSON = 0;
export const PREFERS_HTML = 1;
export const PREFERS_TEXT = 2;
export const PREFERS_GRPC = 3;
export type Preference = typeof PREFERS_JSON | typeof PREFERS_HTML | typeof PREFERS_TEXT | typeof PREFERS_GRPC;

const ACCEPT = nameHash('accept');
const CRLF = '\r\n';

/** What Accept names first: browsers begin with text/html. */
export function preferenceOf(head: Head): Preference {
  const index = head.find('accept', ACCEPT);
  if (index === -1) return PREFERS_JSON;
  const at = head.fields[index * FIELD_STRIDE + VALUE_START]!;
  // 't', 'e' … of text/html or text/plain; anything else gets JSON.
  if (ARENA[at] !== 0x74) return PREFERS_JSON;
  const media = ARENA.latin1Slice(at, at + 10).toLowerCase();
  if (media.startsWith('text/html')) return PREFERS_HTML;
  return media === 'text/plain' ? PREFERS_TEXT : PREFERS_JSON;
}

export interface LocalReply {
  /** The status that is sent: 200 for gRPC, whose own is among the lines. */
  status: number;
  /** Field lines, each with CRLF. */
  lines: string;
  body: string | Buffer;
  /** In the place of the body. */
  source?: BodySource | undefined;
  /** A backend's answer that was kept: its lines have its time, and what the route adds. */
  kept?: true;
  /** To HEAD: how long its body would be is not known. */
  lengthless?: boolean;
}

export function localReply(
  preference: Preference,
  status: number,
  about: { message: string; requestId: string; body?: NonNullable<Denial['body']> },
): LocalReply {
  const { message, requestId, body: own } = about;
  if (own !== undefined && preference !== PREFERS_GRPC) {
    return { status, lines: `Content-Type: ${own.contentType}\r\n`, body: own.text };
  }
  switch (preference) {
    case PREFERS_JSON:
      return {
        status,
        lines: 'Content-Type: application/json\r\n',
        body: `${JSON.stringify({ message, request_id: requestId })}\n`,
      };
    case PREFERS_TEXT:
      return {
        status,
        lines: 'Content-Type: text/plain; charset=utf-8\r\n',
        body: `${status} ${message}\nrequest_id: ${requestId}\n`,
      };
    case PREFERS_HTML: {
      const title = `${status} ${escapeHtml(reasonPhrase(status))}`;
      const body = `<!doctype html><title>${title}</title><h1>${title}</h1><p>${escapeHtml(message)}</p><p>Request id: <code>${escapeHtml(requestId)}</code></p>\n`;
      return { status, lines: 'Content-Type: text/html; charset=utf-8\r\n', body };
    }
    case PREFERS_GRPC: {
      const outcome = `grpc-status: ${grpcStatus(status)}\r\ngrpc-message: ${grpcMessage(message)}\r\n`;
      return { status: 200, lines: `Content-Type: application/grpc\r\n${outcome}`, body: '' };
    }
  }
}

/**
 * An error to HEAD does not say what its body would be made of: programs are known that take an empty body for one of that
 * type, and fail. What a filter or the gateway itself answers otherwise is the user's, and stays.
 */
export function bareLines({ lines }: LocalReply): string {
  return lines.replace(/^Content-Type: [^\r]*\r\n/im, '');
}

/** Sends a whole answer; of one to HEAD, the head. One whose lines are too long to be sent is a 500 without them. */
export function sendReply(down: Downstream, reply: LocalReply, headRequest: boolean): void {
  const { status, lines } = reply;
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
  const bodied = mayHaveBody(status) && !headRequest;
  const length = mayHaveBody(status) && !(headRequest && reply.lengthless) ? lengthLine(reply) : '';
  if (!sendReplyHead(down, { status, lines: length + lines, framing: bodied ? BODY_LENGTH : BODY_NONE })) {
    return sendReply(down, dated({ status: 500, lines: '', body: '' }), headRequest);
  }
  if (bodied) MADE.pass(body, down);
  down.sendEnd(0, 0);
}

export function lengthLine({ body, source }: LocalReply): string {
  return `Content-Length: ${source?.length ?? Buffer.byteLength(body)}\r\n`;
}

/** The same answer with the time at which it was made. */
export function dated(reply: LocalReply): LocalReply {
  return { ...reply, lines: dateLine() + reply.lines };
}

/** The head alone; what follows is told by `framing`. False: its lines are too long to be sent. */
export function sendReplyHead(
  down: Downstream,
  head: { status: number; lines: string; framing: BodyFraming },
): boolean {
  const { status, lines, framing } = head;
  const to = down.beginHead();
  to.text(`HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n${lines}`);
  const composed = to.finish();
  if (composed === null) return false;
  down.sendHead(composed, framing);
  return true;
}

/** RFC 9110 15: what has no content says nothing of any, whatever was meant to be its body. */
export function legalReply(reply: LocalReply): LocalReply {
  if (mayHaveBody(reply.status) && reply.status !== RESET_CONTENT) return reply;
  return { ...reply, lines: bareLines(reply), body: '', source: undefined };
}

/** It has no content, and its length is 0 where others of that kind have none. */
const RESET_CONTENT = 205;

export function mayHaveBody(status: number): boolean {
  return status !== 204 && status !== 304;
}

/** Field lines, each with CRLF, as `patch` leaves them. */
export function patchedLines(lines: string, patch: HeaderPatch): string {
  if (patch.isEmpty) return lines;
  const kept = lines
    .split(CRLF)
    .filter((line) => line !== '' && !patch.drops.has(line.slice(0, line.indexOf(':')).toLowerCase()));
  return kept.map((line) => line + CRLF).join('') + patch.text;
}

/** The client waits for this word before it sends the body; the backend is not asked, as its answer decides. */
export function sendContinue(down: Downstream): void {
  const to = down.beginHead();
  to.text('HTTP/1.1 100 Continue\r\n');
  const head = to.finish();
  if (head !== null) down.sendInformational(head);
  down.flush();
}

/** What the client is told where a backend failed. */
export function upstreamFailure(why: Failure): { status: number; message: string } {
  switch (why) {
    case 'overloaded':
      return { status: 503, message: 'The backend has no free connection.' };
    case 'limit':
      return { status: 503, message: 'The gateway has no room for another connection.' };
    case 'timeout':
    case 'connect_timeout':
      return { status: 504, message: 'The backend did not answer in time.' };
    case 'connect_refused':
      return { status: 502, message: 'The backend refuses connections, or cannot be reached.' };
    case 'tls_failed':
      return { status: 502, message: 'No TLS connection to the backend could be made.' };
    case 'reset':
    case 'closed_early':
    case 'protocol_error':
    case 'draining':
      return { status: 502, message: 'The backend did not give a valid answer.' };
  }
}

export function reasonPhrase(status: number): string {
  return REASON_PHRASES.get(status) ?? 'Unknown';
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
