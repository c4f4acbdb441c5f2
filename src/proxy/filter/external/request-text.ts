/** Templates of what a request says (value/request-template.ts), compiled. */
import { isUtf8 } from 'node:buffer';
import { DaemunError } from '../../../observe/index.ts';
import {
  type NamedField,
  parseTemplate,
  type RequestField,
  type TemplatePiece,
} from '../../../value/request-template.ts';
import { ARENA } from '../../ground/arena.ts';
import { fieldHash, type Head, nameHash } from '../../ground/head.ts';
import { findCookie, foundCookie } from '../../match/cookie.ts';
import { findParameter, foundText } from '../../match/query.ts';
import type { FilterScope } from '../filter.ts';

export type RequestText = (scope: FilterScope) => string;

/** Where a piece stands: in a parameter of a URL, elsewhere in one, or in a line. */
type Place = 'Parameter' | 'URL' | 'Line';

/**
 * `URL`: what a client may write freely (lines, cookies, parameters) is escaped there, whether the template says so or not,
 * and behind the question mark nothing of a path or a host ends the parameter that it stands in.
 * Throws DMN_CONFIG_INVALID for what is no template.
 */
export function requestText(template: string, inside: 'URL' | 'Line'): RequestText {
  let place: Place = inside;
  const parts = piecesOf(template).map((piece) => {
    if (inside === 'URL' && 'text' in piece && piece.text.includes('?')) place = 'Parameter';
    return part(piece, place);
  });
  if (parts.length === 0) return () => '';
  if (parts.length === 1) return parts[0]!;
  return (scope) => {
    let text = '';
    for (let i = 0; i < parts.length; i++) text += parts[i]!(scope);
    return text;
  };
}

function piecesOf(template: string): TemplatePiece[] {
  try {
    return parseTemplate(template);
  } catch (cause) {
    throw new DaemunError('DMN_CONFIG_INVALID', `${JSON.stringify(template)} ${(cause as Error).message}`, { cause });
  }
}

function part(piece: TemplatePiece, place: Place): RequestText {
  // As bytes of UTF-8, one character a byte: so is all that stands in a head.
  if ('text' in piece) return constant(Buffer.from(piece.text, 'utf8').latin1Slice());
  if ('name' in piece) {
    const read = NAMED[piece.field](piece.name);
    return piece.escaped || place !== 'Line' ? (scope) => escaped(read(scope)) : read;
  }
  const read = FIELDS[piece.field];
  if (piece.escaped) return (scope) => escaped(read(scope));
  return place === 'Parameter' && OF_ONE_PARAMETER.has(piece.field) ? (scope) => whole(read(scope)) : read;
}

/** The fields in which a client may write what ends a parameter. Who writes `?{query}` asks for its parameters. */
const OF_ONE_PARAMETER: ReadonlySet<RequestField> = new Set(['host', 'path', 'target', 'url']);

/** As it is, but for what would begin another parameter, or be read as a space: escapes, slashes and the like stay. */
function whole(text: string): string {
  return text.replace(/[&;+#]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function constant(text: string): RequestText {
  return () => text;
}

const FIELDS: Readonly<Record<RequestField, RequestText>> = {
  method: ({ head }) => head.method(),
  scheme: ({ client }) => client.scheme,
  host: askedHost,
  path: ({ head }) => head.path(),
  query: ({ head }) => head.query(),
  target: ({ head }) => head.target(),
  url: askedUrl,
  clientAddress: (scope) => scope.clientAddress,
  requestId: (scope) => scope.requestId,
};

const NAMED: Readonly<Record<NamedField, (name: string) => RequestText>> = {
  header: (name) => {
    const lower = name.toLowerCase();
    const hash = fieldHash(lower);
    return ({ head }) => joined(head, lower, hash);
  },
  cookie:
    (name) =>
    ({ head }) =>
      findCookie(head, name) ? ARENA.latin1Slice(foundCookie.start, foundCookie.end) : '',
  parameter:
    (name) =>
    ({ head }) =>
      findParameter(head, name) ? printable(foundText()) : '',
};

/** The host as the client wrote it, with its port; of HTTP/1.0 without one the address that it asked. */
export function askedHost({ head, client }: FilterScope): string {
  if (head.authorityEnd > 0) return ARENA.latin1Slice(head.authorityStart, head.authorityEnd);
  const { localAddress, localPort } = client;
  return localAddress.includes(':') ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
}

export function askedUrl(scope: FilterScope): string {
  return `${scope.client.scheme}://${askedHost(scope)}${scope.head.target()}`;
}

/** All lines of one name as one value. */
export function joined(head: Head, name: string, hash: number = nameHash(name)): string {
  return head.joined(name, hash, name === 'cookie' ? '; ' : ',') ?? '';
}

/** A decoded value may hold anything: what cannot stand in a line is left out of it. */
function printable(text: string): string {
  return Buffer.from(text.replace(/\p{Cc}/gu, ''), 'utf8').latin1Slice();
}

/** In the value of a query parameter; only letters, digits and -_.~ stay. */
export function escaped(bytes: string): string {
  const raw = Buffer.from(bytes, 'latin1');
  const text = isUtf8(raw) ? raw.toString('utf8') : bytes;
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
