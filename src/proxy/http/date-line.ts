/** The Date of answers that the gateway makes itself (RFC 9110 6.6.1). */

const SECOND = 1_000;
let madeAt = -1;
let line = '';

/** With CRLF. Made once a second. */
export function dateLine(): string {
  const second = Math.floor(Date.now() / SECOND);
  if (second !== madeAt) {
    madeAt = second;
    line = `Date: ${new Date(second * SECOND).toUTCString()}\r\n`;
  }
  return line;
}
