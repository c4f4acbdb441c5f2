/** TLS alerts sent before any handshake was answered: they are plain text, and every client understands them. */

/** RFC 8446, 6 and RFC 6066, 3. */
export const ALERTS = {
  handshake_failure: 40,
  decode_error: 50,
  internal_error: 80,
  unrecognized_name: 112,
} as const;

export type AlertDescription = keyof typeof ALERTS;

/** A record with one fatal alert. */
export function alertRecord(description: AlertDescription): Uint8Array {
  // Content type alert, version 3.3 (as records after the first carry it), length 2, level fatal.
  return Uint8Array.of(21, 3, 3, 0, 2, 2, ALERTS[description]);
}
