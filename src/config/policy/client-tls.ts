/** What TLS speaks on a listener where it differs from its profile. */
import * as v from 'valibot';
import { key, object, type Shape } from '../shape.ts';

export type TlsVersion = '1.0' | '1.1' | '1.2' | '1.3';

export interface ClientTls {
  /** Not below that of the profile. */
  minVersion?: TlsVersion;
  maxVersion?: TlsVersion;
  /** As OpenSSL names them. Of the suites of TLS 1.3, and of those before, the profile's stay where none is named. */
  ciphers?: string[];
  /** As OpenSSL names them, in order of preference. */
  curves?: string[];
  /** False: no session is resumed. */
  sessionTickets?: boolean;
  /** What HTTPS offers. Absent: all that there is. */
  alpn?: Array<'h2' | 'http/1.1'>;
  /** What TLS listeners offer whose bytes are relayed, in order of preference. Absent: they say nothing of it. */
  streamAlpn?: string[];
}

const version = v.picklist(['1.0', '1.1', '1.2', '1.3']);
const names = v.pipe(v.array(key), v.minLength(1));

export const clientTls: Shape<ClientTls> = object<ClientTls>({
  minVersion: v.optional(version),
  maxVersion: v.optional(version),
  ciphers: v.optional(names),
  curves: v.optional(names),
  sessionTickets: v.optional(v.boolean()),
  alpn: v.optional(v.pipe(v.array(v.picklist(['h2', 'http/1.1'])), v.minLength(1))),
  streamAlpn: v.optional(v.pipe(v.array(v.pipe(v.string(), v.regex(/^[!-~]{1,255}$/))), v.minLength(1))),
});
