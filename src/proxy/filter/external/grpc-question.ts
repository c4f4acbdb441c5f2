/** A question by Envoy's ext_authz: envoy.service.auth.v3.Authorization/Check. */
import type { ExternalAuth, GrpcQuestion } from '../../../config/index.ts';
import { headerFault } from '../../../config/index.ts';
import { ARENA } from '../../ground/arena.ts';
import { FIELD_STRIDE, type Head, NAME_END, NAME_START } from '../../ground/head.ts';
import type { FilterScope, HeaderPair, SubAnswer, SubRequest } from '../filter.ts';
import { HeaderPatch } from '../header-patch.ts';
import {
  type CheckLine,
  type CheckRequest,
  type CheckResponse,
  decodeCheckResponse,
  encodeCheckRequest,
  type Peer,
} from './check-message.ts';
import { FAILED, type Inquiry, type Judgement, MAX_ANSWER_BYTES, type Question } from './question.ts';
import { ToldLines } from './request-lines.ts';
import { askedHost, type RequestText, requestText } from './request-text.ts';

const METHOD = '/envoy.service.auth.v3.Authorization/Check';
const GRPC_TYPE = /^application\/grpc(?:$|[+;])/i;
/** Before a message: not compressed, and its length. */
const PREFIX_BYTES = 5;

export class AskedByGrpc implements Question {
  // Which lines the service writes is known only when it has.
  readonly withheld = HeaderPatch.NONE;
  readonly #auth: ExternalAuth;
  readonly #told: ToldLines;
  readonly #host: RequestText;
  readonly #headers: readonly HeaderPair[];

  /** Throws DMN_CONFIG_INVALID for templates that are none. */
  constructor(auth: ExternalAuth, { headers, host }: GrpcQuestion) {
    this.#auth = auth;
    this.#told = new ToldLines(headers, []);
    this.#host = requestText(host, 'Line');
    this.#headers = [
      ['Content-Type', 'application/grpc'],
      ['Grpc-Timeout', `${auth.timeout}m`],
    ];
  }

  about(scope: FilterScope): Inquiry {
    const told = this.#toldOf(scope);
    const present = namesOf(scope.head);
    const authority = this.#host(scope);
    const { backend, timeout } = this.#auth;
    const asked = { backend, method: 'POST', target: METHOD, authority, headers: this.#headers, timeout };
    return {
      request: (body): SubRequest => ({
        ...asked,
        body: framed(encodeCheckRequest(toldWith(told, body))),
        limit: MAX_ANSWER_BYTES,
      }),
      judge: (answer) => {
        const message = messageOf(answer);
        return message === undefined ? FAILED : judgementOf(decodeCheckResponse(message), present);
      },
    };
  }

  #toldOf(scope: FilterScope): CheckRequest {
    const { head, client } = scope;
    const target = head.target();
    const host = askedHost(scope);
    const headers = new Map([
      [':method', head.method()],
      [':path', target],
      [':authority', host],
      [':scheme', client.scheme],
      ['x-request-id', scope.requestId],
      ['x-forwarded-for', scope.clientAddress],
      ['x-forwarded-proto', client.scheme],
    ]);
    this.#told.each(head, (name, value) => {
      const before = headers.get(name);
      headers.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ','}${value}`);
    });
    return {
      source: { address: scope.clientAddress, port: sourcePort(scope), principal: '' },
      destination: destinationOf(scope),
      time: Date.now(),
      id: scope.requestId,
      method: head.method(),
      headers,
      target,
      host,
      scheme: client.scheme,
      protocol: client.protocol,
      size: head.contentLength >= 0 ? head.contentLength : head.chunked ? -1 : 0,
      serverName: client.tls?.serverName ?? '',
    };
  }
}

/** Behind a trusted hop the port is the hop's, and says nothing of the client. */
function sourcePort({ client, clientAddress }: FilterScope): number {
  return clientAddress === client.remoteAddress ? client.remotePort : 0;
}

function destinationOf({ client }: FilterScope): Peer {
  return { address: client.localAddress, port: client.localPort, principal: '' };
}

function toldWith(told: CheckRequest, body: Buffer | undefined): CheckRequest {
  return body === undefined ? told : { ...told, body };
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The message of a call that went well; undefined: it did not, or it is said in two ways whether it did. */
function messageOf({ status, headers, trailers, body }: SubAnswer): Buffer | undefined {
  const outcomes = valuesOf([...headers, ...trailers], 'grpc-status');
  const types = valuesOf(headers, 'content-type');
  if (status !== 200 || outcomes.length !== 1 || outcomes[0] !== '0') return undefined;
  if (types.length !== 1 || !GRPC_TYPE.test(types[0]!)) return undefined;
  if (body.length < PREFIX_BYTES || body[0] !== 0) return undefined;
  const message = body.subarray(PREFIX_BYTES);
  return message.length === body.readUInt32BE(1) ? message : undefined;
}

function valuesOf(lines: readonly HeaderPair[], wanted: string): string[] {
  return lines.flatMap(([name, value]) => (name.toLowerCase() === wanted ? [value] : []));
}

function namesOf(head: Head): ReadonlySet<string> {
  const names = new Set<string>();
  for (let i = 0; i < head.count; i++) {
    const at = i * FIELD_STRIDE;
    names.add(ARENA.latin1Slice(head.fields[at + NAME_START]!, head.fields[at + NAME_END]!).toLowerCase());
  }
  return names;
}

function judgementOf(response: CheckResponse, present: ReadonlySet<string>): Judgement {
  if (!response.allowed) {
    const { status, headers, body } = response;
    if (status < 300 || status > 599) return FAILED;
    const pairs = sound(headers);
    return pairs === undefined ? FAILED : { verdict: 'refused', reply: { status, headers: pairs, body } };
  }
  const { headers, headersToRemove, responseHeaders, changesQuery } = response;
  const names = headersToRemove.map((name) => name.toLowerCase());
  // Pseudo fields, Host and what frames the message are not the service's to take away.
  const unsound = names.some((name) => headerFault(name) !== undefined);
  if (changesQuery || unsound || sound(headers) === undefined || sound(responseHeaders) === undefined) return FAILED;
  const removed = new HeaderPatch(new Set(names), []);
  return {
    verdict: 'admitted',
    request: patchOf(headers, present).followedBy(removed),
    answer: patchOf(responseHeaders, new Set()),
  };
}

/** Undefined: some of them cannot stand in a head, or are not the service's to write. */
function sound(lines: readonly CheckLine[]): HeaderPair[] | undefined {
  const pairs = lines.map((line): HeaderPair => [line.name, line.value.latin1Slice()]);
  return pairs.every(([name, value]) => headerFault(name, value) === undefined) ? pairs : undefined;
}

function patchOf(lines: readonly CheckLine[], present: ReadonlySet<string>): HeaderPatch {
  let patch = HeaderPatch.NONE;
  for (const { name, value, action } of lines) {
    const lower = name.toLowerCase();
    const there = present.has(lower) || patch.lines.some((line) => line.name.toLowerCase() === lower);
    if ((action === 'addIfAbsent' && there) || (action === 'overwriteIfPresent' && !there)) continue;
    const line = { name, value: value.latin1Slice() };
    const replaces = action === 'overwrite' || action === 'overwriteIfPresent';
    patch = patch.followedBy(replaces ? new HeaderPatch(new Set([lower]), [line]) : HeaderPatch.adding([line]));
  }
  return patch;
}
