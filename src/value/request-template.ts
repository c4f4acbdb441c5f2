/**
 * Text with places for what a request says: `/check?host={host}&user={header:X-User}`. Control and data plane read it in
 * the same way, so that what the one takes the other can fill in.
 */

/** What stands in a place without a name. */
export const REQUEST_FIELDS = [
  /** GET, POST … */
  'method',
  'scheme',
  /** As the client wrote it, with a port or without. */
  'host',
  'path',
  /** Without the question mark. */
  'query',
  /** Path and query. */
  'target',
  /** Scheme, host, path and query. */
  'url',
  'clientAddress',
  'requestId',
] as const;
export type RequestField = (typeof REQUEST_FIELDS)[number];

/** What stands in a place together with a name, such as `{cookie:session}`. */
export const NAMED_FIELDS = ['header', 'cookie', 'parameter'] as const;
export type NamedField = (typeof NAMED_FIELDS)[number];

export type TemplatePiece =
  | { text: string }
  /** `escaped`: written as in the value of a query parameter. */
  | { field: RequestField; escaped: boolean }
  | { field: NamedField; name: string; escaped: boolean };

/** Longest template. */
export const MAX_TEMPLATE_LENGTH = 2_048;
/** Most places of one template. */
export const MAX_TEMPLATE_PLACES = 16;

const PLACE = /\{([^{}]*)\}/g;
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

/** Throws an Error that says what is wrong and what there is. */
export function parseTemplate(template: string): TemplatePiece[] {
  if (template.length > MAX_TEMPLATE_LENGTH) throw new Error(`is longer than ${MAX_TEMPLATE_LENGTH} characters`);
  if (/\p{Cc}/u.test(template)) throw new Error('holds a control character');
  const pieces: TemplatePiece[] = [];
  let at = 0;
  let places = 0;
  for (const match of template.matchAll(PLACE)) {
    if (match.index > at) pieces.push({ text: plain(template.slice(at, match.index)) });
    pieces.push(placeOf(match[1]!));
    at = match.index + match[0].length;
    if (++places > MAX_TEMPLATE_PLACES) throw new Error(`has more than ${MAX_TEMPLATE_PLACES} places`);
  }
  if (at < template.length) pieces.push({ text: plain(template.slice(at)) });
  return pieces;
}

function plain(text: string): string {
  if (/[{}]/.test(text)) throw new Error('has a brace that belongs to no {place}');
  return text;
}

function placeOf(inside: string): TemplatePiece {
  const escaped = inside.startsWith('escaped:');
  const [field = '', ...rest] = (escaped ? inside.slice('escaped:'.length) : inside).split(':');
  const name = rest.join(':');
  if (rest.length === 0 && isOneOf(REQUEST_FIELDS, field)) return { field, escaped };
  if (isOneOf(NAMED_FIELDS, field) && NAME.test(name)) return { field, name, escaped };
  const known = [...REQUEST_FIELDS, ...NAMED_FIELDS.map((one) => `${one}:NAME`)].map((one) => `{${one}}`).join(', ');
  throw new Error(`has no place {${inside}}: there are ${known}, each also with escaped: before it`);
}

function isOneOf<T extends string>(all: readonly T[], text: string): text is T {
  return (all as readonly string[]).includes(text);
}

/** Why a text is no template, or undefined. */
export function templateFault(template: string): string | undefined {
  try {
    parseTemplate(template);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
