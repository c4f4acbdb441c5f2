/** TLS alerts sent before any handshake was answered: they are plain text, and every client understands them. */

const WARNING = 1;
const FATAL = 2;

/**
 * RFC 8446, 6 and RFC 6066, 3. A connection that has no route or no backend is closed, which is what the Gateway API's
 * conformance suite calls a rejection: its client takes a fatal alert for an error of the handshake instead. At level
 * warning the reason is on the wire all the same, and the end follows at once.
 */
export const ALERTS = {
  close_notify: { code: 0, level: WARNING },
  handshake_failure: { code: 40, level: FATAL },
  /** RFC 8446, 6.2: the certificate may be right, and whoever decides does not let him in. Of a client that a policy keeps out. */
  access_denied: { code: 49, level: FATAL },
  decode_error: { code: 50, level: FATAL },
  unrecognized_name: { code: 112, level: WARNING },
} as const;

export type AlertDescription = keyof typeof ALERTS;

/** A record with one alert. */
export function alertRecord(description: AlertDescription): Uint8Array {
  const { code, level } = ALERTS[description];
  // Content type alert, version 3.3 (as records after the first carry it), length 2.
  return Uint8Array.of(21, 3, 3, 0, 2, level, code);
}
