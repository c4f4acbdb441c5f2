import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.ts';
import type { ProxyAddresses, ProxyOutcome } from './proxy-outcome.ts';
import { encodeV1, encodeV2, parseProxyHeader } from './proxy-protocol.ts';
import { MAX_V2_PAYLOAD, SIGNATURE } from './proxy-protocol-v2.ts';

const line = (text: string) => parseProxyHeader(Buffer.from(text, 'latin1'));
const address4 = fc.ipV4();
const address6 = fc.ipV6().filter((text) => !text.toLowerCase().includes('ffff'));
const port = fc.integer({ min: 0, max: 65535 });
const addresses = fc.oneof(address4, address6).chain((source) => {
  const same = source.includes(':') ? address6 : address4;
  return fc.record({
    source: fc.record({ address: fc.constant(source), port }),
    destination: fc.record({ address: same, port }),
  });
});

/** A version 2 header with any fields. */
function v2(fields: { command?: number; family?: number; payload?: Buffer; length?: number }): Buffer {
  const payload = fields.payload ?? Buffer.alloc(12);
  const length = fields.length ?? payload.length;
  const fixed = Buffer.of(fields.command ?? 0x21, fields.family ?? 0x11, length >> 8, length & 255);
  return Buffer.concat([SIGNATURE, fixed, payload]);
}

/** The binary form of an address, so that spellings of one address compare equal. */
function canonical(given: ProxyAddresses): string {
  return encodeV2(given).toString('hex');
}

