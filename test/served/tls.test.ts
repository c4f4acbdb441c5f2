/** HTTPS listeners: certificates by server name, misdirected requests, versions, swaps. */
import { once } from 'node:events';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoCertificate } from '../../src/cli/demo-certificate.ts';
import type { Issued } from '../../src/value/certificate.ts';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from './manifest.ts';
import { type RawClient, rawTlsClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const NAMES = ['a', 'wild', 'any', 'other', 'next'];

function listener(name: string, hostname: string | undefined, ...secrets: string[]): object {
  return {
    name,
    port: 443,
    protocol: 'HTTPS',
    ...(hostname === undefined ? {} : { hostname }),
    tls: { certificateRefs: secrets.map((secret) => ({ name: secret })) },
  };
}

let rig: Rig;
let certificates: Record<string, Issued>;

function served(secretOfA = 'a'): string {
  return manifests(
    [
      listener('a', 'a.example', secretOfA),
      listener('wild', '*.wild.example', 'wild'),
      listener('any', undefined, 'any', 'other'),
    ],
    ...NAMES.map((name) => tlsSecret(name, certificates[name]!)),
    httpRoute('all', [backendRefs('one')]),
    service('one'),
  );
}

beforeAll(async () => {
  const made = await Promise.all([
    demoCertificate(['a.example']),
    demoCertificate(['*.wild.example']),
    demoCertificate(['any.example']),
    demoCertificate(['other.example']),
    demoCertificate(['a.example', 'next.example']),
  ]);
  certificates = Object.fromEntries(NAMES.map((name, i) => [name, made[i]!]));
  rig = await serveManifests(served(), { echo: true, ports: [443] });
});
afterAll(() => rig.close());

function get(host: string): string {
  return `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
}

function altNames(client: RawClient): string | undefined {
  return (client.socket as tls.TLSSocket).getPeerX509Certificate()?.subjectAltName;
}

describe('the certificate', () => {
  test.each([
    ['a.example', 'DNS:a.example'],
    ['A.EXAMPLE', 'DNS:a.example'],
    ['a.example.', 'DNS:a.example'],
    ['x.wild.example.', 'DNS:*.wild.example'],
    ['x.wild.example', 'DNS:*.wild.example'],
    ['x.y.wild.example', 'DNS:*.wild.example'],
    ['any.example', 'DNS:any.example'],
    ['other.example', 'DNS:other.example'],
    ['unknown.example', 'DNS:any.example'],
    ['', 'DNS:any.example'],
  ])('for the server name "%s" is that of %s', async (servername, names) => {
    const client = await rawTlsClient(rig.port(443), { servername });
    expect(altNames(client)).toBe(names);
    const [response] = await client.ask(get(servername === '' ? 'any.example' : servername));
    expect(response!.status).toBe(200);
    client.close();
  });

  test('of an unknown name, where no listener takes any, is none', async () => {
    const only = await serveManifests(
      manifests(
        [listener('a', 'a.example', 'a')],
        tlsSecret('a', certificates.a!),
        httpRoute('all', [backendRefs('one')]),
        service('one'),
      ),
      { echo: true, ports: [443] },
    );
    const socket = tls.connect({
      host: '127.0.0.1',
      port: only.port(443),
      servername: 'b.example',
      rejectUnauthorized: false,
    });
    await expect(once(socket, 'secureConnect')).rejects.toThrow();
    await only.close();
  });

  test('is swapped without an end to the connections that are open', async () => {
    const before = await rawTlsClient(rig.port(443), { servername: 'a.example' });
    expect((await before.ask(get('a.example')))[0]!.status).toBe(200);
    await rig.write(served('next'));
    expect((await before.ask(get('a.example')))[0]!.status).toBe(200);
    const after = await rawTlsClient(rig.port(443), { servername: 'a.example' });
    expect(altNames(after)).toBe('DNS:a.example, DNS:next.example');
    before.close();
    after.close();
    await rig.write(served());
  });
});

test('a request for another listener than the one that the server name chose is misdirected', async () => {
  const client = await rawTlsClient(rig.port(443), { servername: 'a.example' });
  const [misdirected] = await client.ask(get('x.wild.example'));
  expect(misdirected!.status).toBe(421);
  expect((await client.ask(get('a.example')))[0]!.status).toBe(200);
  client.close();
  expect(rig.accesses.some(({ status, reason }) => status === 421 && reason === 'misdirected')).toBe(true);
});

test('backends hear that it was https', async () => {
  const client = await rawTlsClient(rig.port(443), { servername: 'a.example' });
  const [response] = await client.ask(get('a.example'));
  const { headers } = JSON.parse(response!.body) as { headers: Record<string, string> };
  expect(headers).toMatchObject({
    'x-forwarded-proto': 'https',
    'x-forwarded-port': '443',
    'x-forwarded-for': '127.0.0.1',
  });
  client.close();
});

test.each<[tls.SecureVersion, boolean]>([
  ['TLSv1.3', true],
  ['TLSv1.2', true],
  ['TLSv1.1', false],
])('%s is spoken: %s', async (version, spoken) => {
  const options = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0', servername: 'a.example' };
  if (spoken) {
    const client = await rawTlsClient(rig.port(443), options);
    expect((client.socket as tls.TLSSocket).getProtocol()).toBe(version);
    client.close();
  } else {
    await expect(rawTlsClient(rig.port(443), options)).rejects.toThrow();
  }
});

test('suites without forward secrecy are not spoken', async () => {
  const options = { maxVersion: 'TLSv1.2' as const, ciphers: 'ECDHE-ECDSA-AES128-SHA', servername: 'a.example' };
  await expect(rawTlsClient(rig.port(443), options)).rejects.toThrow();
});

test('sessions are resumed', async () => {
  const first = await rawTlsClient(rig.port(443), { servername: 'a.example', maxVersion: 'TLSv1.2' });
  const session = (first.socket as tls.TLSSocket).getSession();
  first.close();
  const second = await rawTlsClient(rig.port(443), { servername: 'a.example', maxVersion: 'TLSv1.2', session });
  expect((second.socket as tls.TLSSocket).isSessionReused()).toBe(true);
  second.close();
});

test('no client certificate is asked for where none is wanted', async () => {
  const pair = { cert: certificates.a!.certificate, key: certificates.a!.privateKey };
  const client = await rawTlsClient(rig.port(443), { servername: 'a.example', ...pair });
  const [response] = await client.ask(get('a.example'));
  const { headers } = JSON.parse(response!.body) as { headers: Record<string, string> };
  expect(headers['client-cert']).toBeUndefined();
  client.close();
});

test('a large body keeps its order and its bytes through TLS', async () => {
  const client = await rawTlsClient(rig.port(443), { servername: 'a.example' });
  const size = 3_000_000;
  client.send(`POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${size}\r\n\r\n`);
  client.send('x'.repeat(size));
  const [response] = await client.responses(1);
  expect(JSON.parse(response!.body)).toMatchObject({ bodyBytes: size });
  client.close();
});
