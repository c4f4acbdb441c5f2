/** How a command is written for a Redis server, and which slot of a cluster a key is in. */

export function commandText(parts: readonly string[]): string {
  let text = `*${parts.length}\r\n`;
  for (const part of parts) text += `$${Buffer.byteLength(part)}\r\n${part}\r\n`;
  return text;
}

export const SLOTS = 16_384;

/** Of what stands in the first braces, where something does: keys with one such tag are in one slot. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open);
  return crc16(close > open + 1 ? key.slice(open + 1, close) : key) % SLOTS;
}

/** CRC-16/XMODEM of ASCII. */
function crc16(text: string): number {
  let crc = 0;
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i) << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc;
}
