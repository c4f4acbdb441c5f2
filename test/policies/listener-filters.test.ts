/** Filters of listeners over real sockets: they act before the route is chosen, in their order, and nobody passes them by. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { GrpcAuth, HttpAuth } from './auth-service.ts';
import { requestPolicy } from './policy.ts';

const asksHttp = (name: string, more: object = {}) => ({
  type: 'ExternalAuth',
  externalAuth: { protocol: 'HTTP', backendRef: { name, port: 80 }, http: {}, ...more },
});
const TENANT = asksHttp('auth', { http: { allowedHeaders: ['Cookie'], allowedResponseHeaders: ['X-Tenant'] } });
const ASKS_GRPC = {
  type: 'ExternalAuth',
  externalAuth: { protocol: 'GRPC', backendRef: { name: 'grpc-auth', port: 80 }, grpc: {} },
};

const ofTenant = (tenant: string) => [{ headers: [{ name: 'X-Tenant', value: tenant }] }];
const ROUTES = [
  httpRoute('tenants', [
    { matches: ofTenant('one'), ...backendRefs('one') },
    { matches: ofTenant('two'), ...backendRefs('two') },
  ]),
  httpRoute('plain', [backendRefs('plain')], { hostnames: ['plain.example'] }),
];
const SERVICES = ['one', 'two', 'plain', 'auth', 'second', 'grpc-auth'];

function site(filters: object[], ...objects: object[]): string {
  return manifests(
    [{ ...HTTP, filters: { requests: filters } }],
    ...(objects.some((one) => 'kind' in one && one.kind === 'HTTPRoute') ? [] : ROUTES),
    ...SERVICES.map(service),
    ...objects,
  );
}

let written = site([TENANT]);

/** What is written already changes nothing that could be waited for. */
async function write(manifest: string): Promise<void> {
  if (manifest !== written) await rig.write(manifest);
  written = manifest;
}

let auth: HttpAuth;
let second: HttpAuth;
let grpcAuth: GrpcAuth;
const origins = new Map<string, HttpAuth>();
let rig: Rig;
beforeAll(async () => {
  [auth, second, grpcAuth] = [await HttpAuth.open(), await HttpAuth.open(), await GrpcAuth.open()];
  for (const name of ['one', 'two', 'plain']) origins.set(name, await HttpAuth.open());
  rig = await serveManifests(written, {
    ports: [80, 81],
    endpoints: [
      ...Array.from(origins, ([name, { port }]) => endpointsOf(name, port)),
      endpointsOf('auth', auth.port),
      endpointsOf('second', second.port),
      endpointsOf('grpc-auth', grpcAuth.port),
    ],
  });
});
afterAll(async () => {
  await rig.close();
  for (const one of [auth, second, ...origins.values()]) await one.close();
  grpcAuth.close();
});
beforeEach(() => {
  auth.answer = (_question, response) => response.end();
  second.answer = (_question, response) => response.end();
  grpcAuth.answer = () => ({ status: { code: 0 } });
  for (const [name, origin] of origins) origin.answer = (_question, response) => response.end(name);
  for (const one of [auth, second, grpcAuth, ...origins.values()]) one.asked.length = 0;
});

/** The service says whose the request is by its cookie. */
function namesTenant(): void {
  auth.answer = ({ headers }, response) => {
    const tenant = /tenant=(\w+)/.exec(headers.cookie ?? '')?.[1];
    response.writeHead(200, tenant === undefined ? {} : { 'X-Tenant': tenant }).end();
  };
}

interface Asked {
  path?: string;
  method?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: string;
  host?: string;
  port?: number;
}

async function ask({ path = '/', method = 'GET', headers = {}, body, host = 'a.example', port = 80 }: Asked = {}) {
  const at = { port: rig.port(port), host: '127.0.0.1', path, method, headers: { host, ...headers }, agent: false };
  const request = http.request(at);
  request.end(body);
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) };
}

async function askHttp2(headers: http2.OutgoingHttpHeaders, body?: string) {
  const session = http2.connect(`http://127.0.0.1:${rig.port()}`);
  try {
    const request = session.request({ ':authority': 'a.example', ...headers });
    request.end(body);
    const [answer] = (await once(request, 'response')) as [http2.IncomingHttpHeaders];
    return { status: answer[':status'], body: await text(request) };
  } finally {
    session.close();
  }
}