describe('version 1', () => {
  it.each<[string, ProxyAddresses | undefined]>([
    [
      'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n',
      { source: { address: '192.0.2.1', port: 56324 }, destination: { address: '198.51.100.2', port: 443 } },
    ],
    [
      'PROXY TCP6 2001:DB8::1 ::1 0 65535\r\n',
      { source: { address: '2001:db8::1', port: 0 }, destination: { address: '::1', port: 65535 } },
    ],
    ['PROXY UNKNOWN\r\n', undefined],
    ['PROXY UNKNOWN ffff::1 whatever 1 2\r\n', undefined],
  ])('reads %j', (text, expected) => {
    const outcome = line(`${text}GET / HTTP/1.1\r\n`);
    expect(outcome).toEqual({ kind: 'header', length: text.length, ...(expected ? { addresses: expected } : {}) });
  });

  it.each([
    'GET / HTTP/1.1\r\n',
    'proxy TCP4 192.0.2.1 198.51.100.2 1 2\r\n',
    'PROXY  TCP4 192.0.2.1 198.51.100.2 1 2\r\n',
    'PROXY TCP5 192.0.2.1 198.51.100.2 1 2\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 1\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 1 2 3\r\n',
    'PROXY TCP4 192.0.2.1  198.51.100.2 1 2\r\n',
    'PROXY TCP4 192.0.2.01 198.51.100.2 1 2\r\n',
    'PROXY TCP4 ::1 ::1 1 2\r\n',
    'PROXY TCP6 192.0.2.1 198.51.100.2 1 2\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 01 2\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 65536 2\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 -1 2\r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 1 2 \r\n',
    'PROXY TCP4 192.0.2.1 198.51.100.2 1 2\n\r\n',
    `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
  ])('refuses %j', (text) => {
    expect(line(text).kind).toBe('malformed');
  });

  it('is incomplete up to its line end, and refused without one in 107 bytes', () => {
    const text = 'PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n';
    for (let end = 0; end < text.length; end++) expect(line(text.slice(0, end)).kind).toBe('incomplete');
    expect(line(`PROXY UNKNOWN ${'x'.repeat(92)}`).kind).toBe('incomplete');
    expect(line(`PROXY UNKNOWN ${'x'.repeat(93)}`).kind).toBe('malformed');
  });

  it('says UNKNOWN where the two addresses are not of one family', () => {
    const mixed = { source: { address: '::1', port: 1 }, destination: { address: '192.0.2.1', port: 2 } };
    expect(encodeV1(mixed).toString()).toBe('PROXY UNKNOWN\r\n');
  });
});

describe('version 2', () => {
  it.each<[string, Buffer, ProxyOutcome['kind']]>([
    ['LOCAL without addresses', v2({ command: 0x20, family: 0, payload: Buffer.alloc(0) }), 'header'],
    ['LOCAL with anything in it', v2({ command: 0x20, payload: Buffer.alloc(50, 9) }), 'header'],
    ['an unspecified family', v2({ family: 0, payload: Buffer.alloc(0) }), 'header'],
    ['a UNIX socket', v2({ family: 0x31, payload: Buffer.alloc(216) }), 'header'],
    ['a datagram', v2({ family: 0x12 }), 'header'],
    ['version 1 in the binary form', v2({ command: 0x11 }), 'malformed'],
    ['an unknown command', v2({ command: 0x22 }), 'malformed'],
    ['an unknown family', v2({ family: 0x41 }), 'malformed'],
    ['an unknown transport', v2({ family: 0x13 }), 'malformed'],
    ['a family without transport', v2({ family: 0x10 }), 'malformed'],
    ['addresses that do not fit', v2({ payload: Buffer.alloc(11) }), 'malformed'],
    ['IPv6 in too little room', v2({ family: 0x21 }), 'malformed'],
    ['a TLV that is cut off', v2({ payload: Buffer.concat([Buffer.alloc(12), Buffer.of(4, 0)]) }), 'malformed'],
    [
      'a TLV longer than the header',
      v2({ payload: Buffer.concat([Buffer.alloc(12), Buffer.of(4, 0, 1)]) }),
      'malformed',
    ],
    [
      'a wrong checksum',
      v2({ payload: Buffer.concat([Buffer.alloc(12), Buffer.of(3, 0, 4, 1, 2, 3, 4)]) }),
      'malformed',
    ],
    ['a short checksum', v2({ payload: Buffer.concat([Buffer.alloc(12), Buffer.of(3, 0, 1, 1)]) }), 'malformed'],
    ['more than the limit', v2({ length: MAX_V2_PAYLOAD + 1 }), 'malformed'],
    ['a wrong signature', Buffer.concat([SIGNATURE.subarray(0, 11), Buffer.of(0)]), 'malformed'],
  ])('meets %s', (_what, header, kind) => {
    const outcome = parseProxyHeader(Buffer.concat([header, Buffer.from('data')]));
    expect(outcome.kind).toBe(kind);
    if (outcome.kind === 'header') expect(outcome).toEqual({ kind: 'header', length: header.length });
  });

  it('reads addresses written by hand, and skips what it does not know', () => {
    const unknown = Buffer.of(0xee, 0, 2, 1, 1, 4, 0, 0);
    const ends = Buffer.of(192, 0, 2, 1, 198, 51, 100, 2, 0xdc, 0x04, 0x01, 0xbb);
    const payload = Buffer.concat([ends, unknown]);
    expect(parseProxyHeader(v2({ payload }))).toEqual({
      kind: 'header',
      length: 36,
      addresses: { source: { address: '192.0.2.1', port: 56324 }, destination: { address: '198.51.100.2', port: 443 } },
    });
  });

  it('says LOCAL where the two addresses are not of one family', () => {
    const mixed = { source: { address: '::1', port: 1 }, destination: { address: '192.0.2.1', port: 2 } };
    expect(parseProxyHeader(encodeV2(mixed))).toEqual({ kind: 'header', length: 16 });
  });

  it('computes CRC-32C as RFC 3720 does', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  });

  it('finds any changed bit by its checksum', () => {
    fc.assert(
      fc.property(addresses, fc.nat(), (given, where) => {
        const header = encodeV2(given, { checksum: true });
        const bit = (16 * 8 + where) % ((header.length - 7) * 8);
        const at = Math.max(16, bit >> 3);
        header[at]! ^= 1 << (bit & 7);
        expect(parseProxyHeader(header).kind).toBe('malformed');
      }),
    );
  });
});

describe('both versions', () => {
  const encoders = {
    1: encodeV1,
    2: encodeV2,
    '2 with a checksum': (a: ProxyAddresses) => encodeV2(a, { checksum: true }),
  };

  it.each(Object.entries(encoders))(
    'version %s reads back what it wrote, and is incomplete before its end',
    (_v, encode) => {
      fc.assert(
        fc.property(addresses, (given) => {
          const bytes = encode(given);
          for (let end = 0; end < bytes.length; end++) {
            expect(parseProxyHeader(bytes.subarray(0, end)).kind).toBe('incomplete');
          }
          const outcome = parseProxyHeader(Buffer.concat([bytes, Buffer.from('PROXY data')]));
          if (outcome.kind !== 'header') throw new Error(JSON.stringify(outcome));
          expect(outcome.length).toBe(bytes.length);
          expect(canonical(outcome.addresses!)).toBe(canonical(given));
        }),
      );
    },
  );

  it('never throw, and decide a prefix as they decide the whole', () => {
    const start = fc.constantFrom(Buffer.alloc(0), SIGNATURE, Buffer.from('PROXY '), Buffer.from('PROXY TCP4 '));
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 160 }), (prefix, rest) => {
        const bytes = Buffer.concat([prefix, rest]);
        const whole = parseProxyHeader(bytes);
        for (let end = 0; end < bytes.length; end++) {
          const part = parseProxyHeader(bytes.subarray(0, end));
          if (part.kind !== 'incomplete') expect(part.kind).toBe(whole.kind);
        }
      }),
    );
  });
});
