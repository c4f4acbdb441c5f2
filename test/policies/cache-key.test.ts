/** What is one resource to a cache, and what is two: whatever may have another answer is another one. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { httpBackend, type TestBackend } from '../served/raw-backend.ts';
import { type RawClient, rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { clientTraffic, requestPolicy } from './policy.ts';

const KEPT = { ...HTTP, name: 'kept', port: 81 };
let backend: TestBackend;
let rig: Rig;
beforeAll(async () => {
  backend = await httpBackend((request, answer) => {
    answer.writeHead(200, { 'cache-control': 'max-age=100' }).end(`${request.headers.host} ${request.url}`);
  });
  const site = manifests(
    [HTTP, KEPT],
    httpRoute('a', [backendRefs('web')]),
    service('web'),
    requestPolicy('ResponsePolicy', 'kept', { kind: 'HTTPRoute', name: 'a' }, { cache: {} }),
    clientTraffic('forms', { pathForm: 'Keep' }, 'kept'),
  );
  rig = await serveManifests(site, { ports: [80, 81], endpoints: [endpointsOf('web', backend.port)] });
});
afterAll(async () => {
  await rig.close();
  await backend.close();
});

async function ask(target: string, { host = 'a.example', port = 80, method = 'GET' } = {}) {
  const client: RawClient = await rawClient(rig.port(port));
  const [answer] = await client.ask(`${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  client.close();
  return { body: String(answer!.body), hit: answer!.headers.get('cache-status')?.includes('hit') };
}

describe('one resource', () => {
  test.each([
    ['/~a', '/%7Ea', {}],
    ['/b//c', '/b/c', {}],
    ['http://a.example/d', '/d', {}],
    ['/e', '/e', { host: 'A.Example' }],
  ])('is %s as %s', async (one, other, also) => {
    const first = await ask(one);
    expect(await ask(other, also)).toEqual({ body: first.body, hit: true });
  });
});

describe('two resources', () => {
  test.each<[string, string, { host?: string; port?: number }]>([
    ['/x', '/x?', {}],
    ['/y?', '/y', {}],
    ['/p?a=%7E', '/p?a=~', {}],
    ['/p?a=1&b=2', '/p?b=2&a=1', {}],
    ['/q', '/Q', {}],
    ['/q/', '/q/%2F', {}],
    ['/r', '/r', { host: 'a.example.' }],
    ['/s', '/s', { host: 'a.example:80' }],
    ['/t', '/t', { host: 'b.example' }],
    ['/u', '/u', { port: 81 }],
  ])('are %s and %s %j', async (one, other, also) => {
    await ask(one);
    const second = await ask(other, also);
    expect(second.hit).toBe(false);
    expect(await ask(other, also)).toEqual({ body: second.body, hit: true });
  });

  test('where the form of paths is kept are /~a and /%7Ea', async () => {
    const port = 81;
    expect((await ask('/~a', { port })).body).toBe('a.example /~a');
    expect(await ask('/%7Ea', { port })).toEqual({ body: 'a.example /%7Ea', hit: false });
  });

  test('of which one is changed leave the other as it is', async () => {
    for (const path of ['/z', '/z?']) await ask(path);
    await ask('/z?', { method: 'DELETE' });
    expect([(await ask('/z')).hit, (await ask('/z?')).hit]).toEqual([true, false]);
  });
});
