/** Changes of every kind while traffic flows: none of them costs a request. */
import http from 'node:http';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from './manifest.ts';
import { httpBackend, rawBackend, type TestBackend } from './raw-backend.ts';
import { rawClient } from './raw-client.ts';
import { type Rig, type RigOptions, serveManifests } from './rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const closing: Array<{ close(): unknown }> = [];
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close();
});

interface SliceEndpoint {
  port: number;
  conditions?: object;
}

/** EndpointSlices of one Service, one for each port. */
function slices(name: string, endpoints: SliceEndpoint[]): object[] {
  return endpoints.map(({ port, conditions }) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${name}-${port}`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ port }],
    endpoints: [{ addresses: ['127.0.0.1'], conditions: conditions ?? { ready: true } }],
  }));
}

/** Clients that ask one request after the other on connections they keep. */
class Load {
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #running: Promise<void>[] = [];
  readonly failures: string[] = [];
  answered = 0;
  stopped = false;

  constructor(port: number, clients: number) {
    for (let i = 0; i < clients; i++) this.#running.push(this.#run(port));
  }

  async #run(port: number): Promise<void> {
    while (!this.stopped) {
      try {
        const status = await this.#ask(port);
        if (status === 200) this.answered++;
        else this.failures.push(`status ${status}`);
      } catch (error) {
        this.failures.push((error as NodeJS.ErrnoException).code ?? String(error));
        if (this.failures.length > 20) return;
      }
    }
  }

  #ask(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const request = http.get({ host: '127.0.0.1', port, agent: this.#agent, path: '/x' }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode!));
        response.on('error', reject);
      });
      request.on('error', reject);
    });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.#running);
    this.#agent.destroy();
  }
}

function named(name: string): Promise<TestBackend> {
  return httpBackend((_request, response) => response.end(name));
}

async function served(text: string, options: RigOptions = {}): Promise<Rig> {
  const rig = await serveManifests(text, options);
  closing.push(rig);
  return rig;
}

test('fifty changes of routes, endpoints and backends under load lose no request', async () => {
  const backends = await Promise.all(['a', 'b', 'c'].map(named));
  closing.push(...backends);
  const version = (i: number): string => {
    // Endpoints come and go, each in turn; rules are added and removed; the backend itself changes.
    const ports = backends.filter((_, at) => at !== i % 3).map(({ port }) => ({ port }));
    const extra = Array.from({ length: i % 5 }, (_, n) => ({
      matches: [{ path: { value: `/extra${n}` } }],
      ...backendRefs('one'),
    }));
    const main = {
      matches: [{ path: { value: i % 2 === 0 ? '/' : '/x' } }],
      ...backendRefs('one'),
      timeouts: { request: `${10 + i}s` },
    };
    const one = {
      ...service('one'),
      spec: { ports: [{ port: 80, ...(i % 4 === 3 ? { appProtocol: 'kubernetes.io/ws' } : {}) }] },
    };
    return manifests([HTTP], httpRoute('r', [main, ...extra]), one, ...slices('one', ports));
  };
  const rig = await served(version(0));
  const load = new Load(rig.port(), 8);
  for (let i = 1; i <= 50; i++) {
    const before = load.answered;
    await rig.write(version(i));
    await vi.waitUntil(() => load.answered > before + 20 || load.failures.length > 0, { interval: 1 });
  }
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(load.answered).toBeGreaterThan(1_000);
});

test('a request under way to an endpoint that is removed gets its answer', async () => {
  const held = Promise.withResolvers<http.ServerResponse>();
  const slow = await httpBackend((_request, response) => held.resolve(response));
  const other = await named('other');
  closing.push(slow, other);
  const text = (port: number): string =>
    manifests([HTTP], httpRoute('r', [backendRefs('one')]), service('one'), ...slices('one', [{ port }]));
  const rig = await served(text(slow.port));
  const answer = fetch(`http://127.0.0.1:${rig.port()}/`);
  const response = await held.promise;
  await rig.write(text(other.port));
  expect(await (await fetch(`http://127.0.0.1:${rig.port()}/`)).text()).toBe('other');
  response.end('slow');
  expect(await (await answer).text()).toBe('slow');
  await vi.waitFor(() => expect(slow.open).toBe(0));
});

test('endpoints that serve while they terminate are used only where none is ready', async () => {
  const [ready, leaving] = await Promise.all([named('ready'), named('leaving')]);
  closing.push(ready, leaving);
  const conditions = { ready: false, serving: true, terminating: true };
  const text = (...endpoints: SliceEndpoint[]): string =>
    manifests([HTTP], httpRoute('r', [backendRefs('one')]), service('one'), ...slices('one', endpoints));
  const rig = await served(text({ port: ready.port }, { port: leaving.port, conditions }));
  const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${rig.port()}/`)).text();
  for (let i = 0; i < 6; i++) expect(await ask()).toBe('ready');
  await rig.write(text({ port: leaving.port, conditions }));
  expect(await ask()).toBe('leaving');
  await rig.write(text({ port: leaving.port, conditions: { ready: false, serving: false, terminating: true } }));
  expect((await fetch(`http://127.0.0.1:${rig.port()}/`)).status).toBe(503);
});

