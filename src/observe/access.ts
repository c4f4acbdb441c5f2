/** What is known of a finished request or connection: one line of the access log. Times in milliseconds, sizes in bytes. */
export interface AccessEntry {
  /** When it began, in milliseconds since 1970. */
  time: number;
  requestId: string;
  protocol: string;
  listener: string;
  client: string;
  method: string;
  host: string;
  path: string;
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
  /** Why it ended otherwise than it should have: `no_route`, `connect_refused`, `timeout`…, or ''. */
  reason: string;
  userAgent: string;
}

export type AccessFormat = 'json' | 'text';

/** One line without its newline. JSON has the entry's own names, with `time` in RFC 3339. */
export function accessLine(entry: AccessEntry, format: AccessFormat): string {
  const time = new Date(entry.time).toISOString();
  if (format === 'json') return JSON.stringify({ ...entry, time });
  const upstream = entry.upstreamDuration < 0 ? '-' : entry.upstreamDuration.toFixed(1);
  return (
    `${field(entry.client)} [${time}] "${quoted(entry.method)} ${quoted(entry.host)}${quoted(entry.path)} ` +
    `${quoted(entry.protocol)}" ${entry.status} ${entry.bytesIn} ${entry.bytesOut} ${entry.duration.toFixed(1)} ` +
    `${upstream} ${field(entry.requestId)} ${field(entry.listener)} ${field(entry.route)} ${field(entry.backend)} ` +
    `${field(entry.endpoint)} ${entry.attempts} ${field(entry.reason)} "${quoted(entry.userAgent)}"`
  );
}

function field(value: string): string {
  return value === '' ? '-' : value.includes(' ') ? `"${quoted(value)}"` : quoted(value);
}

// Clients choose these bytes: none may end the quotes or the line, or reach a terminal as a control character.
const UNSAFE = /["\\\p{Cc}]/gu;

function quoted(value: string): string {
  return value.replace(UNSAFE, (c) =>
    c === '"' || c === '\\' ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