describe('what a filter writes chooses the route', () => {
  beforeAll(() => write(site([TENANT])));
  beforeEach(namesTenant);

  test('over HTTP/1.1 and HTTP/2, with bodies, and the backend is told once', async () => {
    for (const tenant of ['one', 'two']) {
      const headers = { cookie: `tenant=${tenant}` };
      expect(await ask({ headers })).toMatchObject({ status: 200, body: tenant });
      expect(await ask({ headers, method: 'POST', body: 'x'.repeat(100_000) })).toMatchObject({ body: tenant });
      expect(origins.get(tenant)!.last).toMatchObject({ method: 'POST', body: 'x'.repeat(100_000) });
      expect(origins.get(tenant)!.last.headers['x-tenant']).toBe(tenant);
      expect(await askHttp2({ ...headers, ':path': '/p?q=1', ':method': 'POST' }, 'y')).toEqual({
        status: 200,
        body: tenant,
      });
      expect(origins.get(tenant)!.last).toMatchObject({ url: '/p?q=1', body: 'y' });
      expect(origins.get(tenant)!.last.headers).toMatchObject({ 'x-tenant': tenant, host: 'a.example' });
    }
    expect(auth.asked.length).toBe(6);
  });

  test('and what the client says of itself does not, in whatever spelling', async () => {
    const headers = { 'x-tenant': 'two' };
    expect((await ask({ headers })).status).toBe(404);
    expect(await ask({ headers: { ...headers, cookie: 'tenant=one' } })).toMatchObject({ body: 'one' });
    expect(origins.get('one')!.last.headers['x-tenant']).toBe('one');
    await ask({ headers: { 'X.Tenant': 'two', cookie: 'tenant=one' } });
    expect(Object.keys(origins.get('one')!.last.headers)).not.toContain('x.tenant');
    expect(origins.get('two')!.asked).toEqual([]);
  });

  test('it is told where no route takes the request, too, and its denial comes before "not found"', async () => {
    auth.answer = (_question, response) => response.writeHead(403).end('no');
    expect(await ask()).toMatchObject({ status: 403, body: 'no' });
    expect(await ask({ host: 'plain.example' })).toMatchObject({ status: 403 });
    expect(origins.get('plain')!.asked).toEqual([]);
    expect(rig.accesses.at(-1)).toMatchObject({
      status: 403,
      reason: 'external_auth_denied',
      listener: 'default/gw/http',
      route: '',
      policy: 'Listener/default/gw/http#ExternalAuth',
    });
  });

  test('a service that does not answer lets nobody pass', async () => {
    auth.answer = (_question, response) => response.destroy();
    expect((await ask({ host: 'plain.example' })).status).toBe(503);
    expect(origins.get('plain')!.asked).toEqual([]);
  });
});

describe('the order of filters', () => {
  const sets = (value: string) => () => ({
    status: { code: 0 },
    okResponse: { headers: [{ header: { key: 'X-Tenant', value }, appendAction: 2 }] },
  });

  test('is that of the list, each sees what those before it wrote, and the last one wins', async () => {
    const seesTenant = asksHttp('second', {
      http: { allowedHeaders: ['X-Tenant'], allowedResponseHeaders: ['X-Tenant'] },
    });
    grpcAuth.answer = sets('one');
    second.answer = ({ headers }, response) =>
      response.writeHead(200, { 'X-Tenant': headers['x-tenant'] === 'one' ? 'two' : 'none' }).end();
    await write(site([ASKS_GRPC, seesTenant]));
    expect(await ask({ headers: { 'x-tenant': 'forged' } })).toMatchObject({ status: 200, body: 'two' });
    await write(site([seesTenant, ASKS_GRPC]));
    expect(await ask({ headers: { 'x-tenant': 'forged' } })).toMatchObject({ status: 200, body: 'one' });
    expect(second.last.headers['x-tenant']).toBe('forged');
    expect(grpcAuth.asked.at(-1)!.request.http.headers).toMatchObject({ 'x-tenant': 'none' });
  });

  test('one that denies ends it: nobody after it is asked', async () => {
    await write(site([TENANT, asksHttp('second')]));
    auth.answer = (_question, response) => response.writeHead(401).end();
    expect((await ask()).status).toBe(401);
    expect([auth.asked.length, second.asked.length]).toEqual([1, 0]);
  });

  test('lines that are appended reach the backend once, after the client’s', async () => {
    grpcAuth.answer = () => ({
      status: { code: 0 },
      okResponse: { headers: [{ header: { key: 'X-Seen', value: 'gateway' }, append: { value: true } }] },
    });
    await write(site([ASKS_GRPC]));
    await ask({ host: 'plain.example', headers: { 'x-seen': 'client' } });
    expect(origins.get('plain')!.last.headers['x-seen']).toBe('client, gateway');
  });

  test('the rule’s own filters come after them', async () => {
    const modifier = { set: [{ name: 'X-Tenant', value: 'of-the-rule' }], remove: ['X-Role'] };
    const filters = [{ type: 'RequestHeaderModifier', requestHeaderModifier: modifier }];
    const http = { allowedResponseHeaders: ['X-Tenant', 'X-Role'] };
    const rules = [{ matches: ofTenant('one'), filters, ...backendRefs('plain') }];
    await write(site([asksHttp('auth', { http })], httpRoute('changed', rules)));
    auth.answer = (_question, response) => response.writeHead(200, { 'X-Tenant': 'one', 'X-Role': 'r' }).end();
    expect(await ask()).toMatchObject({ status: 200, body: 'plain' });
    expect(origins.get('plain')!.last.headers['x-tenant']).toBe('of-the-rule');
    expect(origins.get('plain')!.last.headers['x-role']).toBeUndefined();
  });

  test('a filter of the rule that asks somebody is asked besides, and told what was written', async () => {
    const rules = [
      { filters: [asksHttp('second', { http: { allowedHeaders: ['X-Tenant'] } })], ...backendRefs('plain') },
    ];
    await write(site([TENANT], httpRoute('guarded', rules)));
    auth.answer = (_question, response) => response.writeHead(200, { 'X-Tenant': 'one' }).end();
    expect((await ask()).status).toBe(200);
    expect([auth.asked.length, second.asked.length]).toEqual([1, 1]);
    expect(second.last.headers['x-tenant']).toBe('one');
  });
});