test('an endpoint that refuses is passed over, and costs no request', async () => {
  const [alive, dead] = await Promise.all([named('alive'), named('dead')]);
  closing.push(alive);
  const endpoints = [{ port: alive.port }, { port: dead.port }];
  await dead.close();
  const rig = await served(
    manifests([HTTP], httpRoute('r', [backendRefs('one')]), service('one'), ...slices('one', endpoints)),
  );
  for (let i = 0; i < 10; i++) expect(await (await fetch(`http://127.0.0.1:${rig.port()}/`)).text()).toBe('alive');
  expect(rig.accesses.filter(({ attempts }) => attempts > 1).length).toBeLessThanOrEqual(1);
});

test('a backend that closes kept connections unannounced costs no request', async () => {
  const backend = await rawBackend((socket) => {
    socket.on('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      socket.end();
    });
  });
  closing.push(backend);
  const text = manifests(
    [HTTP],
    httpRoute('r', [backendRefs('one')]),
    service('one'),
    ...slices('one', [{ port: backend.port }]),
  );
  const rig = await served(text);
  const client = await rawClient(rig.port());
  closing.push(client);
  for (let i = 0; i < 100; i++) expect((await client.ask(GET))[0]!.status).toBe(200);
});

test('a Service of type ExternalName is found by its name', async () => {
  const backend = await named('external');
  closing.push(backend);
  const external = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'ext' },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port: backend.port }] },
  };
  const rig = await served(
    manifests([HTTP], httpRoute('r', [{ backendRefs: [{ name: 'ext', port: backend.port }] }]), external),
    { loopbackNames: 'allowed' },
  );
  expect(await (await fetch(`http://127.0.0.1:${rig.port()}/`)).text()).toBe('external');
});

describe('drain', () => {
  test('lets requests finish, says Connection: close, and takes no further connection', async () => {
    const held = Promise.withResolvers<http.ServerResponse>();
    const backend = await httpBackend((_request, response) => held.resolve(response));
    closing.push(backend);
    const rig = await served(
      manifests(
        [HTTP],
        httpRoute('r', [backendRefs('one')]),
        service('one'),
        ...slices('one', [{ port: backend.port }]),
      ),
    );
    const port = rig.port();
    const client = await rawClient(port);
    closing.push(client);
    client.send(GET);
    const response = await held.promise;
    const drained = rig.proxy.drain(10_000);
    await vi.waitFor(() => expect(rawClient(port)).rejects.toThrow('ECONNREFUSED'));
    response.end('done');
    const [answer] = await client.responses(1);
    expect(answer).toMatchObject({ status: 200, body: 'done' });
    expect(answer!.headers.get('connection')).toBe('close');
    await client.end();
    await drained;
  });

  test('cuts what is left when its time is over', async () => {
    const arrived = Promise.withResolvers<void>();
    const backend = await httpBackend(() => arrived.resolve());
    closing.push(backend);
    const rig = await served(
      manifests(
        [HTTP],
        httpRoute('r', [backendRefs('one')]),
        service('one'),
        ...slices('one', [{ port: backend.port }]),
      ),
    );
    const client = await rawClient(rig.port());
    closing.push(client);
    client.send(GET);
    await arrived.promise;
    await rig.proxy.drain(100);
    await client.end();
    expect(rig.accesses).toMatchObject([{ status: 499, reason: 'draining' }]);
  });

  test('loses no request of clients that keep asking on their connections', async () => {
    const backend = await named('one');
    closing.push(backend);
    const rig = await served(
      manifests(
        [HTTP],
        httpRoute('r', [backendRefs('one')]),
        service('one'),
        ...slices('one', [{ port: backend.port }]),
      ),
    );
    const clients = await Promise.all(Array.from({ length: 8 }, () => rawClient(rig.port())));
    closing.push(...clients);
    const asking = clients.map(async (client) => {
      for (let count = 1; ; count++) {
        const [response] = await client.ask(GET);
        expect(response!.status).toBe(200);
        if (response!.headers.get('connection') === 'close') return count;
      }
    });
    await vi.waitUntil(() => rig.accesses.length > 200, { interval: 1 });
    const drained = rig.proxy.drain(5_000);
    for (const count of await Promise.all(asking)) expect(count).toBeGreaterThan(1);
    await drained;
  });

  test('of a listener that is removed leaves the others as they are', async () => {
    const backend = await named('one');
    closing.push(backend);
    const text = (...listeners: object[]): string =>
      manifests(
        listeners,
        httpRoute('r', [backendRefs('one')]),
        service('one'),
        ...slices('one', [{ port: backend.port }]),
      );
    const second = { name: 'second', port: 81, protocol: 'HTTP' };
    const rig = await serveManifests(text(HTTP, second), { ports: [80, 81] });
    closing.push(rig);
    const [stays, leaves] = await Promise.all([rawClient(rig.port(80)), rawClient(rig.port(81))]);
    closing.push(stays, leaves);
    expect((await leaves.ask(GET))[0]!.status).toBe(200);
    await rig.write(text(HTTP));
    const [last] = await leaves.ask(GET);
    expect(last!.headers.get('connection')).toBe('close');
    await leaves.end();
    expect((await stays.ask(GET))[0]!.status).toBe(200);
  });
});
