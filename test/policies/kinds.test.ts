/** What all kinds of policies that act on requests have in common, whatever they do. */
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

interface Member {
  /** What lets everything pass, and does something all the same. */
  harmless: object;
  /** What refuses all with this status. */
  refusing: { spec: object; status: number };
  /** Refused by the schema, and by the translation. */
  broken: object[];
  /** What a broken one does to what it would act on. */
  guards: boolean;
}

const USERS = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'users' },
  stringData: { auth: 'u:{PLAIN}secret' },
};
const NEVER = { type: 'RegularExpression', name: 'x', value: '(' };

const MEMBERS: Record<string, Member> = {
  RateLimitPolicy: {
    harmless: { limits: [{ requests: 1_000_000, per: 'Second' }] },
    refusing: {
      spec: { limits: [{ requests: 1, per: 'Day', burst: 1, when: [{ headers: [{ name: 'x-hit', value: '1' }] }] }] },
      status: 429,
    },
    broken: [
      { limits: [] },
      { limits: 'all' },
      { limits: [{ requests: 1, per: 'Day', when: [{ headers: [NEVER] }] }] },
      { limits: [{ requests: 0, per: 'Day' }] },
      { limits: [{ requests: 1, maxConnections: 1, per: 'Day' }] },
    ],
    guards: true,
  },
  AccessPolicy: {
    harmless: { deny: [{ methods: ['TRACE'] }] },
    refusing: { spec: { deny: [{ methods: ['GET'] }] }, status: 403 },
    broken: [
      {},
      { allow: [{}] },
      { allow: [{ cel: '(' }] },
      { deny: [{ addresses: ['x'] }] },
      { deny: [{ headers: [NEVER] }] },
    ],
    guards: true,
  },
  AuthenticationPolicy: {
    harmless: { methods: [{ basic: { secretRef: { name: 'users' } } }], anonymousPaths: [{ value: '/' }] },
    refusing: { spec: { methods: [{ basic: { secretRef: { name: 'users' } } }] }, status: 401 },
    broken: [
      {},
      { methods: [] },
      { methods: [{}] },
      { methods: [{ basic: {} }] },
      { methods: [{ external: {} }] },
      { methods: [{ oidc: { issuer: 'http://plain.example', clientId: 'x', secretRef: { name: 'users' } } }] },
      { methods: [{ external: { backendRef: { name: 'web', port: 80 }, http: { path: '/{nothing}' } } }] },
      {
        methods: [{ basic: { secretRef: { name: 'users' } } }],
        anonymousPaths: [{ type: 'RegularExpression', value: '(' }],
      },
    ],
    guards: true,
  },
  FaultPolicy: {
    harmless: { delay: { duration: '1ms' } },
    refusing: { spec: { abort: { statusCode: 418 } }, status: 418 },
    broken: [
      {},
      { abort: {} },
      { delay: { duration: 'long' } },
      { abort: { statusCode: 99 } },
      { abort: { statusCode: 500 }, when: [{ headers: [NEVER] }] },
    ],
    guards: false,
  },
  RewritePolicy: {
    harmless: { paths: [{ pattern: '^/other/(.*)$', substitution: '/$1' }] },
    // No path may become one with dot segments.
    refusing: { spec: { paths: [{ pattern: '^/(.*)$', substitution: '/./$1' }] }, status: 400 },
    broken: [
      {},
      { paths: [] },
      { paths: [{ pattern: '(', substitution: '/' }] },
      { paths: [{ pattern: '/(.*)', substitution: '/$2' }] },
      { paths: [{ pattern: '/', substitution: '/', headers: [{ name: 'Content-Length', value: '1' }] }] },
    ],
    guards: true,
  },
  ResponsePolicy: {
    harmless: { securityHeaders: { frameOptions: 'DENY' } },
    refusing: { spec: { directResponse: { statusCode: 410 } }, status: 410 },
    broken: [
      {},
      { compression: { level: 10 } },
      { errorPages: [{ codes: [200], body: '' }] },
      { directResponse: {} },
      { securityHeaders: { frameOptions: 'MAYBE' } },
    ],
    guards: false,
  },
};

const GOOD = Array.from({ length: 50 }, (_, i) => `good-${i}`);
const ROUTE: PolicyAim = { kind: 'HTTPRoute', name: 'acted-on' };

