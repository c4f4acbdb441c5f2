/** Client certificates: who is let in, what backends hear of it, and that nothing gets around it. */
import { once } from 'node:events';
import http2 from 'node:http2';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, httpRoute, manifests, service, tlsSecret } from '../served/manifest.ts';
import { RawClient, rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap, type Pair } from './authority.ts';

const STRICT = 443;
const OTHER_CA = 8443;
const LENIENT = 9443;
const NO_CLIENTS = 7443;
/** Any name is verified by one Gateway, c.example by another. */
const MIXED = 6443;

let ours: Authority;
let theirs: Authority;
let server: Pair;
const clients: Record<string, Pair> = {};
let rig: Rig;

function https(name: string, port: number, hostname?: string): object {
  const named = hostname === undefined ? {} : { hostname };
  return { name, port, protocol: 'HTTPS', ...named, tls: { certificateRefs: [{ name: 'server' }] } };
}

function validation(ca: string, mode?: string): object {
  const caCertificateRefs = [{ group: '', kind: 'ConfigMap', name: ca }];
  return { validation: { caCertificateRefs, ...(mode === undefined ? {} : { mode }) } };
}

function gateway(name: string, listeners: object[], frontend?: object): object {
  const clientTls = frontend === undefined ? {} : { tls: { frontend } };
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'Gateway',
    metadata: { name },
    spec: { gatewayClassName: 'any', listeners, ...clientTls },
  };
}

/** `gw` verifies; `shared` serves c.example on the same socket with other authorities; `open` asks nobody. */
function served(ca: Authority, frontend?: object): string {
  return manifests(
    [{ name: 'plain', port: 80, protocol: 'HTTP' }],
    gateway(
      'strict',
      [
        https('a', STRICT, 'a.example'),
        https('b', STRICT, 'b.example'),
        https('c', OTHER_CA),
        https('d', LENIENT),
        https('any', MIXED),
      ],
      frontend ?? {
        default: validation('ours'),
        perPort: [
          { port: OTHER_CA, tls: validation('theirs') },
          { port: LENIENT, tls: validation('ours', 'AllowInsecureFallback') },
        ],
      },
    ),
    gateway('shared', [https('c', STRICT, 'c.example'), https('mixed', MIXED, 'c.example')], {
      default: validation('theirs'),
    }),
    gateway('open', [https('o', STRICT, 'open.example'), https('o2', NO_CLIENTS)]),
    caConfigMap('ours', ca),
    caConfigMap('theirs', theirs),
    tlsSecret('server', server),
    httpRoute('all', [backendRefs('one')], {
      parentRefs: ['gw', 'strict', 'shared', 'open'].map((name) => ({ name })),
    }),
    service('one'),
  );
}

beforeAll(async () => {
  [ours, theirs] = await Promise.all([Authority.make('ours'), Authority.make('theirs')]);
  server = await ours.sign({ dns: ['a.example', 'b.example', 'c.example', 'open.example'] });
  clients.good = await ours.sign({ name: 'alice' });
  clients.theirs = await theirs.sign({ name: 'mallory' });
  clients.expired = await ours.sign({ from: -3, until: -1 });
  clients.early = await ours.sign({ from: 1, until: 3 });
  clients.impostor = await (await Authority.make('ours')).sign({ name: 'alice' });
  rig = await serveManifests(served(ours), { echo: true, ports: [80, STRICT, OTHER_CA, LENIENT, NO_CLIENTS, MIXED] });
});
afterAll(() => rig.close());

interface Answer {
  status: number;
  clientCert: string | undefined;
}

const REFUSED = 'refused';

function optionsFor(host: string, client?: string): tls.ConnectionOptions {
  const pair = client === undefined ? {} : { cert: clients[client]!.certificate, key: clients[client]!.privateKey };
  return { servername: host, rejectUnauthorized: false, ...pair };
}

async function get(port: number, options: tls.ConnectionOptions, lines = ''): Promise<Answer | typeof REFUSED> {
  const socket = tls.connect({ host: '127.0.0.1', port: rig.port(port), ...options });
  const client = new RawClient(socket);
  client.send(`GET / HTTP/1.1\r\nHost: ${options.servername}\r\n${lines}\r\n`);
  try {
    const [response] = await client.responses(1);
    const { headers } = JSON.parse(response!.body) as { headers?: Record<string, string> };
    return { status: response!.status, clientCert: headers?.['client-cert'] };
  } catch {
    return REFUSED;
  } finally {
    client.close();
  }
}

