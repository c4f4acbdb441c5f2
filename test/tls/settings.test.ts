/** What a ClientTrafficPolicy says of TLS beside the profile: by listener, also where several share a port. */
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientTraffic } from '../policies/policy.ts';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { rawTlsClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, type Pair } from './authority.ts';

let rig: Rig;
let pair: Pair;
let writes = 0;
const OWN = 'own.example';
const USUAL = 'usual.example';

function site(tlsSettings: object | undefined, tlsProfile?: string): string {
  const listener = (name: string, hostname: string) => ({
    ...{ name, port: 443, protocol: 'HTTPS', hostname },
    tls: { certificateRefs: [{ name: 'pair' }] },
  });
  const settings = { ...(tlsSettings && { tls: tlsSettings }), ...(tlsProfile && { tlsProfile }) };
  const policies = tlsSettings === undefined ? [] : [clientTraffic('own', settings, 'own')];
  return manifests(
    [listener('own', OWN), listener('usual', USUAL)],
    tlsSecret('pair', pair),
    // So that each of them changes something.
    httpRoute(`write-${writes++}`, [backendRefs('one')]),
    service('one'),
    ...policies,
  );
}

beforeAll(async () => {
  pair = await (await Authority.make('ours', { rsa: true })).sign({ dns: [OWN, USUAL], rsa: true });
  rig = await serveManifests(site(undefined), { echo: true, ports: [443] });
});
afterAll(() => rig.close());

interface Settled {
  version: string;
  cipher: string;
  alpn: string;
  /** Of ephemeral keys; '' where Node does not tell. */
  curve: string;
}