function site(...policies: object[]): string {
  const routes = [...GOOD, 'acted-on'].map((name) =>
    httpRoute(name, [backendRefs('web')], { hostnames: [`${name}.example`] }),
  );
  return manifests([HTTP], ...routes, service('web'), USERS, ...policies);
}

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(site(), { echo: true });
});
afterAll(() => rig.close());

const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
afterAll(() => agent.destroy());

function ask(name: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) =>
    http
      .get({ port: rig.port(), host: '127.0.0.1', agent, headers: { host: `${name}.example`, ...headers } }, (answer) =>
        answer.resume().on('end', () => resolve(answer.statusCode!)),
      )
      .on('error', reject),
  );
}

/** Good routes in turn, for as long as the work takes: their statuses. */
async function underLoad(work: () => Promise<void>): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let running = true;
  const loop = async (from: number): Promise<void> => {
    for (let i = from; running; i++) {
      const status = await ask(GOOD[i % GOOD.length]!).catch(() => 0);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const loops = [loop(0), loop(17), loop(34)];
  await work();
  running = false;
  await Promise.all(loops);
  return statuses;
}

describe.each(Object.entries(MEMBERS))('%s', (kind, { harmless, refusing, broken, guards }) => {
  test('comes and goes under load, and no request fails', async () => {
    const all = GOOD.map((name): PolicyAim => ({ kind: 'HTTPRoute', name })).slice(0, 16);
    const statuses = await underLoad(async () => {
      for (let i = 0; i < 3; i++) {
        await rig.write(site(requestPolicy(kind, 'harmless', all, harmless)));
        await rig.write(site());
      }
    });
    expect([...statuses.keys()]).toEqual([200]);
  });

  test('acts where it is attached, nowhere else, and stops when it goes', async () => {
    await rig.write(site(requestPolicy(kind, 'refusing', ROUTE, refusing.spec)));
    await ask('acted-on', { 'x-hit': '1' });
    expect(await ask('acted-on', { 'x-hit': '1' })).toBe(refusing.status);
    expect(await ask('good-0', { 'x-hit': '1' })).toBe(200);
    await rig.write(site());
    expect(await ask('acted-on', { 'x-hit': '1' })).toBe(200);
  });

  test('broken in five ways in turn, the good routes serve all along; and a guard opens nothing', async () => {
    const statuses = await underLoad(async () => {
      for (const [at, spec] of broken.entries()) {
        // What is good besides makes sure that something changes.
        const good = requestPolicy(kind, `good-${at}`, { kind: 'HTTPRoute', name: 'good-1' }, harmless);
        await rig.write(site(requestPolicy(kind, `broken-${at}`, ROUTE, spec), good));
        expect([await ask('acted-on'), JSON.stringify(spec)]).toEqual([guards ? 500 : 200, JSON.stringify(spec)]);
        const errors = rig.report().diagnostics.filter(({ severity }) => severity === 'error');
        expect(errors.length, JSON.stringify(spec)).toBeGreaterThan(0);
      }
    });
    expect([...statuses.keys()]).toEqual([200]);
    await rig.write(site());
  });

  test('broken as it gets another target, a guard opens nothing there either, and is good again once it can be read', async () => {
    for (const [at, spec] of broken.entries()) {
      // What is good besides makes sure that something changes.
      const good = requestPolicy(kind, `good-${at}`, { kind: 'HTTPRoute', name: 'good-2' }, harmless);
      await rig.write(site(requestPolicy(kind, 'moved', { kind: 'HTTPRoute', name: 'good-1' }, harmless)));
      await rig.write(site(requestPolicy(kind, 'moved', ROUTE, spec), good));
      expect([await ask('acted-on'), JSON.stringify(spec)]).toEqual([guards ? 500 : 200, JSON.stringify(spec)]);
      await rig.write(site(requestPolicy(kind, 'moved', ROUTE, harmless)));
      expect(await ask('acted-on')).toBe(200);
    }
  });

  test('of two with one target the status of the later names the other', async () => {
    await rig.write(site(requestPolicy(kind, 'a', ROUTE, harmless), requestPolicy(kind, 'b', ROUTE, harmless)));
    // Guards act besides it, and say so; of others nothing is in force.
    const { diagnostics, items } = rig.report();
    const told = JSON.stringify([diagnostics, items.filter(({ metadata }) => metadata.name === 'b')]);
    expect(told).toMatch(new RegExp(`${kind} default/a, which comes first by name, (which )?has the same target`));
  });
});
