/** What may stand in a line of a head. Translation and data plane ask the same question, so that they never disagree. */

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Names whose lines say where a message ends or belong to one connection: a route that could set or remove them could
 * smuggle requests into connections that others share. And the one by which a request that runs in a circle is found.
 */
const RESERVED = new Set([
  'cdn-loop',
  'connection',
  'content-length',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A host name or address, as it stands in a Host line, with or without a port. */
const AUTHORITY = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;

export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text);
}

/** Why a filter may not change lines of this name; undefined where it may. */
export function headerNameFault(name: string): string | undefined {
  if (!TOKEN.test(name)) return `${JSON.stringify(name)} cannot be the name of a header`;
  // Some backends take `Content_Length` for Content-Length, which is why clients are refused it, too.
  if (!RESERVED.has(name.toLowerCase().replace(/[^a-z0-9]/g, '-'))) return undefined;
  return `header ${name} is written by the gateway alone and cannot be modified`;
}

/** A value as it goes on the wire: blanks at its ends say nothing, and block scalars of YAML end in a line break. */
export function bareHeaderValue(value: string): string {
  return value.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
}

/** Why a value cannot stand in a head. It is not told: it may be a secret. */
export function headerValueFault({ name, value }: { name: string; value: string }): string | undefined {
  const bare = bareHeaderValue(value);
  for (let i = 0; i < bare.length; i++) {
    const c = bare.charCodeAt(i);
    if ((c < 32 && c !== 9) || c === 127) return `the value of header ${name} holds a control character`;
  }
  return undefined;
}

/** Why a filter may not set this line; without a value: why it may not remove those of this name. */
export function headerFault(name: string, value?: string): string | undefined {
  return headerNameFault(name) ?? (value === undefined ? undefined : headerValueFault({ name, value }));
}