/** What a handshake comes to; undefined: it fails, or nothing is served after it. */
async function settle(servername: string, options: tls.ConnectionOptions = {}): Promise<Settled | undefined> {
  const client = await rawTlsClient(rig.port(443), {
    servername,
    ciphers: 'DEFAULT:@SECLEVEL=0',
    minVersion: 'TLSv1',
    ...options,
  }).catch(() => undefined);
  if (client === undefined) return undefined;
  const socket = client.socket as tls.TLSSocket;
  const { name = '' } = socket.getEphemeralKeyInfo() as { name?: string };
  const settled = { version: socket.getProtocol() ?? '', cipher: socket.getCipher().standardName, curve: name };
  const { alpnProtocol } = socket;
  try {
    if (alpnProtocol !== 'h2') await client.ask(`GET / HTTP/1.1\r\nHost: ${servername}\r\n\r\n`);
    return { ...settled, alpn: alpnProtocol || '' };
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

const USUAL_VERSION = 'TLSv1.3';

describe('on the listener that the policy names, and on no other of its port:', () => {
  afterAll(() => rig.write(site(undefined)));

  test('versions', async () => {
    await rig.write(site({ maxVersion: '1.2' }));
    expect((await settle(OWN))?.version).toBe('TLSv1.2');
    expect((await settle(USUAL))?.version).toBe(USUAL_VERSION);
    await rig.write(site({ minVersion: '1.3' }));
    expect(await settle(OWN, { maxVersion: 'TLSv1.2' })).toBeUndefined();
    expect((await settle(OWN))?.version).toBe('TLSv1.3');
    expect((await settle(USUAL, { maxVersion: 'TLSv1.2' }))?.version).toBe('TLSv1.2');
    await rig.write(site({ minVersion: '1.1', maxVersion: '1.1' }, 'Old'));
    expect((await settle(OWN))?.version).toBe('TLSv1.1');
    expect(await settle(OWN, { minVersion: 'TLSv1.2' })).toBeUndefined();
  });

  test('suites of TLS 1.2 and of 1.3, by either name of theirs', async () => {
    await rig.write(site({ ciphers: ['ECDHE-RSA-AES256-GCM-SHA384'] }));
    const at12 = { maxVersion: 'TLSv1.2' } as const;
    expect((await settle(OWN, at12))?.cipher).toBe('TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384');
    expect(await settle(OWN, { ...at12, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })).toBeUndefined();
    expect((await settle(USUAL, { ...at12, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }))?.version).toBe('TLSv1.2');
    // Those of TLS 1.3 stay the profile's.
    expect((await settle(OWN))?.version).toBe('TLSv1.3');
    const both = ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'];
    await rig.write(site({ ciphers: both }));
    expect((await settle(OWN))?.cipher).toBe(both[0]);
    expect((await settle(OWN, at12))?.cipher).toBe(both[1]);
    expect(await settle(OWN, { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256' })).toBeUndefined();
  });

  test('every suite that OpenSSL has for certificates is known, and those with DHE are spoken', async () => {
    const others = /psk|srp|^adh|^aecdh|null|^ecdh-|^rsa-/i;
    const all = tls.getCiphers().filter((name) => !others.test(name));
    for (let at = 0; at < all.length; at += 60) {
      await rig.write(site({ ciphers: all.slice(at, at + 60).map((name) => name.toUpperCase()) }));
      expect(rig.report().diagnostics.filter(({ object }) => object.startsWith('ClientTrafficPolicy/'))).toEqual([]);
    }
    await rig.write(site({ ciphers: ['TLS_DHE_RSA_WITH_AES_256_GCM_SHA384'] }));
    expect((await settle(OWN, { maxVersion: 'TLSv1.2' }))?.cipher).toBe('TLS_DHE_RSA_WITH_AES_256_GCM_SHA384');
  });

  test('curves', async () => {
    await rig.write(site({ curves: ['P-384'] }));
    const at12 = { maxVersion: 'TLSv1.2' } as const;
    expect((await settle(OWN, at12))?.curve).toBe('secp384r1');
    expect(await settle(OWN, { ecdhCurve: 'X25519' })).toBeUndefined();
    expect((await settle(USUAL, { ...at12, ecdhCurve: 'X25519' }))?.curve).toBe('X25519');
  });

  test('protocols', async () => {
    const offers = { ALPNProtocols: ['h2', 'http/1.1'] };
    await rig.write(site({ alpn: ['http/1.1'] }));
    expect((await settle(OWN, offers))?.alpn).toBe('http/1.1');
    expect(await settle(OWN, { ALPNProtocols: ['h2'] })).toBeUndefined();
    expect((await settle(USUAL, offers))?.alpn).toBe('h2');
    await rig.write(site({ alpn: ['h2'] }));
    expect((await settle(OWN, offers))?.alpn).toBe('h2');
    // HTTP/1.1 needs no ALPN, and is refused all the same.
    expect(await settle(OWN)).toBeUndefined();
    expect((await settle(USUAL))?.alpn).toBe('');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('no session is resumed, over %s', async (version) => {
    const resumed = async (servername: string): Promise<boolean> => {
      const options = { servername, minVersion: version, maxVersion: version };
      const first = await rawTlsClient(rig.port(443), options);
      const socket = first.socket as tls.TLSSocket;
      let session = socket.getSession();
      socket.on('session', (fresh) => {
        session = fresh;
      });
      await first.ask(`GET / HTTP/1.1\r\nHost: ${servername}\r\n\r\n`);
      first.close();
      const second = await rawTlsClient(rig.port(443), { ...options, ...(session && { session }) });
      const reused = (second.socket as tls.TLSSocket).isSessionReused();
      second.close();
      return reused;
    };
    if (version === 'TLSv1.2') await rig.write(site({ sessionTickets: false }));
    expect(await resumed(USUAL)).toBe(true);
    expect(await resumed(OWN)).toBe(false);
  });
});

describe('what cannot be is told by its field, and changes nothing:', () => {
  test.each<[field: string, said: string, settings: object, profile?: string]>([
    ['spec.tls.ciphers[1]', 'no cipher suite', { ciphers: ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-RC4'] }],
    ['spec.tls.ciphers[0]', 'no cipher suite', { ciphers: ['TLS_AES_512_GCM_SHA512'] }],
    ['spec.tls.minVersion', 'tlsProfile: Old', { minVersion: '1.1' }],
    ['spec.tls.minVersion', 'tlsProfile: Intermediate', { minVersion: '1.2' }, 'Modern'],
    ['spec.tls.maxVersion', 'below 1.3', { maxVersion: '1.2' }, 'Modern'],
  ])('%s: %s', async (field, said, settings, profile) => {
    await rig.write(site(settings, profile));
    const told = rig.report().diagnostics.filter(({ object }) => object === 'ClientTrafficPolicy/default/own');
    expect(told.map((one) => one.field)).toEqual([field]);
    expect(told[0]!.message).toContain(said);
    expect((await settle(OWN))?.version).toBe(USUAL_VERSION);
    expect((await settle(OWN, { maxVersion: 'TLSv1.2' }))?.version).toBe('TLSv1.2');
  });
});
