/** How chunk headers and pieces of bodies are written. */

export function chunkHeader(size: number): string {
  return `${size.toString(16)}\r\n`;
}
