/** openssl s_client against TLS listeners: HTTPS, TLSRoutes that pass through and that terminate, all on one port. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demoCertificate, tlsSecret } from '../../src/cli/demo-certificate.ts';
import type { Issued } from '../../src/value/certificate.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { gateway, route, service } from './manifest.ts';
import { findTool, run } from './tool.ts';

const openssl = findTool('openssl', 'openssl');
const NAMES = { web: 'web.example.com', term: 'term.example.com', pass: 'pass.example.com', one: 'one.example.com' };

let rig: Rig;
let folder: string;
let backend: tls.Server;
/** Says once more what it is told first, and ends. */
const parrot = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (bytes) => socket.end(bytes));
});
const pairs = new Map<string, Issued>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'daemun-openssl-'));
  for (const [key, name] of Object.entries(NAMES)) pairs.set(key, await demoCertificate([name]));
  writeFileSync(join(folder, 'ca.pem'), [...pairs.values()].map(({ certificate }) => certificate).join('\n'));
  const { certificate: cert, privateKey: key } = pairs.get('pass')!;
  backend = tls.createServer({ cert, key, ALPNProtocols: ['own-protocol'] }, (socket) => {
    socket.on('error', () => {});
    socket.end('from the backend itself\n');
  });
  backend.listen(0, '127.0.0.1');
  parrot.listen(0, '127.0.0.1');
  await Promise.all([once(backend, 'listening'), once(parrot, 'listening')]);
  const terminate = (secret: string): object => ({ mode: 'Terminate', certificateRefs: [{ name: secret }] });
  const manifests = [
    gateway([
      { name: 'web', port: 443, protocol: 'HTTPS', hostname: NAMES.web, tls: terminate('web') },
      { name: 'term', port: 443, protocol: 'TLS', hostname: NAMES.term, tls: terminate('term') },
      { name: 'pass', port: 443, protocol: 'TLS', hostname: NAMES.pass, tls: { mode: 'Passthrough' } },
      { name: 'one', port: 444, protocol: 'HTTPS', hostname: NAMES.one, tls: terminate('one') },
    ]),
    ...[...pairs].map(([name, pair]) => `---\n${tlsSecret({ namespace: 'default', name }, pair)}\n`),
    route('HTTPRoute', 'web', { rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] }),
    route('TLSRoute', 'term', {
      hostnames: [NAMES.term],
      on: 'term',
      rules: [{ backendRefs: [{ name: 'term', port: 7 }] }],
    }),
    route('TLSRoute', 'pass', {
      hostnames: [NAMES.pass],
      on: 'pass',
      rules: [{ backendRefs: [{ name: 'pass', port: 443 }] }],
    }),
    service('web', 80),
    service('term', 7, { protocol: 'TCP', appProtocol: 'tcp' }),
    service('pass', 443),
  ];
  rig = await serveManifests(manifests.join(''), {
    ports: [443, 444],
    echo: true,
    endpoints: [
      `default/pass:443=127.0.0.1:${(backend.address() as AddressInfo).port}`,
      `default/term:7=127.0.0.1:${(parrot.address() as AddressInfo).port}`,
    ],
  });
});

afterAll(async () => {
  await rig.close();
  backend.close();
  parrot.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.runIf(openssl)('openssl s_client', () => {
  /** What it says on both outputs. It ends when the other side does, or with its input. */
  async function connect(port: number, flags: string[], input = ''): Promise<string> {
    const to = ['s_client', '-connect', `127.0.0.1:${rig.port(port)}`, '-CAfile', join(folder, 'ca.pem')];
    const { stdout, stderr } = await run(openssl!, [...to, ...flags], { input, timeout: 10_000 });
    return stdout + stderr;
  }

  test.each([
    ['h2,http/1.1', 'ALPN protocol: h2'],
    ['http/1.1', 'ALPN protocol: http/1.1'],
  ])('HTTPS: the certificate of the name, and ALPN of %s', async (offered, said) => {
    const text = await connect(443, ['-servername', NAMES.web, '-alpn', offered]);
    expect(text).toContain(`subject=CN = ${NAMES.web}`);
    expect(text).toContain('Verify return code: 0 (ok)');
    expect(text).toContain(said);
  });

  test.each(['-tls1_2', '-tls1_3'])('TLS that is terminated for a TLSRoute with %s carries bytes', async (version) => {
    const flags = ['-servername', NAMES.term, '-quiet', version];
    const text = await connect(443, flags, 'these bytes come back\n');
    expect(text).toContain('these bytes come back');
  });

  test('TLS that is passed through is between the client and the backend', async () => {
    const flags = ['-servername', NAMES.pass, '-alpn', 'own-protocol', '-ign_eof'];
    const text = await connect(443, flags);
    expect(text).toContain(`subject=CN = ${NAMES.pass}`);
    expect(text).toContain('ALPN protocol: own-protocol');
    expect(text).toContain('from the backend itself');
  });

  test.each([
    ['no listener has', 443, ['-servername', 'other.example.org'], 'unrecognized name'],
    ['is not given', 443, ['-noservername'], 'unrecognized name'],
    ['no listener of an HTTPS port has', 444, ['-servername', 'other.example.org'], 'handshake failure'],
  ])('a name that %s ends with an alert', async (_, port, flags, alert) => {
    expect(await connect(port, [...flags, '-state'])).toMatch(new RegExp(`alert read:\\w+:${alert}`));
  });

  test.each(['-tls1_2', '-tls1_3'])('no name on an HTTPS port, with %s: its first certificate', async (version) => {
    const text = await connect(444, ['-noservername', version]);
    expect(text).toContain(`subject=CN = ${NAMES.one}`);
  });

  test.each(['-tls1', '-tls1_1'])('%s is refused with an alert', async (version) => {
    const flags = ['-servername', NAMES.web, version, '-cipher', 'ALL:@SECLEVEL=0'];
    expect(await connect(443, flags)).toMatch(/alert protocol version|no protocols available/);
  });
});

test.each([443, 444])('plain HTTP on TLS port %s is told so', async (port) => {
  const socket = net.connect(rig.port(port), '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: web.example.com\r\n\r\n');
  const text = Buffer.concat(await socket.toArray()).toString();
  expect(text).toMatch(/^HTTP\/1\.1 400 /);
  expect(text).toContain('https');
});
