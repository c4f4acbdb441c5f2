/**
 * Policies of all kinds, broken in turn among 50 good routes: the good serve all along, and of what is broken nothing
 * opens, whoever asks. They add up: in the end all of them stand there.
 */
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type BrokenPolicy, brokenClientPolicies, brokenPolicies } from './broken-policies.ts';

const GOOD = Array.from({ length: 50 }, (_, at) => `good-${at}`);
const SPARE = { name: 'spare', port: 81, protocol: 'HTTP' };
const USERS = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'users' },
  stringData: { auth: 'u:{PLAIN}secret' },
};
const BROKEN = brokenPolicies().map((one, at) => ({ ...one, name: `broken-${at}` }));

type Named = BrokenPolicy & { name: string };

/** The route, its Service, and the policy. */
function broken({ name, annotation, objects }: Named): object[] {
  const route = httpRoute(name, [backendRefs(name)], { hostnames: [`${name}.example`] }) as { metadata: object };
  const annotations = annotation === undefined ? {} : { [annotation]: `${name}-guard` };
  const annotated = { ...route, metadata: { name, annotations } };
  return [annotated, service(name), ...objects({ kind: 'HTTPRoute', name }, name)];
}

function site(...objects: object[]): string {
  const good = GOOD.map((name) => httpRoute(name, [backendRefs('web')], { hostnames: [`${name}.example`] }));
  return manifests([HTTP, SPARE], ...good, service('web'), service('away'), USERS, ...objects);
}

let rig: Rig;
const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
const served = new Map<string, Map<number, number>>();
let running = true;
const loops: Array<Promise<void>> = [];

async function asked(from: number): Promise<void> {
  for (let i = from; running; i++) {
    const name = GOOD[i % GOOD.length]!;
    const status = await ask(name).catch(() => 0);
    const counts = served.get(name) ?? new Map<number, number>();
    served.set(name, counts.set(status, (counts.get(status) ?? 0) + 1));
  }
}

function ask(name: string, headers: Record<string, string> = {}): Promise<number> {
  const options = { port: rig.port(), host: '127.0.0.1', agent, headers: { host: `${name}.example`, ...headers } };
  return new Promise((resolve, reject) => {
    http.get(options, (answer) => answer.resume().on('end', () => resolve(answer.statusCode!))).on('error', reject);
  });
}

const errors = (): number => rig.report().diagnostics.filter(({ severity }) => severity === 'error').length;

beforeAll(async () => {
  rig = await serveManifests(site(), { echo: true, ports: [80, 81], endpoints: ['default/away:80=127.0.0.1:9'] });
  loops.push(asked(0), asked(17), asked(34));
});
afterAll(async () => {
  running = false;
  await Promise.all(loops);
  agent.destroy();
  await rig.close();
});

test('there are 20 at least, and each kind and method is among them', () => {
  expect(BROKEN.length).toBeGreaterThanOrEqual(20);
  const all = BROKEN.map(({ what }) => what).join('\n');
  for (const kind of ['Authentication', 'Access', 'RateLimit', 'Rewrite', 'Fault', 'Response', 'BackendTraffic'])
    expect(all).toContain(`${kind}Policy`);
});

describe('broken in turn', () => {
  test.each(BROKEN.map((one, at) => [one.what, one, at] as const))('%s', async (_, one, at) => {
    const before = errors();
    await rig.write(site(...BROKEN.slice(0, at + 1).flatMap(broken)));
    expect([await ask(one.name), await ask(one.name, one.credential)]).toEqual([one.bare ?? one.status, one.status]);
    expect(errors() > before).toBe(one.untold !== true);
  });

  test('and those of how clients come in', async () => {
    const before = errors();
    const policies = brokenClientPolicies();
    // One that is good makes sure that something changes.
    await rig.write(site(...BROKEN.flatMap(broken), ...policies, httpRoute('another', [backendRefs('web')])));
    expect(errors() - before).toBeGreaterThanOrEqual(policies.length);
  });

  test('all of them at once: what is refused stays refused', async () => {
    const statuses = await Promise.all(
      BROKEN.map(async ({ what, name, credential }) => [what, await ask(name, credential)]),
    );
    expect(statuses).toEqual(BROKEN.map(({ what, status }) => [what, status]));
  });

  test('the good routes served all along', async () => {
    running = false;
    await Promise.all(loops);
    expect([...served.keys()].sort()).toEqual([...GOOD].sort());
    expect([...new Set([...served.values()].flatMap((counts) => [...counts.keys()]))]).toEqual([200]);
  });
});
