/** One line of the access log: what is known of a finished request or connection, and the forms in which it is written. */

/** Times in milliseconds, sizes in bytes. */
export interface AccessEntry {
  /** When it began, in milliseconds since 1970. */
  time: number;
  requestId: string;
  protocol: string;
  /** Of the client's connection, such as `TLSv1.3`, or ''. */
  tlsVersion: string;
  tlsCipher: string;
  listener: string;
  client: string;
  /** 0 where the client stands behind a trusted hop, which does not tell. */
  clientPort: number;
  /** Who asks, as an AuthenticationPolicy found; or ''. */
  user: string;
  method: string;
  host: string;
  path: string;
  /** Without its `?`. */
  query: string;
  status: number;
  /** RouteRule key, or ''. */
  route: string;
  /** Backend key and endpoint `address:port`, or ''. */
  backend: string;
  endpoint: string;
  duration: number;
  /** Time until the response head came from the backend, or -1. */
  upstreamDuration: number;
  bytesIn: number;
  bytesOut: number;
  attempts: number;
  /** Why it ended otherwise than it should have, one of `ACCESS_REASONS`, or a policy's own; or ''. */
  reason: string;
  /** The policy that decided something about it, `Kind/namespace/name#rule`, and what; or ''. Of several the last. */
  policy: string;
  decision: string;
  referer: string;
  userAgent: string;
}

/** The entry's fields in the order in which they are written. */
export const ACCESS_FIELDS = [
  'time',
  'requestId',
  'protocol',
  'tlsVersion',
  'tlsCipher',
  'listener',
  'client',
  'clientPort',
  'user',
  'method',
  'host',
  'path',
  'query',
  'status',
  'route',
  'backend',
  'endpoint',
  'duration',
  'upstreamDuration',
  'bytesIn',
  'bytesOut',
  'attempts',
  'reason',
  'policy',
  'decision',
  'referer',
  'userAgent',
] as const satisfies ReadonlyArray<keyof AccessEntry>;

export const ACCESS_FORMATS = ['json', 'text', 'combined'] as const;
/** Or a template: text with `{field}` in it. */
export type AccessFormat = (typeof ACCESS_FORMATS)[number] | `${string}{${string}`;

/** One line without its newline. */
export function accessLine(entry: AccessEntry, format: AccessFormat): string {
  if (format === 'json') return jsonLine(entry);
  if (format === 'text') return textLine(entry);
  if (format === 'combined') return combinedLine(entry);
  return templateLine(entry, format);
}

/** Throws an Error with the way out for a template that names what there is not. */
export function checkTemplate(template: string): void {
  if (/\p{Cc}/u.test(template)) throw new Error('a template of the access log is one line, without control characters');
  for (const [, name = ''] of template.matchAll(PLACE)) {
    if (!(ACCESS_FIELDS as readonly string[]).includes(name)) {
      throw new Error(`the access log has no field {${name}}; there are ${ACCESS_FIELDS.join(', ')}`);
    }
  }
}

const PLACE = /\{(\w*)\}/g;

function templateLine(entry: AccessEntry, template: string): string {
  return template.replace(PLACE, (_, name: keyof AccessEntry) => {
    const value = name === 'time' ? isoTime(entry.time) : entry[name];
    if (typeof value === 'number') return value < 0 ? '-' : String(rounded(value));
    return value === '' ? '-' : quoted(value);
  });
}

/** The entry's own names in their order, with `time` in RFC 3339. */
function jsonLine(entry: AccessEntry): string {
  const line: Record<string, string | number> = {};
  for (const name of ACCESS_FIELDS) {
    const value = entry[name];
    line[name] = typeof value === 'number' ? rounded(value) : value;
  }
  line.time = isoTime(entry.time);
  return JSON.stringify(line);
}

function textLine(entry: AccessEntry): string {
  const upstream = entry.upstreamDuration < 0 ? '-' : entry.upstreamDuration.toFixed(1);
  return (
    `${field(entry.client)} [${isoTime(entry.time)}] "${quoted(entry.method)} ${quoted(entry.host)}${target(entry)} ` +
    `${quoted(entry.protocol)}" ${entry.status} ${entry.bytesIn} ${entry.bytesOut} ${entry.duration.toFixed(1)} ` +
    `${upstream} ${field(entry.requestId)} ${field(entry.listener)} ${field(entry.route)} ${field(entry.backend)} ` +
    `${field(entry.endpoint)} ${entry.attempts} ${field(entry.reason)} "${quoted(entry.userAgent)}"`
  );
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** What nginx calls `combined`, with its own way to write what is unsafe: the tools of its users read it. */
function combinedLine(entry: AccessEntry): string {
  const at = isoTime(entry.time);
  const time = `${at.slice(8, 10)}/${MONTHS[Number(at.slice(5, 7)) - 1]}/${at.slice(0, 4)}:${at.slice(11, 19)} +0000`;
  const request =
    entry.method === '' ? '-' : `${hexed(entry.method)} ${hexed(withQuery(entry))} ${hexed(entry.protocol)}`;
  const status = String(entry.status).padStart(3, '0');
  return (
    `${entry.client === '' ? '-' : hexed(entry.client)} - ${hexed(entry.user) || '-'} [${time}] "${request}" ${status} ${entry.bytesOut} ` +
    `"${hexed(entry.referer) || '-'}" "${hexed(entry.userAgent) || '-'}"`
  );
}

function withQuery({ path, query }: AccessEntry): string {
  return query === '' ? path : `${path}?${query}`;
}

function target(entry: AccessEntry): string {
  return quoted(withQuery(entry));
}

function isoTime(time: number): string {
  return new Date(time).toISOString();
}

/** To a thousandth: what a clock cannot tell need not be written. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Math.round(value * 1000) / 1000;
}

function field(value: string): string {
  return value === '' ? '-' : value.includes(' ') ? `"${quoted(value)}"` : quoted(value);
}

// Clients choose these bytes: none may end the quotes or the line, or reach a terminal as a control character.
const UNSAFE = /["\\\p{Cc}]/gu;

function quoted(value: string): string {
  return value.replace(UNSAFE, (c) => (c === '"' || c === '\\' ? `\\${c}` : hex(c)));
}

function hexed(value: string): string {
  return value.replace(UNSAFE, hex);
}

function hex(c: string): string {
  return `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