/** A leaf as RFC 9440 writes it. */
function field({ certificate }: Pair): string {
  return `:${certificate.replaceAll(/-----[^-]+-----|\s/g, '')}:`;
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s', (version) => {
  const versions = { minVersion: version, maxVersion: version };

  test('a valid certificate is let in, and the backend hears whose it is', async () => {
    const answer = await get(STRICT, { ...optionsFor('a.example', 'good'), ...versions });
    expect(answer).toEqual({ status: 200, clientCert: field(clients.good!) });
  });

  test.each([['no'], ['theirs'], ['expired'], ['early'], ['impostor']])(
    'AllowValidOnly refuses %s certificate',
    async (which) => {
      const before = failedHandshakes();
      const options = which === 'no' ? optionsFor('a.example') : optionsFor('a.example', which);
      expect(await get(STRICT, { ...options, ...versions })).toBe(REFUSED);
      expect(failedHandshakes()).toBeGreaterThan(before);
    },
  );

  test.each([['no'], ['theirs'], ['expired'], ['early'], ['impostor']])(
    'AllowInsecureFallback lets %s certificate in, as nobody',
    async (which) => {
      const options = which === 'no' ? optionsFor('a.example') : optionsFor('a.example', which);
      expect(await get(LENIENT, { ...options, ...versions })).toEqual({ status: 200, clientCert: undefined });
    },
  );

  test('AllowInsecureFallback says who was verified', async () => {
    const answer = await get(LENIENT, { ...optionsFor('a.example', 'good'), ...versions });
    expect(answer).toEqual({ status: 200, clientCert: field(clients.good!) });
  });

  test('a port of its own has authorities of its own', async () => {
    expect(await get(OTHER_CA, { ...optionsFor('a.example', 'good'), ...versions })).toBe(REFUSED);
    const answer = await get(OTHER_CA, { ...optionsFor('a.example', 'theirs'), ...versions });
    expect(answer).toEqual({ status: 200, clientCert: field(clients.theirs!) });
  });

  test('listeners of one port are verified each by their own Gateway', async () => {
    expect(await get(STRICT, { ...optionsFor('c.example', 'good'), ...versions })).toBe(REFUSED);
    expect(await get(STRICT, { ...optionsFor('c.example', 'theirs'), ...versions })).toMatchObject({ status: 200 });
    const open = await get(STRICT, { ...optionsFor('open.example', 'good'), ...versions });
    expect(open).toEqual({ status: 200, clientCert: undefined });
  });

  test('a session does not carry one listener’s verification to another', async () => {
    for (const [port, from, client, to] of [
      [STRICT, 'a.example', 'good', 'c.example'],
      [STRICT, 'c.example', 'theirs', 'a.example'],
      [STRICT, 'open.example', undefined, 'a.example'],
      [MIXED, 'x.example', 'good', 'c.example'],
      [MIXED, 'c.example', 'theirs', 'x.example'],
    ] as const) {
      const session = await sessionOf({ ...optionsFor(from, client), ...versions }, port);
      for (const shown of [undefined, client]) {
        const answer = await get(port, { ...optionsFor(to, shown), ...versions, session });
        expect(answer, `${from} to ${to}`).toBe(REFUSED);
      }
    }
  });

  test('a client that comes back with a session is verified again', async () => {
    const session = await sessionOf({ ...optionsFor('a.example', 'good'), ...versions });
    expect(await get(STRICT, { ...optionsFor('a.example'), ...versions, session })).toBe(REFUSED);
    const answer = await get(STRICT, { ...optionsFor('a.example', 'good'), ...versions, session });
    expect(answer).toEqual({ status: 200, clientCert: field(clients.good!) });
  });
});

function failedHandshakes(): number {
  const found = rig.proxy.metrics().find(({ name }) => name === 'daemun_tls_handshakes_failed_total');
  const [series] = found!.series;
  return 'value' in series! ? Number(series.value) : 0;
}

/** What a client keeps of a connection on which it was answered. */
async function sessionOf(options: tls.ConnectionOptions, port = STRICT): Promise<Buffer | undefined> {
  const socket = tls.connect({ host: '127.0.0.1', port: rig.port(port), ...options });
  let session: Buffer | undefined;
  socket.on('session', (given: Buffer) => {
    session = given;
  });
  const client = new RawClient(socket);
  const [response] = await client.ask(`GET / HTTP/1.1\r\nHost: ${options.servername}\r\n\r\n`);
  expect(response!.status).toBe(200);
  client.close();
  return session ?? socket.getSession();
}

