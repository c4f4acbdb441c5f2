import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { DrainSet } from '../ground/drain.ts';
import { selfSigned } from '../stream/certificate.suite.ts';
import { TICKET_KEY_BYTES, type TlsContext, TlsContexts, TlsTermination } from './tls-termination.ts';

let pair: { cert: Buffer; key: Buffer };
const servers: net.Server[] = [];
beforeAll(async () => {
  pair = await selfSigned('a.example');
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function contexts(clients: TlsContext['clients'] = 'ignore'): TlsContexts {
  const options = { cert: pair.cert.toString(), key: pair.key.toString() };
  const presented = { options, secure: new Map([['ec', tls.createSecureContext(options)]]) };
  return new TlsContexts([{ hostname: undefined, clients, present: () => presented }]);
}

/** A port of one process. */
async function serve(ticketKeys: Buffer | undefined, clients?: TlsContext['clients']) {
  const termination = new TlsTermination(contexts(clients), {
    alpn: undefined,
    ticketKeys,
    live: new DrainSet(),
    onSecure: (socket) => socket.end('hello'),
    onFailed: () => {},
  });
  const server = net.createServer({ allowHalfOpen: true }, (socket) => termination.acceptSocket(socket));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { termination, port: (server.address() as AddressInfo).port };
}

async function visit(port: number, session?: Buffer): Promise<{ reused: boolean; session: Buffer | undefined }> {
  const options = { port, host: '127.0.0.1', servername: 'a.example', rejectUnauthorized: false };
  const socket = tls.connect({ ...options, session });
  let given: Buffer | undefined;
  socket.on('session', (fresh: Buffer) => {
    given = fresh;
  });
  let reused = false;
  socket.on('secureConnect', () => {
    reused = socket.isSessionReused();
  });
  socket.resume();
  await once(socket, 'close');
  return { reused, session: given };
}

test('a session is resumed by another process with the same keys, and by none with others', async () => {
  const keys = randomBytes(TICKET_KEY_BYTES);
  const [first, second, stranger] = await Promise.all([serve(keys), serve(keys), serve(undefined)]);
  const { session } = await visit(first.port);
  expect((await visit(second.port, session)).reused).toBe(true);
  expect((await visit(stranger.port, session)).reused).toBe(false);
});

test('a swap of certificates keeps the keys', async () => {
  const { termination, port } = await serve(randomBytes(TICKET_KEY_BYTES));
  const { session } = await visit(port);
  termination.prepare(contexts())();
  expect((await visit(port, session)).reused).toBe(true);
});

test('no session is resumed where clients are asked for certificates', async () => {
  const keys = randomBytes(TICKET_KEY_BYTES);
  const [open, asking] = await Promise.all([serve(keys), serve(keys, 'request')]);
  const { session } = await visit(open.port);
  expect((await visit(asking.port, session)).reused).toBe(false);
  const own = await visit(asking.port);
  expect((await visit(asking.port, own.session)).reused).toBe(false);
  open.termination.prepare(contexts('request'))();
  expect((await visit(open.port, session)).reused).toBe(false);
});
