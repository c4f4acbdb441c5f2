/** Rows of metrics whose route, backend or listener is gone. */
import net from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ROW_GRACE } from '../../src/observe/index.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const closing: Array<() => unknown> = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
});
afterEach(async () => {
  vi.useRealTimers();
  for (const close of closing.splice(0).reverse()) await close();
});

async function ask(rig: Rig, path: string): Promise<number> {
  const client = await rawClient(rig.port());
  const [response] = await client.ask(`GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
  client.close();
  return response!.status;
}

/** Values of the labels of all rows. */
function named(rig: Rig): Set<string> {
  const rows = rig.proxy.metrics().flatMap(({ series }) => series.map(({ labels }) => Object.values(labels)));
  return new Set(rows.flat());
}

test('stay for a while, so that their last values are seen, and then go', async () => {
  const bad = await httpBackend((_request, response) => void response.writeHead(503).end());
  closing.push(() => bad.close());
  const tcp = { name: 'tcp', port: 5432, protocol: 'TCP' };
  const parentRefs = [{ name: 'gw', sectionName: 'http' }];
  const prefix = (value: string): object => ({ matches: [{ path: { type: 'PathPrefix', value } }] });
  const stays = (to: string): object =>
    httpRoute('stays', [{ ...prefix('/stays'), ...backendRefs(to) }], { parentRefs });
  const goes = httpRoute('goes', [{ ...prefix('/goes'), ...backendRefs('c') }], { parentRefs });
  const services = ['a', 'b', 'c'].map(service);
  const rig = await serveManifests(manifests([HTTP, tcp], stays('a'), goes, ...services), {
    ports: [80, 5432],
    endpoints: ['a', 'b', 'c'].map((name) => endpointsOf(name, bad.port, 1)),
  });
  closing.push(() => rig.close());
  for (const path of ['/stays', '/stays', '/goes', '/goes']) expect(await ask(rig, path)).toBe(503);
  const socket = net.connect(rig.port(5432), '127.0.0.1');
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
  const gone = ['HTTPRoute/default/goes/0', 'default/a:80', 'default/c:80', 'default/gw/tcp'];
  expect([...named(rig)]).toEqual(expect.arrayContaining([...gone, 'connect']));

  await rig.write(manifests([HTTP], stays('b'), ...services));
  expect(await ask(rig, '/stays')).toBe(503);
  expect([...named(rig)]).toEqual(expect.arrayContaining(gone));
  vi.advanceTimersByTime(ROW_GRACE - 1000);
  expect([...named(rig)]).toEqual(expect.arrayContaining(gone));
  vi.advanceTimersByTime(2000);
  rig.proxy.metrics();
  const left = named(rig);
  expect(gone.filter((name) => left.has(name))).toEqual([]);
  expect([...left]).toEqual(expect.arrayContaining(['HTTPRoute/default/stays/0', 'default/b:80']));
  expect(await ask(rig, '/stays')).toBe(503);
  expect(named(rig).has('HTTPRoute/default/stays/0')).toBe(true);
});
