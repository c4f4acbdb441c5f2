/** RateLimitPolicy with mode Shared: two gateways and a real Redis, with all that can become of it. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  freePort,
  REDIS_IS_HERE,
  startRedis,
  type TestRedis,
  until,
} from '../../src/proxy/redis/redis-server.fixture.ts';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, type RigOptions, serveManifests } from '../served/rig.ts';
import { Authority, caConfigMap } from '../tls/authority.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const ROUTE: PolicyAim = { kind: 'HTTPRoute', name: 'a' };
const hourly = (requests: number, more: object = {}): object => ({ name: 'hourly', requests, per: 'Hour', ...more });

interface Store {
  url: string;
  [field: string]: unknown;
}

function shared(
  name: string,
  limits: object[],
  { redis, ...more }: { redis: Store } & Record<string, unknown>,
): object {
  return requestPolicy('RateLimitPolicy', name, ROUTE, { mode: 'Shared', limits, shared: { redis, ...more } });
}

function site(...objects: object[]): string {
  return manifests(
    [HTTP],
    httpRoute('a', [backendRefs('web')], { hostnames: ['a.example'] }),
    httpRoute('b', [backendRefs('web')], { hostnames: ['b.example'] }),
    service('web'),
    ...objects,
  );
}

const secret = (name: string, data: Record<string, string>): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData: data,
});

const closing: Array<() => unknown> = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function gateway(text: string, options: RigOptions = {}): Promise<Rig> {
  const rig = await serveManifests(text, { echo: true, ...options });
  closing.push(() => rig.close());
  return rig;
}

async function store(options: Parameters<typeof startRedis>[0] = {}): Promise<TestRedis> {
  const server = await startRedis(options);
  closing.push(() => server.stop());
  return server;
}

function ask(rig: Rig, host = 'a.example', headers: http.OutgoingHttpHeaders = {}): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    http
      .get({ port: rig.port(), host: '127.0.0.1', headers: { host, ...headers } }, (answer) =>
        answer.resume().on('end', () => resolve(answer)),
      )
      .on('error', reject);
  });
}

async function statuses(rig: Rig, count: number, headers: http.OutgoingHttpHeaders = {}): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) found.push((await ask(rig, 'a.example', headers)).statusCode!);
  return found;
}

const counted = (all: number[], status: number): number => all.filter((one) => one === status).length;

function metric(rig: Rig, name: string, labels: Record<string, string>): number {
  const family = rig.proxy.metrics().find((one) => one.name === name);
  const found = family?.series.find((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value));
  return found?.value ?? 0;
}

describe.skipIf(!REDIS_IS_HERE)('a limit that two gateways share', () => {
  let redis: TestRedis;
  let url: string;
  beforeAll(async () => {
    redis = await startRedis();
    url = `redis://127.0.0.1:${redis.port}`;
  });
  afterAll(() => redis.stop());

  test('lets through what it says of both together, to the request, and tells what is left', async () => {
    const text = site(shared('exact', [hourly(10, { key: [{ type: 'ClientAddress' }] })], { redis: { url } }));
    const [one, other] = [await gateway(text), await gateway(text)];
    const first = await ask(one);
    expect(first.headers).toMatchObject({
      'ratelimit-policy': '"hourly";q=10;w=3600',
      ratelimit: '"hourly";r=9;t=360',
    });
    const rest = (await Promise.all([statuses(one, 8), statuses(other, 8)])).flat();
    expect([counted(rest, 200), counted(rest, 429)]).toEqual([9, 7]);
    const refused = await ask(other);
    expect(refused.headers).toMatchObject({ ratelimit: '"hourly";r=0;t=3600', 'retry-after': '360' });
    expect((await ask(other, 'b.example')).statusCode).toBe(200);
    expect(other.accesses.at(-2)).toMatchObject({
      status: 429,
      reason: 'rate_limited',
      policy: 'RateLimitPolicy/default/exact#hourly',
      decision: 'limited',
    });
    const label = { store: `redis://127.0.0.1:${redis.port}`, outcome: 'answered' };
    expect(metric(one, 'daemun_shared_limit_calls_total', label)).toBe(9);
    expect(metric(one, 'daemun_shared_limit_store_away', { store: label.store })).toBe(0);
  });

  test('keys are counted apart, those of other gateways the same, and stand in Redis as no reader can read them', async () => {
    const keys = ['Header', 'Cookie', 'Query'].map((type) => ({ type, name: 'who' }));
    const all = [...keys, ...['ClientAddress', 'Path', 'Host', 'Route', 'Gateway'].map((type) => ({ type }))];
    const text = site(shared('keys', [hourly(1, { key: all })], { redis: { url } }));
    const [one, other] = [await gateway(text), await gateway(text)];
    const secretive = { who: 'alice-4711', cookie: 'who=carol-4711' };
    expect([await statuses(one, 1, secretive), await statuses(other, 1, secretive)]).toEqual([[200], [429]]);
    expect(await statuses(one, 2, { who: 'bob' })).toEqual([200, 429]);
    expect(await statuses(other, 2)).toEqual([200, 429]);
    const known = await redis.ask('KEYS', '*');
    expect(known).toContain('daemun:limit:');
    expect(known).not.toMatch(/alice|carol|bob|127\.0\.0\.1|who/);
  });

  test('of several limits none is charged for what another refuses; a dry run refuses nothing', async () => {
    const limits = [
      hourly(2, { name: 'small', when: [{ headers: [{ name: 'x-small', value: '1' }] }] }),
      hourly(4, { name: 'large' }),
      hourly(1, { name: 'dry', dryRun: true }),
    ];
    const rig = await gateway(site(shared('several', limits, { redis: { url } })));
    expect(await statuses(rig, 4, { 'x-small': '1' })).toEqual([200, 200, 429, 429]);
    expect(await statuses(rig, 3)).toEqual([200, 200, 429]);
    expect(metric(rig, 'daemun_policy_decisions_total', { rule: 'dry', decision: 'would-limit' })).toBeGreaterThan(0);
    expect((await ask(rig)).headers['ratelimit-policy']).toBe('"small";q=2;w=3600, "large";q=4;w=3600');
  });

  test('with batch, tokens are taken some at a time: seldom asked, and never more than the limit', async () => {
    const text = site(shared('batch', [hourly(100), hourly(10_000, { name: 'wide' })], { redis: { url }, batch: 20 }));
    const [one, other] = [await gateway(text), await gateway(text)];
    const all = (await Promise.all([0, 1, 2, 3].map((i) => statuses(i % 2 ? one : other, 60)))).flat();
    expect(counted(all, 200) + counted(all, 429)).toBe(240);
    expect(counted(all, 200)).toBeLessThanOrEqual(100);
    expect(counted(all, 200)).toBeGreaterThan(60);
    const label = { outcome: 'answered' };
    const asked = [one, other].map((rig) => metric(rig, 'daemun_shared_limit_calls_total', label));
    expect(asked[0]! + asked[1]!).toBeLessThan(30);
  });

  test('what it counts outlives an edit of another policy, and of its own other limits', async () => {
    const own = (...more: object[]): object => shared('kept', [hourly(2), ...more], { redis: { url } });
    const rig = await gateway(site(own()));
    expect(await statuses(rig, 1)).toEqual([200]);
    await rig.write(site(own(), requestPolicy('AccessPolicy', 'x', ROUTE, { deny: [{ methods: ['TRACE'] }] })));
    expect(await statuses(rig, 2)).toEqual([200, 429]);
  });

  test('a request that waits is let go where its client leaves', async () => {
    let asked = false;
    const silent = net
      .createServer((socket) => socket.on('error', () => {}).once('data', () => (asked = true)))
      .listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    closing.push(() => silent.close());
    const silentUrl = `redis://127.0.0.1:${(silent.address() as net.AddressInfo).port}`;
    const policy = shared('left', [hourly(1)], { redis: { url: silentUrl }, onFailure: 'Closed', timeout: '1s' });
    const rig = await gateway(site(policy));
    const request = http.get({ port: rig.port(), host: '127.0.0.1', headers: { host: 'a.example' } });
    request.on('error', () => {});
    await vi.waitFor(() => expect([asked, request.socket?.bytesWritten]).toEqual([true, expect.any(Number)]));
    await until(() => request.socket!.bytesWritten > 0);
    request.socket!.resetAndDestroy();
    await vi.waitFor(() => expect(rig.accesses.at(-1)).toMatchObject({ status: 499 }));
    const began = performance.now();
    expect(await statuses(rig, 1)).toEqual([503]);
    expect(performance.now() - began).toBeLessThan(2_500);
    expect(rig.accesses.at(-1)).toMatchObject({ reason: 'limits_unknown', decision: 'failed-closed' });
  });
});

describe.skipIf(!REDIS_IS_HERE)('while Redis is away', () => {
  test.each([
    ['Open', [200, 200, 200, 200], 'failed-open'],
    ['Closed', [503, 503, 503, 503], 'failed-closed'],
    ['Local', [200, 200, 429, 429], 'failed-local'],
  ])('onFailure: %s answers %j, says so, and ends when it is back', async (onFailure, expected, decision) => {
    const port = await freePort();
    const url = `redis://127.0.0.1:${port}`;
    const rig = await gateway(site(shared('away', [hourly(2)], { redis: { url }, onFailure })));
    expect(await statuses(rig, 4)).toEqual(expected);
    expect(metric(rig, 'daemun_policy_decisions_total', { decision })).toBe(4);
    expect(metric(rig, 'daemun_shared_limit_store_away', { store: url })).toBe(1);
    expect((await ask(rig, 'b.example')).statusCode).toBe(200);
    await vi.waitFor(
      () =>
        expect(JSON.stringify(rig.report().diagnostics)).toContain(
          `the store ${url} is away, and limits are not shared meanwhile`,
        ),
      { timeout: 10_000 },
    );
    expect(rig.report().diagnostics).toContainEqual(
      expect.objectContaining({ severity: 'warning', object: 'RateLimitPolicy/default/away' }),
    );
    await store({ port });
    await until(async () => (await ask(rig)).headers.ratelimit?.includes('"hourly"') === true && onAnswered(rig));
    expect(await statuses(rig, 3)).toContain(429);
    await vi.waitFor(() => expect(JSON.stringify(rig.report().diagnostics)).not.toContain('is away'), {
      timeout: 10_000,
    });
  });

  const onAnswered = (rig: Rig): boolean => metric(rig, 'daemun_shared_limit_calls_total', { outcome: 'answered' }) > 0;

  test('stopped in the middle, requests wait their time once, and no longer', async () => {
    const redis = await store();
    const policy = shared('slow', [hourly(1_000)], {
      redis: { url: `redis://127.0.0.1:${redis.port}` },
      onFailure: 'Open',
      timeout: '200ms',
    });
    const rig = await gateway(site(policy));
    expect(await statuses(rig, 1)).toEqual([200]);
    process.kill(redis.pid, 'SIGSTOP');
    const began = performance.now();
    expect(await statuses(rig, 10)).toEqual(Array(10).fill(200));
    expect(performance.now() - began).toBeLessThan(1_500);
    process.kill(redis.pid, 'SIGCONT');
    const answered = metric(rig, 'daemun_shared_limit_calls_total', { outcome: 'answered' });
    await until(async () => {
      await ask(rig);
      return metric(rig, 'daemun_shared_limit_calls_total', { outcome: 'answered' }) > answered;
    });
  });
});

describe.skipIf(!REDIS_IS_HERE)('who may reach which Redis, and how', () => {
  test('a password comes from a Secret, rotates under load without a failure, and is never shown', async () => {
    const redis = await store({ password: 'first-4711' });
    const url = `redis://127.0.0.1:${redis.port}`;
    const policy = shared('login', [hourly(1_000_000)], {
      redis: { url, secretRef: { name: 'redis' } },
      onFailure: 'Closed',
      // A busy machine is no Redis that is away.
      timeout: '5s',
    });
    const rig = await gateway(site(policy, secret('redis', { password: 'first-4711' })));
    expect(await statuses(rig, 3)).toEqual([200, 200, 200]);
    let running = true;
    const all: number[] = [];
    const load = Promise.all(
      [1, 2, 3].map(async () => {
        while (running) all.push(...(await statuses(rig, 1)));
      }),
    );
    await redis.ask('CONFIG', 'SET', 'requirepass', 'second-4711');
    await rig.write(site(policy, secret('redis', { password: 'second-4711' })));
    const before = all.length;
    await until(() => all.length > before + 50);
    running = false;
    await load;
    expect([...new Set(all)]).toEqual([200]);
    expect(JSON.stringify([rig.report(), rig.accesses, rig.proxy.metrics()])).not.toMatch(/first-|second-/);
    const wrong = secret('redis', { password: 'wrong-4711' });
    await rig.write(site(policy, wrong));
    await until(async () => (await statuses(rig, 1))[0] === 503);
    await rig.write(site(policy));
    expect(await statuses(rig, 2)).toEqual([500, 500]);
    expect(JSON.stringify(rig.report())).toContain('Secret default/redis does not exist');
  });

  test.each([
    ['redis://169.254.169.254', 'which is link-local'],
    ['redis://localhost:6379', 'which is a name of this machine'],
    ['redis://metadata@10.0.0.1', 'an address such as redis'],
    ['redis://:secret@10.0.0.1', 'an address such as redis'],
    ['redis://10.0.0.1,10.0.0.2', 'has several hosts'],
    ['http://10.0.0.1', 'an address such as redis'],
  ])('%s is refused, and the guard is shut', async (url, said) => {
    const rig = await gateway(site(shared('bad', [hourly(1)], { redis: { url } })));
    expect(await statuses(rig, 1)).toEqual([500]);
    expect((await ask(rig, 'b.example')).statusCode).toBe(200);
    expect(JSON.stringify(rig.report().diagnostics)).toContain(said);
    // Whoever reads statuses and logs need not know it.
    expect(JSON.stringify(rig.report())).not.toContain(':secret@');
  });

  test('what resolves to this machine, and the gateway itself, are never connected to', async () => {
    const rig = await gateway(site());
    const policy = (url: string): object => shared('own', [hourly(1)], { redis: { url }, onFailure: 'Closed' });
    const port = rig.port();
    await rig.write(site(policy(`redis://127.0.0.1:${port}`)));
    expect(await statuses(rig, 1)).toEqual([503]);
    await until(() => metric(rig, 'daemun_shared_limit_store_away', { store: `redis://127.0.0.1:${port}` }) === 1);
    expect(rig.accesses.filter(({ status }) => status === 400)).toEqual([]);
    const refusing = await gateway(site(policy('redis://127.0.0.1:1')), { loopbackEndpoints: 'refused' });
    expect(await statuses(refusing, 1)).toEqual([503]);
  });

  test('over TLS the server must be who it says', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'daemun-redis-tls-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const authority = await Authority.make('redis authority');
    const pair = await authority.sign({ dns: ['redis.example'] });
    writeFileSync(join(folder, 'cert.pem'), pair.certificate);
    writeFileSync(join(folder, 'key.pem'), pair.privateKey);
    writeFileSync(join(folder, 'ca.pem'), authority.certificate);
    const tlsPort = await freePort();
    const files = ['cert', 'key', 'ca-cert'].map(
      (name) => `tls-${name}-file ${join(folder, `${name.slice(0, 4).replace('ca-c', 'ca')}.pem`)}`,
    );
    await store({ config: [`tls-port ${tlsPort}`, 'tls-auth-clients no', ...files] });
    const policy = (tls: object): object =>
      shared('tls', [hourly(1_000)], { redis: { url: `rediss://127.0.0.1:${tlsPort}`, tls }, onFailure: 'Closed' });
    const ca = caConfigMap('ca', authority);
    const caCertificateRefs = [{ name: 'ca' }];
    const rig = await gateway(site(ca, policy({ hostname: 'redis.example', caCertificateRefs })));
    await until(async () => (await statuses(rig, 1))[0] === 200);
    await rig.write(site(ca, policy({ hostname: 'other.example', caCertificateRefs })));
    expect(await statuses(rig, 1)).toEqual([503]);
    await rig.write(site(ca, policy({ hostname: 'redis.example' })));
    expect(await statuses(rig, 1)).toEqual([503]);
    await rig.write(site(policy({ caCertificateRefs })));
    expect(await statuses(rig, 1)).toEqual([500]);
  });
});
