/** A guard that moves from a policy into its route, with a mistake: the route stands open at no moment. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { rawClient } from '../served/raw-client.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { requestPolicy } from './policy.ts';

const NOBODY = requestPolicy(
  'AccessPolicy',
  'p',
  { kind: 'HTTPRoute', name: 'web' },
  { allow: [{ addresses: ['192.0.2.1/32'] }] },
);
const asking = (more: object = {}): object => ({
  type: 'ExternalAuth',
  externalAuth: { protocol: 'HTTP', backendRef: { name: 'away', port: 80 }, http: {}, ...more },
});

function site(filters: object[], ...policies: object[]): string {
  const rule = { ...backendRefs('web'), ...(filters.length === 0 ? {} : { filters }) };
  const other = httpRoute('other', [backendRefs('web')], { hostnames: ['b.example'] });
  const web = httpRoute('web', [rule], { hostnames: ['a.example'] });
  return manifests([HTTP], web, other, service('web'), service('away'), ...policies);
}

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(site([], NOBODY), { echo: true });
});
afterAll(() => rig.close());

async function statuses(): Promise<number[]> {
  const found: number[] = [];
  for (const host of ['a.example', 'b.example']) {
    const client = await rawClient(rig.port());
    const [answer] = await client.ask(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
    client.close();
    found.push(answer!.status);
  }
  return found;
}

test('what the last good form does not ask is refused until the filter can be read', async () => {
  expect(await statuses()).toEqual([403, 200]);
  await rig.write(site([asking({ timeuot: '1s' })]));
  expect(await statuses()).toEqual([500, 200]);
  const told = rig.report().diagnostics.map(({ message }) => message);
  expect(told.join('\n')).toContain(
    'its last good form stays, which has nobody asked who may pass where this one has: its requests are refused (500) until then',
  );
  await rig.write(site([]));
  expect(await statuses()).toEqual([200, 200]);
});

test('a mistake in a filter that asks as before leaves the last good form in use', async () => {
  await rig.write(site([asking()]));
  const good = await statuses();
  expect(good[1]).toBe(200);
  await rig.write(site([asking({ timeuot: '1s' })], NOBODY));
  const told = rig.report().diagnostics.map(({ message }) => message);
  expect(told.join('\n')).toContain('; its last good form stays in use');
  expect(told.join('\n')).not.toContain('until then');
});
