/** Many requests at once to one endpoint: all answered, or refused politely where a policy says so. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { backendTraffic } from '../policies/policy.ts';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, serveManifests } from './rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const closing: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function served(text: string, port: number): Promise<Rig> {
  const rig = await serveManifests(text, { endpoints: [endpointsOf('s', port)] });
  closing.push(() => rig.close());
  return rig;
}

/** Statuses of so many requests at once, over connections of 100 streams each. */
async function burst(port: number, connections: number): Promise<Map<number, number>> {
  const sessions = Array.from({ length: connections }, () => http2.connect(`http://127.0.0.1:${port}`));
  await Promise.all(sessions.map((session) => once(session, 'connect')));
  const asked = sessions.flatMap((session) =>
    Array.from({ length: 100 }, async () => {
      const stream = session.request({ ':path': '/', ':authority': 'a.example' });
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
      stream.resume();
      await once(stream, 'close');
      return Number(headers[':status']);
    }),
  );
  const statuses = new Map<number, number>();
  for (const status of await Promise.all(asked)) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  for (const session of sessions) session.destroy();
  return statuses;
}

describe('ten thousand requests at once', () => {
  test('to one endpoint are all answered', async () => {
    const backend = await httpBackend((_request, response) => void response.end('ok'));
    closing.push(() => backend.close());
    const rig = await served(manifests([HTTP], httpRoute('r', [backendRefs('s')]), service('s')), backend.port);
    expect(await burst(rig.port(), 100)).toEqual(new Map([[200, 10_000]]));
  });

  test('to a cold h2c endpoint, too', async () => {
    const server = http2.createServer((_request, response) => void response.end('ok'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => server.close());
    const h2c = { ...service('s'), spec: { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] } };
    const { port } = server.address() as AddressInfo;
    const rig = await served(manifests([HTTP], httpRoute('r', [backendRefs('s')]), h2c), port);
    expect(await burst(rig.port(), 20)).toEqual(new Map([[200, 2_000]]));
  });
});

test('what a policy’s circuit breaker refuses is told when to come again, and counted; an edit counts at once', async () => {
  const release: Array<() => void> = [];
  const backend = await httpBackend((_request, response) => void release.push(() => response.end('ok')));
  closing.push(() => backend.close());
  const text = (maxPendingRequests: number): string =>
    manifests(
      [HTTP],
      httpRoute('r', [backendRefs('s')]),
      service('s'),
      backendTraffic('s', { circuitBreaker: { maxConnections: 1, maxPendingRequests } }),
    );
  const rig = await served(text(0), backend.port);
  const clients = await Promise.all([1, 2, 3].map(() => rawClient(rig.port())));
  const [first, second, third] = clients as [(typeof clients)[0], (typeof clients)[0], (typeof clients)[0]];
  const held = first.ask(GET);
  await expect.poll(() => release.length).toBe(1);
  const [refused] = await second.ask(GET);
  expect([refused!.status, refused!.headers.get('retry-after')]).toEqual([503, '1']);
  expect(rig.accesses.at(-1)).toMatchObject({ reason: 'overloaded' });
  const counted = rig.proxy.metrics().find(({ name }) => name === 'daemun_http_overloaded_total');
  expect(counted?.series[0]?.value).toBe(1);
  await rig.write(text(1));
  const waits = third.ask(GET);
  release.shift()!();
  expect((await held)[0]!.status).toBe(200);
  await expect.poll(() => release.length).toBe(1);
  release.shift()!();
  expect((await waits)[0]!.status).toBe(200);
  for (const client of clients) client.close();
});
