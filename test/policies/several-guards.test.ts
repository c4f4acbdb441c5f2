/** Several guards of one kind for one target, over real sockets: none of them stands open because another one is older. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const GATEWAY: PolicyAim = { kind: 'Gateway', name: 'gw' };
const ROUTE: PolicyAim = { kind: 'HTTPRoute', name: 'web' };
const users = (name: string, user: string): object => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name } },
  stringData: { auth: `${user}:{PLAIN}secret` },
});

function site(...objects: object[]): string {
  const route = httpRoute('web', [backendRefs('web')], { hostnames: ['a.example'] });
  return manifests([HTTP], route, service('web'), users('one', 'ann'), users('two', 'bob'), ...objects);
}

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(site(), { echo: true });
});
afterAll(() => rig.close());

async function status(path: string, lines = ''): Promise<number> {
  const client = await rawClient(rig.port());
  const [answer] = await client.ask(`GET ${path} HTTP/1.1\r\nhost: a.example\r\n${lines}\r\n`);
  client.close();
  return answer!.status;
}

const told = (): string[] =>
  rig.report().items.flatMap(({ kind, metadata, status: found }) => {
    const { ancestors = [] } = found as { ancestors?: Array<{ conditions: Array<Record<string, string>> }> };
    return ancestors.flatMap(({ conditions }) =>
      conditions
        .filter(({ type }) => type === 'Accepted' && kind.endsWith('Policy'))
        .map((one) => `${metadata.name} ${one.status} ${one.reason}: ${one.message}`),
    );
  });

const denying = (name: string, path: string, aim = GATEWAY): object =>
  requestPolicy('AccessPolicy', name, aim, { deny: [{ paths: [{ type: 'PathPrefix', value: path }] }] });

test.each([
  ['a Gateway', GATEWAY],
  ['a route', ROUTE],
  ['a Service', { kind: 'Service', name: 'web' } as const],
])('AccessPolicies of %s all act, whichever is older, and say so', async (_, aim) => {
  await rig.write(site(denying('a', '/one', aim), denying('b', '/two', aim), denying('c', '/three', aim)));
  expect([await status('/one'), await status('/two'), await status('/three'), await status('/')]).toEqual([
    ...[403, 403, 403, 200],
  ]);
  expect(told().filter((text) => text.startsWith('b '))).toEqual([
    expect.stringContaining(
      'True Accepted: accepted; acts besides AccessPolicy default/a, which comes first by name, which has the same target',
    ),
  ]);
});

test('of overrides, too; and a nearer default takes the place of all of them', async () => {
  const overriding = (name: string, path: string): object =>
    requestPolicy('AccessPolicy', name, GATEWAY, {
      overrides: { deny: [{ paths: [{ type: 'PathPrefix', value: path }] }] },
    });
  await rig.write(site(overriding('a', '/one'), overriding('b', '/two'), denying('near', '/near', ROUTE)));
  expect([await status('/one'), await status('/two'), await status('/near')]).toEqual([403, 403, 403]);
  await rig.write(site(denying('a', '/one'), denying('b', '/two'), denying('near', '/near', ROUTE)));
  expect([await status('/one'), await status('/two'), await status('/near')]).toEqual([200, 200, 403]);
});

test('who asks must be who all AuthenticationPolicies want; the same under two names is as one', async () => {
  const basic = (name: string, secret: string): object =>
    requestPolicy('AuthenticationPolicy', name, ROUTE, { methods: [{ basic: { secretRef: { name: secret } } }] });
  const as = (user: string): string => `authorization: Basic ${Buffer.from(`${user}:secret`).toString('base64')}\r\n`;
  await rig.write(site(basic('a', 'one'), basic('b', 'one')));
  expect([await status('/', as('ann')), await status('/')]).toEqual([200, 401]);
  await rig.write(site(basic('a', 'one'), basic('b', 'two')));
  expect([await status('/', as('ann')), await status('/', as('bob'))]).toEqual([401, 401]);
});

test('limits of all RateLimitPolicies count', async () => {
  const limit = (name: string, requests: number, path: string): object =>
    requestPolicy('RateLimitPolicy', name, ROUTE, {
      limits: [{ requests, per: 'Hour', when: [{ path: { type: 'PathPrefix', value: path } }] }],
    });
  await rig.write(site(limit('a', 2, '/a'), limit('b', 1, '/b')));
  const statuses: number[] = [];
  for (const path of ['/a', '/a', '/a', '/b', '/b', '/c']) statuses.push(await status(path));
  expect(statuses).toEqual([200, 200, 429, 200, 429, 200]);
});

test('one that cannot be followed refuses, though another one is older', async () => {
  const broken = requestPolicy('AccessPolicy', 'b', GATEWAY, { deny: [{ cel: '((' }] });
  await rig.write(site(denying('a', '/one'), broken));
  expect([await status('/one'), await status('/')]).toEqual([403, 500]);
});

test('of more than may act together nothing is let through', async () => {
  const many = Array.from({ length: 17 }, (_, i) => denying(`p${String(i).padStart(2, '0')}`, `/${i}`));
  await rig.write(site(...many.slice(0, 16)));
  expect([await status('/15'), await status('/other')]).toEqual([403, 200]);
  await rig.write(site(...many));
  expect(await status('/other')).toBe(500);
  expect(told().at(-1)).toMatch(
    /^p16 False Conflicted: .*more than 16 of its kind have the same target: all of Gateway default\/gw is refused/,
  );
});
