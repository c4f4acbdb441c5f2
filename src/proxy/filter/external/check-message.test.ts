/** Messages of ext_authz, whatever comes. With gRPC's own library they are tested in test/policies. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCheckResponse, encodeCheckRequest } from './check-message.ts';
import { MessageWriter, readMessage } from './protobuf.ts';

test('what is no message is told so, and nothing else happens', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        expect(typeof decodeCheckResponse(Buffer.from(bytes)).allowed).toBe('boolean');
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a message that is cut anywhere allows nothing that it did not say whole', () => {
  const option = new MessageWriter().message(1, new MessageWriter().text(1, 'x-user').text(2, 'ann'));
  const denied = new MessageWriter()
    .message(1, new MessageWriter().integer(1, 7))
    .message(2, new MessageWriter().message(1, new MessageWriter().integer(1, 401)).message(2, option))
    .finish();
  expect(decodeCheckResponse(denied)).toMatchObject({ allowed: false, status: 401 });
  for (let end = 0; end < denied.length; end++) {
    const outcome = ((): boolean => {
      try {
        return decodeCheckResponse(denied.subarray(0, end)).allowed;
      } catch {
        return false;
      }
    })();
    expect(outcome).toBe(false);
  }
});

test('numbers keep their value, negative ones as 64 bits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (value) => {
      const [field] = [...readMessage(new MessageWriter().integer(3, value).finish())];
      expect(field).toEqual({ number: 3, value });
    }),
  );
  expect(new MessageWriter().integer(9, -1).finish().toString('hex')).toBe('48ffffffffffffffffff01');
});

test('text that is no UTF-8 is made some: its reader would refuse all of it', () => {
  const peer = { address: '192.0.2.1', port: 1, principal: '' };
  const request = { source: peer, destination: peer, time: 0, id: '', method: 'GET', target: '/\xff', host: 'h' };
  const more = { scheme: 'http', protocol: 'HTTP/1.1', size: -1, serverName: '' };
  const bytes = encodeCheckRequest({ ...request, ...more, headers: new Map([['x', '\xff\xc3\xbc']]) });
  expect(bytes.includes(Buffer.from('\ufffd\u00fc'))).toBe(true);
});
