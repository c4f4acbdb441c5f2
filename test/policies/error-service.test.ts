/** ResponsePolicy `errorPages` with a backendRef: a service makes the pages, as ingress-nginx's default backend does. */
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const GATEWAY: PolicyAim = { kind: 'Gateway', name: 'gw' };
const ROUTE: PolicyAim = { kind: 'HTTPRoute', name: 'shop' };
const backendRef = { name: 'errors', port: 80 };
const pages = (...errorPages: object[]): object => requestPolicy('ResponsePolicy', 'pages', GATEWAY, { errorPages });
const ALL = pages({ codes: [401, 403, 404, 500, 502, 503, 504], backendRef });

function site(...policies: object[]): string {
  return manifests(
    [HTTP],
    httpRoute('shop', [backendRefs('web')], { hostnames: ['a.example'] }),
    httpRoute('empty', [backendRefs('empty')], { hostnames: ['empty.example'] }),
    httpRoute('gone', [backendRefs('gone')], { hostnames: ['gone.example'] }),
    service('web'),
    service('empty'),
    service('errors'),
    ...policies,
  );
}

let rig: Rig;
let web: TestBackend;
let errors: TestBackend;
let seen: http.IncomingMessage[] = [];
let page: http.RequestListener;
beforeAll(async () => {
  web = await httpBackend(({ url = '' }, answer) => {
    const [, status = '200'] = /^\/(\d+)/.exec(url) ?? [];
    const challenge = status === '401' ? { 'www-authenticate': 'Basic realm="shop"' } : {};
    answer.writeHead(Number(status), { 'content-type': 'text/plain', 'x-inner': 'secret', ...challenge }).end('plain');
  });
  errors = await httpBackend((request, answer) => {
    seen.push(request);
    page(request, answer);
  });
  rig = await serveManifests(site(ALL), {
    endpoints: [endpointsOf('web', web.port), endpointsOf('errors', errors.port)],
  });
});
afterAll(async () => {
  await rig.close();
  await web.close();
  await errors.close();
});
beforeEach(() => {
  seen = [];
  page = (request, answer) => {
    const headers = { 'content-type': 'text/html', 'cache-control': 'no-store', 'x-of-errors': '1' };
    answer.writeHead(Number(request.headers['x-code']), headers).end(`page for ${request.headers['x-code']}`);
  };
});

async function ask(path: string, headers: http.OutgoingHttpHeaders = {}, method = 'GET') {
  const to = { port: rig.port(), host: '127.0.0.1', path, method };
  const call = http.request({ ...to, headers: { host: 'a.example', ...headers } }).end();
  const [answer] = (await once(call, 'response')) as [http.IncomingMessage];
  return { status: answer.statusCode, headers: answer.headers, text: await text(answer) };
}

test('the service is told what ingress-nginx tells, its page is given, and the status stays', async () => {
  const answer = await ask('/404/x?y=1', { accept: 'text/html' });
  expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([404, 'page for 404', 'text/html']);
  expect(answer.headers['cache-control']).toBe('no-store');
  expect([answer.headers['x-inner'], answer.headers['x-of-errors']]).toEqual([undefined, undefined]);
  expect(seen).toHaveLength(1);
  expect([seen[0]!.method, seen[0]!.url]).toEqual(['GET', '/?y=1']);
  expect(seen[0]!.headers).toMatchObject({
    host: 'a.example',
    'x-code': '404',
    'x-format': 'text/html',
    'x-original-uri': '/404/x?y=1',
    'x-namespace': 'default',
    'x-ingress-name': 'shop',
    'x-service-name': 'web',
    'x-service-port': '80',
    'x-request-id': rig.accesses.at(-1)!.requestId,
  });
  await ask('/503');
  expect(seen[1]!.headers['x-format']).toBe('*/*');
});

test('a page with another status is given with that of the answer', async () => {
  page = (_request, answer) => void answer.writeHead(200, { 'content-type': 'text/html' }).end('sorry');
  expect(await ask('/500')).toMatchObject({ status: 500, text: 'sorry' });
});

test('answers of other statuses stay, and HEAD has no body', async () => {
  expect(await ask('/200')).toMatchObject({ status: 200, text: 'plain' });
  expect(await ask('/418')).toMatchObject({ status: 418, text: 'plain' });
  expect(seen).toEqual([]);
  expect(await ask('/404', {}, 'HEAD')).toMatchObject({ status: 404, text: '' });
});

test('a browser is still asked for its password', async () => {
  const answer = await ask('/401');
  expect([answer.text, answer.headers['www-authenticate']]).toEqual(['page for 401', 'Basic realm="shop"']);
});

test.each([
  ['empty.example', 503, 'empty', 'empty'],
  ['gone.example', 500, 'gone', undefined],
  ['nowhere.example', 404, undefined, undefined],
])('the gateway’s own errors have pages: %s', async (host, status, route, name) => {
  expect(await ask('/', { host })).toMatchObject({ status, text: `page for ${status}` });
  expect(seen[0]!.headers['x-ingress-name']).toBe(route);
  expect(seen[0]!.headers['x-service-name']).toBe(name);
});

test('refusals of policies on the route have pages, too', async () => {
  const closed = requestPolicy('AccessPolicy', 'closed', ROUTE, { deny: [{ paths: [{ value: '/closed' }] }] });
  await rig.write(site(ALL, closed));
  expect(await ask('/closed')).toMatchObject({ status: 403, text: 'page for 403' });
  await rig.write(site(ALL));
});

test.each<[string, http.RequestListener]>([
  ['fails', (_request, answer) => void answer.writeHead(500).end('broken')],
  ['ends the connection', (request) => void request.socket.destroy()],
  ['says too much', (_request, answer) => void answer.writeHead(200).end('x'.repeat(300_000))],
  ['says nothing', () => {}],
])('where the service %s the answer stays as it was', async (_what, handler) => {
  page = handler;
  const answer = await ask('/404/x');
  expect([answer.status, answer.text, answer.headers['x-inner']]).toEqual([404, 'plain', 'secret']);
});

test('a call of gRPC never has one', async () => {
  await ask('/404', { 'content-type': 'application/grpc' }, 'POST');
  expect(seen).toEqual([]);
});

test('a service that is not there is told, and answers stay as they are; of two pages for a code the first counts', async () => {
  await rig.write(
    site(pages({ codes: [404], backendRef: { name: 'missing', port: 80 } }, { codes: [404, 503], body: 'text' })),
  );
  expect(await ask('/404')).toMatchObject({ status: 404, text: 'plain' });
  expect(await ask('/503')).toMatchObject({ status: 503, text: 'text' });
  expect(JSON.stringify(rig.report())).toContain('Service default/missing does not exist');
  await rig.write(site(ALL));
});
