import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ConfigRef } from '../../config/index.ts';
import { backend, listener, PlaneRig, rule } from './plane.suite.ts';

const HALF = 'GET / HTTP/1.1\r\nHost: a.example\r\n';
const ALL_REFS: ConfigRef[] = [
  { kind: 'Listener', key: 'd/g/l' },
  { kind: 'RouteRule', key: 'HTTPRoute/d/r/0' },
  { kind: 'Backend', key: 'd/b:80' },
  { kind: 'Endpoints', key: 'd/b:80' },
];
let server: http.Server;
let own: number;
let rig: PlaneRig;
let client: Socket;
let came = '';

/** A client has sent the half of its second request. */
beforeEach(async () => {
  server = http.createServer((_request, response) => response.end('served')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  own = (server.address() as AddressInfo).port;
  rig = new PlaneRig();
  await rig.apply([listener('HTTP'), rule('HTTPRoute'), ...backend(own)]);
  client = net.connect(rig.port(), '127.0.0.1').setEncoding('latin1');
  came = '';
  client.on('data', (text) => (came += text)).on('error', () => {});
  client.write(`${HALF}\r\n`);
  await expect.poll(() => came).toContain('served');
  came = '';
  client.write(HALF);
});

afterEach(async () => {
  client.destroy();
  await rig.close();
  server.closeAllConnections();
  server.close();
});

test('a request under way on a port that goes is served, though its backend goes with it', async () => {
  await rig.apply([], ALL_REFS);
  client.write('\r\n');
  await expect.poll(() => came).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n[\s\S]*served$/);
  await expect.poll(connections).toBe(0);
});

test('a backend that comes back meanwhile is the new one, without the endpoints that it had', async () => {
  await rig.apply([], ALL_REFS);
  await rig.apply([listener('HTTP', { port: 81 }), rule('HTTPRoute'), backend(own)[0]!]);
  client.write('\r\n');
  await expect.poll(() => came).toMatch(/^HTTP\/1\.1 503 /);
  await rig.apply(backend(own));
  const response = await fetch(`http://127.0.0.1:${rig.port()}/`);
  expect([response.status, await response.text()]).toEqual([200, 'served']);
});

test('endpoints that go alone go at once', async () => {
  await rig.apply([], [{ kind: 'Endpoints', key: 'd/b:80' }]);
  client.write('\r\n');
  await expect.poll(() => came).toMatch(/^HTTP\/1\.1 503 /);
});

/** Of the backend. */
function connections(): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
}
