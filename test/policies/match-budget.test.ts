/** What one tenant's rules and policies may ask of a request, over real sockets: bounded, and refused beyond that. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { requestPolicy } from './policy.ts';

const A = { kind: 'HTTPRoute', name: 'a' } as const;
const LONG = `/${'ab'.repeat(3_900)}`;

/** As many as a policy takes, none of which is sure before the end of the path. */
const paths = (first: number) =>
  Array.from({ length: 64 }, (_, i) => ({ type: 'RegularExpression', value: `.*[ab]*x${first + i}` }));
const entries = Array.from({ length: 64 }, (_, i) => ({ paths: paths(i * 64) }));
const limits = Array.from({ length: 32 }, (_, i) => ({
  when: paths(i * 64)
    .slice(0, 16)
    .map((path) => ({ path })),
  requests: 1_000,
  per: 'Second',
}));

/** Of the tenant's other rules, each with an expression that comes before the catch-all. */
const costly = Array.from({ length: 16 }, (_, i) =>
  httpRoute(
    `costly-${i}`,
    Array.from({ length: 16 }, (_, rule) => ({
      matches: Array.from({ length: 4 }, (_, match) => ({
        path: { type: 'RegularExpression', value: `.*[ab]*y${i}-${rule}-${match}` },
      })),
      ...backendRefs('web'),
    })),
    { hostnames: ['a.example'] },
  ),
);

function site(...objects: object[]): string {
  return manifests(
    [HTTP],
    httpRoute('a', [backendRefs('web')], { hostnames: ['a.example'] }),
    httpRoute('b', [backendRefs('web')], { hostnames: ['b.example'] }),
    service('web'),
    ...objects,
  );
}

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(site(), { echo: true });
});
afterAll(() => rig.close());

async function ask(host: string, path: string): Promise<string> {
  const client = await rawClient(rig.port());
  client.send(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  await client.until(() => client.ended);
  return client.text;
}

function refused(): number {
  const family = rig.proxy.metrics().find(({ name }) => name === 'daemun_http_match_budget_total');
  return family!.series.reduce((sum, { value }) => sum + (value as number), 0);
}

describe('a request that asks too much of what a tenant wrote', () => {
  test.each([
    ['denies', 'AccessPolicy', { deny: entries }, 200],
    ['allows', 'AccessPolicy', { allow: entries }, 403],
    ['limits', 'RateLimitPolicy', { limits }, 200],
    [
      'makes faults',
      'FaultPolicy',
      {
        when: paths(0)
          .map((path) => ({ path }))
          .slice(0, 16),
        abort: { statusCode: 418 },
      },
      200,
    ],
  ])('is refused by a policy that %s', async (_, kind, spec, short) => {
    await rig.write(site(requestPolicy(kind, 'much', A, spec)));
    expect(await ask('a.example', '/ab')).toMatch(`HTTP/1.1 ${short}`);
    const isSmall = kind === 'FaultPolicy';
    expect(await ask('a.example', LONG)).toMatch(`HTTP/1.1 ${isSmall ? 200 : 500}`);
    expect(rig.accesses.at(-1)?.reason ?? '').toBe(isSmall ? '' : 'match_budget');
    expect(await ask('b.example', LONG)).toMatch('HTTP/1.1 200');
  });

  test('never falls to the rule that would be next', async () => {
    await rig.write(site(...costly));
    const before = refused();
    expect(await ask('a.example', '/ab')).toMatch('HTTP/1.1 200');
    expect(await ask('a.example', LONG)).toMatch('HTTP/1.1 500');
    expect(rig.accesses.at(-1)).toMatchObject({ reason: 'match_budget', route: '' });
    expect(refused() - before).toBe(1);
    expect(await ask('b.example', LONG)).toMatch('HTTP/1.1 200');
  });
});