describe('what stands before the route', () => {
  test('Host is nobody’s to write', async () => {
    await write(site([asksHttp('auth')]));
    auth.answer = (_question, response) => response.writeHead(200, { Host: 'b.example', 'X-Tenant': 'one' }).end();
    expect(await ask({ host: 'plain.example' })).toMatchObject({ body: 'plain' });
    expect(origins.get('plain')!.last.headers.host).toBe('plain.example');
    await write(site([ASKS_GRPC]));
    grpcAuth.answer = () => ({
      status: { code: 0 },
      okResponse: { headers: [{ header: { key: 'Host', value: 'b.example' } }] },
    });
    expect((await ask({ host: 'plain.example' })).status).toBe(503);
  });

  test('whom the listener’s policies keep out by address alone costs the service nothing', async () => {
    const denies = { deny: [{ addresses: ['127.0.0.0/8'] }] };
    const policy = (holds: 'overrides' | 'defaults') =>
      requestPolicy('AccessPolicy', 'nobody', { kind: 'Gateway', name: 'gw' }, { [holds]: denies });
    await write(site([TENANT], policy('overrides')));
    expect((await ask({ host: 'plain.example' })).status).toBe(403);
    expect(auth.asked).toEqual([]);
    await write(site([TENANT], policy('defaults')));
    expect((await ask({ host: 'plain.example' })).status).toBe(403);
    expect(origins.get('plain')!.asked).toEqual([]);
  });

  test('a policy of the listener acts once, whether before the route or after it', async () => {
    const limit = { limits: [{ requests: 2, per: 'Hour' }] };
    await write(
      site([TENANT], requestPolicy('RateLimitPolicy', 'two', { kind: 'Gateway', name: 'gw' }, { overrides: limit })),
    );
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask({ host: 'plain.example' })).status);
    expect(statuses).toEqual([200, 200, 429]);
    expect(auth.asked.length).toBe(2);
  });
});

describe('a filter that cannot be used', () => {
  test('lets nobody pass where its service is not there, and says so; other listeners serve', async () => {
    const listeners = [
      { ...HTTP, filters: { requests: [asksHttp('absent')] } },
      { ...HTTP, name: 'open', port: 81 },
    ];
    await write(manifests(listeners, ...ROUTES, ...SERVICES.map(service)));
    expect((await ask({ host: 'plain.example' })).status).toBe(500);
    expect((await ask({ host: 'nobody.example' })).status).toBe(500);
    expect(await ask({ host: 'plain.example', port: 81 })).toMatchObject({ status: 200, body: 'plain' });
    expect(JSON.stringify(rig.report().items)).toContain('"reason":"InvalidListenerFilterRef"');
  });

  test('on a ListenerSet as on a Gateway', async () => {
    const set = {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'ListenerSet',
      metadata: { name: 'more' },
      spec: {
        parentRef: { name: 'gw' },
        listeners: [{ name: 'set', port: 81, protocol: 'HTTP', filters: { requests: [TENANT] } }],
      },
    };
    const parentRefs = [{ kind: 'ListenerSet', group: 'gateway.networking.k8s.io', name: 'more' }];
    const base = manifests(
      [HTTP],
      httpRoute('set', [{ matches: ofTenant('one'), ...backendRefs('one') }], { parentRefs }),
      ...SERVICES.map(service),
      set,
    ).replace('gatewayClassName: any', 'gatewayClassName: any\n  allowedListeners: { namespaces: { from: Same } }');
    await write(base);
    namesTenant();
    expect(await ask({ port: 81, headers: { cookie: 'tenant=one' } })).toMatchObject({ status: 200, body: 'one' });
    expect((await ask({ port: 81, headers: { 'x-tenant': 'one' } })).status).toBe(404);
  });
});
