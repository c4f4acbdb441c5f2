/** What is read of a ClientHello. */
export interface ClientHello {
  kind: 'hello';
  /** SNI, lower case, or '' where the client sent none. */
  serverName: string;
  /** Protocol names as sent, GREASE included. */
  alpn: string[];
  /** The extensions in which it offers tickets, as they came, one after the other; undefined where it offers none. */
  tickets?: Buffer | undefined;
}

export type HelloOutcome =
  | ClientHello
  | { kind: 'incomplete' }
  /** The first byte is not that of a handshake record. `http`: it looks like the start of an HTTP/1 request or preface. */
  | { kind: 'not-tls'; http: boolean }
  | { kind: 'malformed'; reason: string }
  | { kind: 'too-large'; reason: string };
