/** Requests that come back to the gateway, and what Via says of those that pass. */
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend, rawBackend, type TestBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, type RigOptions, serveManifests } from './rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const closing: Array<() => unknown> = [];

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function served(text: string, options: RigOptions): Promise<Rig> {
  const rig = await serveManifests(text, options);
  closing.push(() => rig.close());
  return rig;
}

/** Something outside the gateway that leads back to it, as a load balancer would. */
async function wayBack(to: () => number): Promise<TestBackend> {
  const back = await rawBackend((socket) => {
    const on = net.connect(to(), '127.0.0.1');
    on.on('error', () => socket.destroy());
    socket.on('close', () => on.destroy());
    socket.pipe(on).pipe(socket);
  });
  closing.push(() => back.close());
  return back;
}

describe('a route to itself', () => {
  test.each([undefined, 'kubernetes.io/h2c'])(
    'ends with 508 after a few hops (appProtocol %s)',
    async (appProtocol) => {
      let port = 0;
      const back = await wayBack(() => port);
      const self = { ...service('s'), spec: { ports: [{ port: 80, appProtocol }] } };
      const text = manifests([HTTP], httpRoute('r', [backendRefs('s')]), self);
      const rig = await served(text, { endpoints: [endpointsOf('s', back.port)] });
      port = rig.port();
      const client = await rawClient(port);
      const [response] = await client.ask(GET);
      expect(response!.status).toBe(508);
      await expect.poll(() => rig.accesses.length).toBe(9);
      expect(rig.accesses.filter(({ reason }) => reason === 'loop')).toHaveLength(1);
      expect(back.accepted).toBeLessThanOrEqual(8);
      const asked = 'GET / HTTP/1.1\r\nHost: a.example\r\nConnection: cdn-loop\r\nCDN-Loop: cdn.example; a=1\r\n\r\n';
      client.close();
      const other = await rawClient(port);
      // Whoever could have the line left out could keep the circle going.
      expect((await other.ask(asked))[0]!.status).toBe(400);
      other.close();
    },
  );

  test('ends for a copy, too', async () => {
    let port = 0;
    const back = await wayBack(() => port);
    const good = await httpBackend((_request, response) => void response.end('good'));
    closing.push(() => good.close());
    const filters = [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 's', port: 80 } } }];
    const text = manifests(
      [HTTP],
      httpRoute('r', [{ ...backendRefs('good'), filters }]),
      service('s'),
      service('good'),
    );
    const rig = await served(text, { endpoints: [endpointsOf('s', back.port), endpointsOf('good', good.port)] });
    port = rig.port();
    const client = await rawClient(port);
    expect((await client.ask(GET))[0]!.status).toBe(200);
    client.close();
    await expect.poll(() => rig.accesses.filter(({ reason }) => reason === 'loop').length).toBe(1);
    expect(rig.accesses).toHaveLength(9);
  });

  test('cannot be hidden by a filter', async () => {
    const filters = [{ type: 'RequestHeaderModifier', requestHeaderModifier: { remove: ['CDN-Loop'] } }];
    const rig = await served(manifests([HTTP], httpRoute('r', [{ ...backendRefs('s'), filters }]), service('s')), {});
    expect(JSON.stringify(rig.report())).toContain('CDN-Loop is written by the gateway alone');
  });
});

describe('Via', () => {
  async function heads(options: RigOptions): Promise<{ request: Record<string, unknown>; answer: string | undefined }> {
    let request: Record<string, unknown> = {};
    const backend = await httpBackend((asked, response) => {
      request = asked.headers;
      response.setHeader('via', '1.1 behind').end('ok');
    });
    closing.push(() => backend.close());
    const text = manifests([HTTP], httpRoute('r', [backendRefs('s')]), service('s'));
    const rig = await served(text, { ...options, endpoints: [endpointsOf('s', backend.port)] });
    const client = await rawClient(rig.port());
    const [response] = await client.ask('GET / HTTP/1.1\r\nHost: a.example\r\nVia: 1.0 before\r\n\r\n');
    client.close();
    return { request, answer: response!.headers.get('via') };
  }

  test('that came is passed on, and none is added', async () => {
    const { request, answer } = await heads({});
    expect(request).toMatchObject({ via: '1.0 before', 'cdn-loop': 'daemun' });
    expect(answer).toBe('1.1 behind');
  });

  test('is added where it is asked for', async () => {
    for (const trustedHops of [[], ['127.0.0.0/8']]) {
      const { request, answer } = await heads({ via: true, trustedHops });
      expect(request.via).toBe('1.0 before, 1.1 daemun');
      expect(answer).toBe('1.1 behind, 1.1 daemun');
    }
  });
});
