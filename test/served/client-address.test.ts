/** Who the client is: one address for the access log, for X-Forwarded-For and towards backends, IPv4 always as IPv4. */
import { afterEach, expect, test } from 'vitest';
import { backendTraffic, clientTraffic } from '../policies/policy.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type RigOptions, serveManifests } from './rig.ts';

/** The loopback, as sockets of both families know it. */
const MAPPED = '::ffff:127.0.0.1';

const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

interface Asked extends RigOptions {
  lines?: string[];
  /** Sent before the request. */
  first?: string;
  objects?: object[];
}

/** What the backend got, and the client in the access log. */
async function ask({
  lines = [],
  first = '',
  objects = [],
  ...options
}: Asked): Promise<{ got: string; logged: string }> {
  let got = '';
  const backend = await rawBackend((socket) => {
    socket.on('data', (bytes: Buffer) => {
      got += bytes.latin1Slice();
      if (got.includes('\r\n\r\n')) socket.end('HTTP/1.1 204 No Content\r\n\r\n');
    });
  });
  const rig = await serveManifests(
    manifests([HTTP], httpRoute('all', [backendRefs('one')]), service('one'), ...objects),
    { endpoints: [endpointsOf('one', backend.port)], ...options },
  );
  closing.push(backend, rig);
  const client = await rawClient(rig.port());
  await client.ask(`${first}${['GET / HTTP/1.1', 'Host: a.example', ...lines, '', ''].join('\r\n')}`);
  client.close();
  return { got, logged: rig.accesses.at(-1)!.client };
}

const forwardedFor = (got: string): string | undefined => /\r\nX-Forwarded-For: ([^\r]*)/.exec(got)?.[1];

test('on a socket of both families an IPv4 client is one, and is a trusted hop as one', async () => {
  const stranger = await ask({ bind: [MAPPED] });
  expect([stranger.logged, forwardedFor(stranger.got)]).toEqual(['127.0.0.1', '127.0.0.1']);
  const trusted = await ask({ bind: [MAPPED], trustedHops: ['127.0.0.0/8'], lines: ['X-Forwarded-For: 192.0.2.1'] });
  expect([trusted.logged, forwardedFor(trusted.got)]).toEqual(['192.0.2.1', '192.0.2.1, 127.0.0.1']);
});

test('PROXY headers towards backends say so, too', async () => {
  for (const [version, start] of [
    ['V1', 'PROXY TCP4 127.0.0.1 127.0.0.1 '],
    ['V2', '\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01'],
  ] as const) {
    const { got } = await ask({ bind: [MAPPED], objects: [backendTraffic('one', { proxyProtocol: version })] });
    expect(got.slice(0, start.length)).toBe(start);
  }
});

test('PROXY headers of trusted sources are read so, and a source is no trusted hop by it', async () => {
  const objects = [clientTraffic('all', { proxyProtocol: { trustedSources: ['127.0.0.0/8'] } })];
  const first = 'PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.8 1000 80\r\n';
  const lines = ['X-Forwarded-For: 6.6.6.6'];
  const { got, logged } = await ask({ bind: [MAPPED], objects, first, lines });
  expect([logged, forwardedFor(got)]).toEqual(['192.0.2.7', '192.0.2.7']);
  const both = await ask({ objects, first, lines, trustedHops: ['192.0.2.0/24'] });
  expect([both.logged, forwardedFor(both.got)]).toEqual(['6.6.6.6', '6.6.6.6, 192.0.2.7']);
});

test.each([
  ['the nearest that is no trusted hop', ['1.1.1.1, 192.0.2.1, 10.0.0.1'], '192.0.2.1'],
  ['over several lines', ['1.1.1.1', '192.0.2.1,10.0.0.1', '10.0.0.2'], '192.0.2.1'],
  ['the furthest, where all are trusted', ['10.0.0.1, 10.0.0.2'], '10.0.0.1'],
  ['with a port or brackets', ['[2001:db8::1]:443, 10.0.0.1:80'], '2001:db8::1'],
  ['IPv4 in the form of IPv6', ['::ffff:192.0.2.1, ::ffff:10.0.0.1'], '192.0.2.1'],
  ['the hop itself, where it says nothing', [], '127.0.0.1'],
  ['the last that is an address', ['192.0.2.1, unknown, 10.0.0.1'], '10.0.0.1'],
  ['the hop itself, where it says nonsense', ['127.1'], '127.0.0.1'],
])('behind trusted hops the client is %s', async (_, values, expected) => {
  const lines = values.map((value) => `X-Forwarded-For: ${value}`);
  const { logged } = await ask({ trustedHops: ['127.0.0.0/8', '10.0.0.0/8'], lines });
  expect(logged).toBe(expected);
});

test('what a client writes changes nothing where nobody is trusted', async () => {
  const { logged, got } = await ask({ lines: ['X-Forwarded-For: 192.0.2.1'] });
  expect([logged, forwardedFor(got)]).toEqual(['127.0.0.1', '127.0.0.1']);
});
