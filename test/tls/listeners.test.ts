/** What one port makes of several listeners and certificates: isolation, and the kind of key that a client can use. */
import type tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { rawClient, rawTlsClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, type Pair } from './authority.ts';

let pairs: Record<'rsa' | 'ecdsa' | 'otherRsa' | 'otherEcdsa' | 'fresh', Pair>;
let rig: Rig;

function served(rsa: Pair): string {
  const refs = (...names: string[]): object => ({ certificateRefs: names.map((name) => ({ name })) });
  const certificates = refs('rsa', 'ecdsa', 'other-rsa');
  return manifests(
    [
      { name: 'https', port: 443, protocol: 'HTTPS', tls: certificates },
      { name: 'own', port: 443, protocol: 'HTTPS', hostname: 'both.example', tls: certificates },
      { name: 'mixed', port: 8443, protocol: 'HTTPS', tls: refs('rsa', 'other-rsa', 'other-ecdsa') },
      { name: 'named', port: 9443, protocol: 'HTTPS', hostname: 'both.example', tls: certificates },
      { name: 'any', port: 80, protocol: 'HTTP' },
      { name: 'wild', port: 80, protocol: 'HTTP', hostname: '*.example.com' },
      { name: 'deep', port: 80, protocol: 'HTTP', hostname: '*.foo.example.com' },
      { name: 'exact', port: 80, protocol: 'HTTP', hostname: 'abc.foo.example.com' },
    ],
    tlsSecret('rsa', rsa),
    tlsSecret('ecdsa', pairs.ecdsa),
    tlsSecret('other-rsa', pairs.otherRsa),
    tlsSecret('other-ecdsa', pairs.otherEcdsa),
    ...['https', 'any', 'wild', 'deep', 'exact'].map((name) =>
      httpRoute(name, [{ matches: [{ path: { type: 'PathPrefix', value: `/${name}` } }], ...backendRefs('one') }], {
        parentRefs: [{ name: 'gw', sectionName: name }],
      }),
    ),
    service('one'),
  );
}

beforeAll(async () => {
  const [authority, rsaAuthority] = await Promise.all([
    Authority.make('ecdsa'),
    // A client without ECDSA can verify no ECDSA signature of an authority either.
    Authority.make('rsa', { rsa: true }),
  ]);
  const [rsa, ecdsa, otherRsa, otherEcdsa, fresh] = await Promise.all([
    rsaAuthority.sign({ dns: ['both.example'], rsa: true }),
    authority.sign({ dns: ['both.example'] }),
    rsaAuthority.sign({ dns: ['other.example'], rsa: true }),
    authority.sign({ dns: ['other.example'] }),
    rsaAuthority.sign({ dns: ['both.example'], rsa: true }),
  ]);
  pairs = { rsa, ecdsa, otherRsa, otherEcdsa, fresh };
  rig = await serveManifests(served(rsa), { echo: true, ports: [80, 443, 8443, 9443] });
});
afterAll(() => rig.close());

const RSA_ONLY = 'RSA-PSS+SHA256:RSA+SHA256';
const BOTH = 'ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256';

async function presented(servername: string, sigalgs: string, options: tls.ConnectionOptions = {}): Promise<string> {
  const client = await rawTlsClient(options.port ?? rig.port(443), { servername, sigalgs, ...options });
  const certificate = (client.socket as tls.TLSSocket).getPeerX509Certificate()!;
  client.close();
  return `${certificate.publicKey.asymmetricKeyType} ${certificate.subjectAltName}`;
}

describe('two certificates for one name', () => {
  test('are presented as the client can use them', async () => {
    expect(await presented('both.example', BOTH)).toBe('ec DNS:both.example');
    expect(await presented('both.example', RSA_ONLY)).toBe('rsa DNS:both.example');
    expect(await presented('', BOTH)).toBe('ec DNS:both.example');
    expect(await presented('', RSA_ONLY)).toBe('rsa DNS:both.example');
  });

  test('are told apart in TLS 1.2 by the suites', async () => {
    const rsa = { maxVersion: 'TLSv1.2' as const, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' };
    const ecdsa = { maxVersion: 'TLSv1.2' as const, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' };
    expect(await presented('', BOTH, rsa)).toBe('rsa DNS:both.example');
    expect(await presented('', BOTH, ecdsa)).toBe('ec DNS:both.example');
    expect(await presented('both.example', RSA_ONLY, rsa)).toBe('rsa DNS:both.example');
    const named = { port: rig.port(9443) };
    expect(await presented('both.example', BOTH, { ...rsa, ...named })).toBe('rsa DNS:both.example');
    expect(await presented('both.example', BOTH, { ...ecdsa, ...named })).toBe('ec DNS:both.example');
    expect(await presented('', BOTH, { ...rsa, ...named })).toBe('rsa DNS:both.example');
    expect(await presented('both.example', BOTH, ecdsa)).toBe('ec DNS:both.example');
  });

  test('leave another name its own certificate', async () => {
    expect(await presented('other.example', BOTH)).toBe('rsa DNS:other.example');
  });

  test.each([[''], ['unknown.example']])('show the first to who asks for "%s"', async (servername) => {
    const port = rig.port(8443);
    expect(await presented(servername, BOTH, { port })).toBe('rsa DNS:both.example');
    expect(await presented(servername, RSA_ONLY, { port })).toBe('rsa DNS:both.example');
    expect(await presented('other.example', BOTH, { port })).toBe('ec DNS:other.example');
    expect(await presented('other.example', RSA_ONLY, { port })).toBe('rsa DNS:other.example');
  });

  test('are swapped one without the other', async () => {
    const serial = async (): Promise<string> => {
      const client = await rawTlsClient(rig.port(443), { servername: 'both.example', sigalgs: RSA_ONLY });
      const { serialNumber } = (client.socket as tls.TLSSocket).getPeerX509Certificate()!;
      client.close();
      return serialNumber;
    };
    const before = await serial();
    await rig.write(served(pairs.fresh));
    expect(await serial()).not.toBe(before);
    expect(await presented('both.example', BOTH)).toBe('ec DNS:both.example');
    await rig.write(served(pairs.rsa));
    expect(await serial()).toBe(before);
  });
});

describe('HTTP listeners of one port', () => {
  test.each([
    ['bar.com', 'any'],
    ['bar.example.com', 'wild'],
    ['bar.foo.example.com', 'deep'],
    ['abc.foo.example.com', 'exact'],
  ])('a request for %s is served by the routes of "%s" and of no other', async (host, own) => {
    const client = await rawClient(rig.port());
    for (const name of ['any', 'wild', 'deep', 'exact']) {
      const [response] = await client.ask(`GET /${name} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(response!.status, name).toBe(name === own ? 200 : 404);
    }
    client.close();
  });
});
