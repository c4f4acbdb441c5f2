import { once } from 'node:events';
import tls, { type PeerCertificate } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectTls } from '../ground/driver.ts';
import { tlsLinkOf } from '../listen/tls-link.ts';
import { selfSigned } from './certificate.suite.ts';
import { gone, listening, planTo, received, relayRig } from './rig.suite.ts';

let certificate: { key: Buffer; cert: Buffer };
const servers: tls.Server[] = [];

beforeAll(async () => {
  certificate = await selfSigned('db.example.com');
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function towards(serverName: string): ConnectTls {
  const verify = (_host: string, presented: unknown) =>
    tls.checkServerIdentity(serverName, presented as PeerCertificate);
  return { serverName, ca: [certificate.cert.toString()], alpn: [], verify };
}

/** TLS ends at the relay, and begins anew towards the backend. */
async function start(serverName: string, onBackend: (socket: tls.TLSSocket) => void) {
  const options = { ...certificate, allowHalfOpen: true } as tls.TlsOptions;
  const backend = tls.createServer(options, (socket) => onBackend(socket.on('error', () => {})));
  const rig = relayRig({ connectAttempts: 1 });
  const plan = planTo([await listening(backend)], { tls: towards(serverName) });
  const front = tls.createServer(options, (socket) => {
    rig.relay.accept(tlsLinkOf(socket, { serverName: 'db.example.com', client: {} }), plan, {
      listener: 'ns/gw/tls',
      protocol: 'tls',
      serverName: 'db.example.com',
    });
  });
  servers.push(backend, front);
  const port = await listening(front);
  const connect = { port, host: '127.0.0.1', servername: 'db.example.com', ca: certificate.cert, allowHalfOpen: true };
  return { rig, socket: tls.connect(connect as tls.ConnectionOptions) };
}

describe('a connection whose TLS ended here', () => {
  it('is relayed over TLS to a backend whose certificate fits', async () => {
    const { rig, socket } = await start('db.example.com', (backend) => backend.pipe(backend));
    const data = 'some plain text '.repeat(50_000);
    const answer = received(socket);
    socket.end(data);
    expect(await answer).toBe(data);
    expect((await rig.ended(1))[0]).toMatchObject({ reason: '', bytesIn: data.length, bytesOut: data.length });
  });

  it('may be half closed', async () => {
    const { socket } = await start('db.example.com', (backend) => {
      void received(backend).then((all) => backend.end(`you said: ${all}`));
    });
    socket.end('all of it');
    expect(await received(socket)).toBe('you said: all of it');
  });

  it('is closed where the certificate of the backend does not fit', async () => {
    const { rig, socket } = await start('other.example.com', () => {});
    await once(socket, 'secureConnect');
    await gone(socket.end());
    expect((await rig.ended(1))[0]).toMatchObject({ reason: 'connect_failed', bytesOut: 0 });
  });
});
