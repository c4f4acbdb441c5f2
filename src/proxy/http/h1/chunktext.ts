/** How chunk headers and pieces of bodies are written. */

/** Bytes up to which a write goes out as one latin1 string; longer pieces are copied into a Buffer of their own. */
export const MAX_TEXT_SEND = 16 * 1024;

export function chunkHeader(size: number): string {
  return `${size.toString(16)}\r\n`;
}
