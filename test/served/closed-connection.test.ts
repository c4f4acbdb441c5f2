/** A backend closes a kept connection at the moment at which a request comes that must not be sent twice. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { rawBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const open: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const head = (line: string, length: number): string =>
  `${line} HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${length}\r\n\r\n`;

async function serve(port: number, appProtocol?: string): Promise<Rig> {
  const one = { ...service('one'), spec: { ports: [{ port: 80, ...(appProtocol && { appProtocol }) }] } };
  const rig = await serveManifests(manifests([HTTP], one, httpRoute('all', [backendRefs('one')])), {
    endpoints: [endpointsOf('one', port)],
  });
  open.unshift(rig);
  return rig;
}

/** Answers what has come whole; `leave` closes all connections at once. */
async function backend(): Promise<{ port: number; heard: string[]; leave(how: 'end' | 'reset'): void }> {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server = await rawBackend((socket) => {
    sockets.add(socket);
    let text = '';
    socket.on('data', (bytes: Buffer) => {
      text += bytes.latin1Slice();
      const at = text.indexOf('\r\n\r\n') + 4;
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (at < 4 || text.length < at + length) return;
      heard.push(text.slice(0, text.indexOf(' HTTP')));
      text = '';
      socket.write(OK);
    });
  });
  open.push(server);
  const leave = (how: 'end' | 'reset'): void => {
    for (const socket of sockets)
      if (how === 'end') socket.destroy();
      else socket.resetAndDestroy();
    sockets.clear();
  };
  return { port: server.port, heard, leave };
}

test.each([
  ['POST /a', 5, 'end'],
  ['POST /a', 5, 'reset'],
  ['POST /a', 0, 'end'],
  ['POST /a', 30_000, 'end'],
  ['PATCH /a', 5, 'end'],
  // What may be sent twice, but for its body, which the gateway has not kept.
  ['PUT /a', 5, 'reset'],
] as const)('%s with %i bytes goes over another connection (%s)', async (line, length, how) => {
  const { port, heard, leave } = await backend();
  const client = await rawClient((await serve(port)).port());
  open.unshift(client);
  expect(await client.ask(`GET /first HTTP/1.1\r\nHost: a.example\r\n\r\n`)).toMatchObject([{ status: 200 }]);
  // The gateway hears of the request first, and of the end right after.
  client.send(head(line, length) + 'x'.repeat(length));
  leave(how);
  expect(await client.responses(1)).toMatchObject([{ status: 200 }]);
  expect(heard).toEqual(['GET /first', line]);
});

test('over HTTP/2, too, where the backend says nothing before it leaves', async () => {
  const server = http2.createServer();
  const sockets = new Set<Socket>();
  const heard: string[] = [];
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    stream.resume().on('end', () => {
      heard.push(String(headers[':path']));
      stream.respond({ ':status': 200 });
      stream.end('ok');
    });
  });
  server.on('session', (session) => session.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(server);
  const client = await rawClient((await serve((server.address() as AddressInfo).port, 'kubernetes.io/h2c')).port());
  open.unshift(client);
  expect(await client.ask(`GET /first HTTP/1.1\r\nHost: a.example\r\n\r\n`)).toMatchObject([{ status: 200 }]);
  client.send(`${head('POST /a', 5)}hello`);
  for (const socket of sockets) socket.destroy();
  expect(await client.responses(1)).toMatchObject([{ status: 200 }]);
  expect(heard).toEqual(['/first', '/a']);
});
