/**
 * What a ClientTrafficPolicy costs, over TLS and loopback: `npm run build && node bench/client-traffic.ts`. Microseconds of the
 * gateway's processor time; the middle of seven turns in which both were measured, and the extremes; see docs/performance.md.
 */
import { readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { makeCertificate } from './certificate.ts';
import { run, stopAll } from './child.ts';
import { type GatewayProcess, gatewayObjects, startGateway } from './gateway-process.ts';

const TURNS = 7;
const CONNECTIONS = 400;
const CLIENTS = 8;
const REQUESTS = 6_000;
const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

const folder = await mkdtemp(join(tmpdir(), 'daemun-bench-clients-'));
const server = await makeCertificate(folder, 'ecdsa');
const client = await signedBy(server.cert, server.key);
const backend = createServer((_request, answer) => answer.end('ok')).listen(0, '127.0.0.1');
await new Promise((resolve) => backend.once('listening', resolve));
const endpoint = `default/backend:80=127.0.0.1:${(backend.address() as AddressInfo).port}`;

/** Certificate and key of a client whom that one vouches for. */
async function signedBy(ca: string, caKey: string): Promise<{ cert: Buffer; key: Buffer }> {
  const [cert, key] = [join(folder, 'client.crt'), join(folder, 'client.key')];
  const kind = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=client',
  ];
  await run(['openssl', 'req', '-x509', '-CA', ca, '-CAkey', caKey, ...kind, '-keyout', key, '-out', cert], 30);
  return { cert: readFileSync(cert), key: readFileSync(key) };
}

function policy(spec: object): object {
  return {
    ...{ apiVersion: 'policies.daemun.dev/v1alpha1', kind: 'ClientTrafficPolicy', metadata: { name: 'clients' } },
    spec: { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gateway' }], ...spec },
  };
}

function gateway(spec?: object): Promise<GatewayProcess> {
  const read = (file: string): string => readFileSync(file).toString('base64');
  const data = { 'tls.crt': read(server.cert), 'tls.key': read(server.key) };
  const objects = [
    ...gatewayObjects({ protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'server' }] } }),
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'server' }, type: 'kubernetes.io/tls', data },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'ca' },
      data: { 'ca.crt': readFileSync(server.cert, 'utf8') },
    },
    ...(spec === undefined ? [] : [policy(spec)]),
  ];
  return startGateway(objects, endpoint);
}

interface Client {
  ask(): Promise<void>;
  close(): Promise<void>;
}

/** It shows its certificate to whoever asks for one. */
async function connected(port: number): Promise<Client> {
  const options = { port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false, ...client };
  const socket = tls.connect({ ...options, minVersion: 'TLSv1.3' });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  let text = '';
  let wake: (error?: Error) => void = () => {};
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    if (text.endsWith('ok')) wake(text.startsWith('HTTP/1.1 200') ? undefined : new Error(text));
  });
  socket.on('error', () => {}).on('close', () => wake(new Error(`closed after ${text}`)));
  return {
    ask: () =>
      new Promise<void>((resolve, reject) => {
        text = '';
        wake = (error) => (error === undefined ? resolve() : reject(error));
        socket.write(REQUEST);
      }),
    async close() {
      socket.destroy();
      await closed;
    },
  };
}

/** Of one new connection with one request. */
async function perConnection({ port, cpu }: GatewayProcess): Promise<number> {
  const before = cpu();
  let left = CONNECTIONS;
  const visitor = async (): Promise<void> => {
    while (left-- > 0) {
      const one = await connected(port);
      await one.ask();
      await one.close();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, visitor));
  return (cpu() - before) / CONNECTIONS;
}

/** Of one request over connections that stay. */
async function perRequest({ port, cpu }: GatewayProcess): Promise<number> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connected(port)));
  for (const one of clients) await one.ask();
  const before = cpu();
  await Promise.all(
    clients.map(async (one) => {
      for (let i = 0; i < REQUESTS / CLIENTS; i++) await one.ask();
    }),
  );
  const each = (cpu() - before) / REQUESTS;
  for (const one of clients) await one.close();
  return each;
}

const CERTIFICATES = { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] };
const VARIANTS = {
  'no policy': await gateway(),
  'ClientTrafficPolicy: limits, request id, HSTS, client address': await gateway({
    headers: { maxLines: 64, maxBytes: 16_384, timeout: '5s' },
    body: { maxBytes: 1_000_000 },
    requestId: { header: 'X-Request-Id' },
    hsts: { maxAgeSeconds: 3_600 },
    clientAddress: { trustedSources: ['192.0.2.0/24'] },
  }),
  'clientCertificates: verified, and not told': await gateway({
    clientCertificates: { ...CERTIFICATES, forward: { certificate: false } },
  }),
  'clientCertificates: verified, and told to the backend': await gateway({ clientCertificates: CERTIFICATES }),
};

function told(all: number[]): string {
  const sorted = all.toSorted((a, b) => a - b);
  return `${sorted[(TURNS - 1) / 2]!.toFixed(1).padStart(7)} (${sorted[0]!.toFixed(1)} to ${sorted.at(-1)!.toFixed(1)})`;
}

async function measure(what: string, of: (gateway: GatewayProcess) => Promise<number>): Promise<void> {
  const all = new Map(Object.keys(VARIANTS).map((name): [string, number[]] => [name, []]));
  for (const one of Object.values(VARIANTS)) await of(one);
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [name, one] of Object.entries(VARIANTS)) all.get(name)!.push(await of(one));
  }
  const bare = all.get('no policy')!;
  for (const [name, figures] of all) {
    const ratios = figures.map((figure, turn) => figure / bare[turn]!);
    console.log(`${told(figures)} µs ${what}, ${told(ratios.map((one) => one * 100))} % of that without  ${name}`);
  }
}

try {
  await measure('a new connection', perConnection);
  await measure('a request', perRequest);
} finally {
  await stopAll();
  backend.closeAllConnections();
  backend.close();
  rmSync(folder, { recursive: true });
}