describe('what a client says of its certificate', () => {
  const FORGED = 'Client-Cert: :Zm9yZ2Vk:\r\nclient-cert-chain: :Zm9yZ2Vk:\r\nCLIENT-CERT: :Zm9yZ2Vk:\r\n';

  test.each([
    ['a plain port', async () => forgedPlain()],
    ['a port that asks nobody', () => get(NO_CLIENTS, optionsFor('open.example'), FORGED)],
    ['a listener that takes anybody', () => get(LENIENT, optionsFor('a.example'), FORGED)],
  ])('is dropped on %s', async (_where, ask) => {
    expect(await ask()).toEqual({ status: 200, clientCert: undefined });
  });

  test('is replaced by what was verified', async () => {
    const answer = await get(STRICT, optionsFor('a.example', 'good'), FORGED);
    expect(answer).toEqual({ status: 200, clientCert: field(clients.good!) });
  });

  test.each([
    ['is dropped over HTTP/2', LENIENT, undefined],
    ['is replaced over HTTP/2', LENIENT, 'good'],
  ])('%s', async (_what, port, client) => {
    const session = http2.connect(`https://a.example`, {
      createConnection: () =>
        tls.connect({
          host: '127.0.0.1',
          port: rig.port(port),
          ALPNProtocols: ['h2'],
          ...optionsFor('a.example', client),
        }),
    });
    const stream = session.request({
      ':path': '/',
      'client-cert': [':Zm9yZ2Vk:', ':Zm9yZ2Vk:'],
      'client-cert-chain': ':Zm9yZ2Vk:',
    });
    const { headers } = JSON.parse(await bodyOf(stream)) as { headers: Record<string, string> };
    expect(headers['client-cert']).toBe(client === undefined ? undefined : field(clients[client]!));
    expect(headers['client-cert-chain']).toBeUndefined();
    session.destroy();
  });

  async function forgedPlain(): Promise<Answer> {
    const client = await rawClient(rig.port(80));
    const [response] = await client.ask(`GET / HTTP/1.1\r\nHost: a.example\r\n${FORGED}\r\n`);
    client.close();
    const { headers } = JSON.parse(response!.body) as { headers: Record<string, string> };
    return { status: response!.status, clientCert: headers['client-cert'] ?? headers['client-cert-chain'] };
  }
});

async function bodyOf(stream: http2.ClientHttp2Stream): Promise<string> {
  let body = '';
  for await (const chunk of stream.setEncoding('utf8')) body += chunk;
  return body;
}

test('a request over HTTP/2 for another listener than the server name’s is misdirected', async () => {
  const session = http2.connect('https://a.example', {
    createConnection: () =>
      tls.connect({
        host: '127.0.0.1',
        port: rig.port(STRICT),
        ALPNProtocols: ['h2'],
        ...optionsFor('a.example', 'good'),
      }),
  });
  for (const [authority, status] of [
    ['a.example', 200],
    ['b.example', 421],
    ['c.example', 421],
    ['open.example', 421],
  ] as const) {
    const stream = session.request({ ':path': '/', ':authority': authority });
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    expect(Number(headers[':status']), authority).toBe(status);
    await bodyOf(stream);
  }
  session.destroy();
});

test('other authorities hold for new connections, and end no old one', async () => {
  const old = new RawClient(
    tls.connect({ host: '127.0.0.1', port: rig.port(STRICT), ...optionsFor('a.example', 'good') }),
  );
  const ask = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
  expect((await old.ask(ask))[0]!.status).toBe(200);
  await rig.write(served(theirs));
  expect((await old.ask(ask))[0]!.status).toBe(200);
  expect(await get(STRICT, optionsFor('a.example', 'good'))).toBe(REFUSED);
  expect(await get(STRICT, optionsFor('a.example', 'theirs'))).toMatchObject({ status: 200 });
  await rig.write(served(ours));
  expect(await get(STRICT, optionsFor('a.example', 'good'))).toMatchObject({ status: 200 });
  old.close();
});

test('a Gateway that begins to verify does so for sessions from before', async () => {
  await rig.write(served(ours, { default: {} }));
  const session = await sessionOf(optionsFor('a.example'));
  expect(session).toBeDefined();
  await rig.write(served(ours));
  expect(await get(STRICT, { ...optionsFor('a.example'), session })).toBe(REFUSED);
  expect(await get(STRICT, { ...optionsFor('a.example', 'good'), session })).toMatchObject({ status: 200 });
});
