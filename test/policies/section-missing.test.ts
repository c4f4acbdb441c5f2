/** A guard whose section is not there, over real sockets: what it was to guard is nowhere served without it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const ADMIN = { name: 'admin', port: 81, protocol: 'HTTP' };
const NOBODY = { allow: [{ addresses: ['192.0.2.1/32'] }] };
const EVERYBODY = { allow: [{ addresses: ['127.0.0.0/8'] }] };

function site(...objects: object[]): string {
  const rules = [
    { name: 'shop', ...backendRefs('web') },
    { matches: [{ path: { value: '/pay' } }], ...backendRefs('web') },
  ];
  const other = httpRoute('other', [backendRefs('other')], { hostnames: ['b.example'] });
  return manifests(
    [HTTP, ADMIN],
    httpRoute('web', rules, { hostnames: ['a.example'] }),
    ...[other, service('web'), service('other'), ...objects],
  );
}

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(site(), { echo: true, ports: [80, 81] });
});
afterAll(() => rig.close());

async function status(host: string, path: string, port = 80): Promise<number> {
  const client = await rawClient(rig.port(port));
  const [answer] = await client.ask(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  client.close();
  return answer!.status;
}

const GATEWAY: PolicyAim = { kind: 'Gateway', name: 'gw' };
const ROUTE: PolicyAim = { kind: 'HTTPRoute', name: 'web' };
const SERVICE: PolicyAim = { kind: 'Service', name: 'web' };

test.each([
  ['listener', GATEWAY, [500, 500, 500, 500]],
  ['rule', ROUTE, [500, 500, 500, 200]],
  ['port', SERVICE, [500, 500, 500, 200]],
])('no such %s: all of the target is refused', async (_, aim, statuses) => {
  for (const spec of [NOBODY, EVERYBODY, { overrides: EVERYBODY }]) {
    await rig.write(site(requestPolicy('AccessPolicy', 'astray', { ...aim, sectionName: 'gone' }, spec)));
    expect([
      await status('a.example', '/'),
      await status('a.example', '/pay'),
      await status('a.example', '/', 81),
      await status('b.example', '/'),
    ]).toEqual(statuses);
    await rig.write(site());
  }
});

test('what something nearer guards is served as that has it, unless the stray one is to hold against it', async () => {
  const astray = (spec: object) => requestPolicy('AccessPolicy', 'astray', { ...GATEWAY, sectionName: 'gone' }, spec);
  const nearer = requestPolicy('AccessPolicy', 'nearer', { ...GATEWAY, sectionName: 'http' }, EVERYBODY);
  await rig.write(site(astray(NOBODY), nearer));
  expect([await status('a.example', '/'), await status('a.example', '/', 81)]).toEqual([200, 500]);
  await rig.write(site(astray({ overrides: NOBODY }), nearer));
  expect([await status('a.example', '/'), await status('a.example', '/', 81)]).toEqual([500, 500]);
});

test('it refuses beside a policy for all of the target, and no longer once its section is there', async () => {
  const astray = requestPolicy('AccessPolicy', 'astray', { ...ROUTE, sectionName: 'pay' }, EVERYBODY);
  const whole = requestPolicy('AccessPolicy', 'whole', ROUTE, EVERYBODY);
  await rig.write(site(whole, astray));
  expect(await status('a.example', '/')).toBe(500);
  await rig.write(site(whole, astray).replace('- matches', '- name: pay\n      matches'));
  expect([await status('a.example', '/'), await status('a.example', '/pay')]).toEqual([200, 200]);
});
