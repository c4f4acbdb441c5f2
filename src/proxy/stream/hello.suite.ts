/** ClientHellos made by hand, for tests. */

/** An extension with its type and length. */
export function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type >> 8, type & 255, data.length >> 8, data.length & 255), data]);
}

export function serverNameExtension(name: Buffer | string): Buffer {
  const bytes = Buffer.from(name as string, 'latin1');
  const entry = Buffer.concat([Buffer.of(0, bytes.length >> 8, bytes.length & 255), bytes]);
  return extension(0, Buffer.concat([Buffer.of(entry.length >> 8, entry.length & 255), entry]));
}

/** A handshake message without record headers. Undefined: a hello without the extensions block. */
export function handmadeHello(extensions: Buffer[] | undefined): Buffer {
  const all = Buffer.concat(extensions ?? []);
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 7),
    Buffer.of(0),
    Buffer.of(0, 4, 0x0a, 0x0a, 0x13, 0x01),
    Buffer.of(1, 0),
    ...(extensions === undefined ? [] : [Buffer.of(all.length >> 8, all.length & 255), all]),
  ]);
  return Buffer.concat([Buffer.of(1, body.length >> 16, (body.length >> 8) & 255, body.length & 255), body]);
}

/** The message in records of these sizes, which repeat; one record where none is given. */
export function records(message: Buffer, sizes: number[] = [16_384]): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0, i = 0; at < message.length; i++) {
    const part = message.subarray(at, at + sizes[i % sizes.length]!);
    parts.push(Buffer.of(22, 3, 1, part.length >> 8, part.length & 255), part);
    at += part.length;
  }
  return Buffer.concat(parts);
}
