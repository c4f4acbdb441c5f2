/** RateLimitPolicy over real sockets: what is counted apart, what is told, and where it acts. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { type PolicyAim, requestPolicy } from './policy.ts';

const GATEWAY: PolicyAim = { kind: 'Gateway', name: 'gw' };
const hourly = (requests: number, more: object = {}): object => ({ requests, per: 'Hour', ...more });

function limits(name: string, aims: PolicyAim | PolicyAim[], ...entries: object[]): object {
  return requestPolicy('RateLimitPolicy', name, aims, { limits: entries });
}

function site(...policies: object[]): string {
  return manifests(
    [HTTP],
    httpRoute('a', [{ name: 'rule', ...backendRefs('web') }], { hostnames: ['a.example'] }),
    httpRoute('b', [backendRefs('web')], { hostnames: ['b.example'] }),
    service('web'),
    ...policies,
  );
}

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(site(), { echo: true, trustedHops: ['127.0.0.1/32'] });
});
afterAll(() => rig.close());

interface Asked {
  host?: string;
  path?: string;
  headers?: http.OutgoingHttpHeaders;
}

function ask({ host = 'a.example', path = '/', headers = {} }: Asked = {}): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http.get({ port: rig.port(), host: '127.0.0.1', path, headers: { host, ...headers } }, (answer) =>
      answer.resume().on('end', () => resolve(answer)),
    );
    request.on('error', reject);
  });
}

async function statuses(count: number, asked: Asked = {}): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) found.push((await ask(asked)).statusCode!);
  return found;
}

describe('an IPv6 client', () => {
  const from = (address: string): Asked => ({ headers: { 'x-forwarded-for': address } });

  test('is one whatever address of its /64 it comes from', async () => {
    await rig.write(site(limits('six', GATEWAY, hourly(1, { key: [{ type: 'ClientAddress' }] }))));
    expect(await statuses(1, from('2001:db8:0:1::1'))).toEqual([200]);
    expect(await statuses(1, from('2001:DB8::1:a:b:c:d'))).toEqual([429]);
    expect(await statuses(1, from('2001:db8:0:2::1'))).toEqual([200]);
  });

  test('is each address, or a wider network, where the policy says so', async () => {
    const key = (ipv6PrefixLength: number): object[] => [{ type: 'ClientAddress', ipv6PrefixLength }];
    await rig.write(site(limits('each', GATEWAY, hourly(1, { key: key(128) }))));
    expect(await statuses(2, from('2001:db8:0:1::1'))).toEqual([200, 429]);
    expect(await statuses(1, from('2001:db8:0:1::2'))).toEqual([200]);
    await rig.write(site(limits('wide', GATEWAY, hourly(1, { key: key(48) }))));
    expect(await statuses(1, from('2001:db8:0:1::1'))).toEqual([200]);
    expect(await statuses(1, from('2001:db8:0:2::1'))).toEqual([429]);
    expect(await statuses(1, from('2001:db8:1:2::1'))).toEqual([200]);
  });
});

describe('a limit', () => {
  test('lets through what it says, refuses what is more, and tells both', async () => {
    await rig.write(site(limits('few', { kind: 'HTTPRoute', name: 'a' }, hourly(3, { name: 'all' }))));
    const first = await ask();
    expect(first.headers).toMatchObject({ 'ratelimit-policy': '"all";q=3;w=3600', ratelimit: '"all";r=2;t=1200' });
    expect(await statuses(2)).toEqual([200, 200]);
    const refused = await ask();
    expect(refused.statusCode).toBe(429);
    expect(refused.headers).toMatchObject({ 'retry-after': '1200', ratelimit: expect.stringMatching(/^"all";r=0;t=/) });
    expect(await statuses(2, { host: 'b.example' })).toEqual([200, 200]);
    expect(rig.accesses.at(-3)).toMatchObject({
      status: 429,
      reason: 'rate_limited',
      policy: 'RateLimitPolicy/default/few#all',
      decision: 'limited',
    });
    const counted = rig.proxy.metrics().find(({ name }) => name === 'daemun_policy_decisions_total');
    expect(counted?.series).toContainEqual({
      labels: { policy: 'RateLimitPolicy/default/few', rule: 'all', decision: 'limited' },
      value: 1,
    });
  });

  test('keeps what it has counted while others change', async () => {
    const own = limits('kept', { kind: 'HTTPRoute', name: 'a' }, hourly(2));
    await rig.write(site(own));
    expect(await statuses(1)).toEqual([200]);
    await rig.write(site(own, limits('other', { kind: 'HTTPRoute', name: 'b' }, hourly(9))));
    expect(await statuses(2)).toEqual([200, 429]);
  });

  test.each([
    ['ClientAddress', {}, { headers: { 'x-forwarded-for': '192.0.2.7' } }],
    ['Header', { name: 'X-Tenant' }, { headers: { 'x-tenant': 'b' } }],
    ['Cookie', { name: 'sid' }, { headers: { cookie: 'a=1; sid=b' } }],
    ['Query', { name: 'k' }, { path: '/?k=b' }],
    ['Path', {}, { path: '/b' }],
  ])('by %s counts each apart', async (type, more, other) => {
    const key = [{ type, ...more }];
    await rig.write(site(limits(`by-${type.toLowerCase()}`, GATEWAY, hourly(1, { key }))));
    expect(await statuses(2)).toEqual([200, 429]);
    expect(await statuses(2, other)).toEqual([200, 429]);
  });

  test.each(['Host', 'Route'])('by %s counts each apart', async (type) => {
    await rig.write(site(limits(`by-${type.toLowerCase()}`, GATEWAY, hourly(1, { key: [{ type }] }))));
    expect(await statuses(2)).toEqual([200, 429]);
    expect(await statuses(2, { host: 'b.example' })).toEqual([200, 429]);
  });

  test('counts what it is for, exempts whom it exempts, and weighs by its cost', async () => {
    const when = [{ path: { type: 'PathPrefix', value: '/api' }, method: 'GET' }];
    await rig.write(site(limits('some', GATEWAY, hourly(4, { when, exempt: ['192.0.2.0/24'], cost: 2 }))));
    expect(await statuses(3, { path: '/apis' })).toEqual([200, 200, 200]);
    expect(await statuses(3, { path: '/api/x' })).toEqual([200, 200, 429]);
    expect(await statuses(1, { path: '/api', headers: { 'x-forwarded-for': '192.0.2.9' } })).toEqual([200]);
  });

  test('counts whoever says among other things what it is for', async () => {
    const when = [{ headers: [{ name: 'x-plan', value: 'free' }] }, { queryParams: [{ name: 'plan', value: 'free' }] }];
    await rig.write(site(limits('said', GATEWAY, hourly(1, { when }))));
    const paid = { path: '/?plan=paid', headers: { 'x-plan': 'paid' } };
    expect(await statuses(2, paid)).toEqual([200, 200]);
    expect(await statuses(2, { ...paid, path: '/?plan=paid&plan=free' })).toEqual([200, 429]);
    expect(await statuses(1, { ...paid, headers: { 'x-plan': ['paid', 'free'] } })).toEqual([429]);
    expect(await statuses(1, { ...paid, headers: { 'X-Plan': 'paid', X_Plan: 'free' } })).toEqual([429]);
  });

  test('answers as it is told to, and refuses nothing in a dry run', async () => {
    await rig.write(site(limits('status', GATEWAY, hourly(1, { statusCode: 503 }))));
    expect(await statuses(2)).toEqual([200, 503]);
    await rig.write(site(limits('dry', GATEWAY, hourly(1, { dryRun: true }))));
    expect(await statuses(2)).toEqual([200, 200]);
    expect(rig.accesses.at(-1)).toMatchObject({ status: 200, reason: '', decision: 'would-limit' });
  });

  test('as ingress-nginx counts: limit-rps 1 and its burst of 5 admit 6 at once', async () => {
    await rig.write(site(limits('nginx', GATEWAY, { requests: 1, per: 'Hour', burst: 6, statusCode: 503 })));
    expect(await statuses(8)).toEqual([200, 200, 200, 200, 200, 200, 503, 503]);
  });

  test('refuses before others count', async () => {
    await rig.write(site(limits('two', GATEWAY, hourly(1, { name: 'low' }), hourly(3, { name: 'high' }))));
    const answers = [await ask(), await ask(), await ask(), await ask()];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 429, 429, 429]);
    expect(answers[3]!.headers.ratelimit).toMatch(/"high";r=2;/);
  });
});

describe('attached', () => {
  test('to a route or a rule, the Gateway’s defaults give way; its overrides do not', async () => {
    const gateway = requestPolicy('RateLimitPolicy', 'gateway', GATEWAY, {
      defaults: { limits: [hourly(1)] },
      overrides: { limits: [hourly(3, { name: 'most' })] },
    });
    await rig.write(site(gateway, limits('route', { kind: 'HTTPRoute', name: 'a' }, hourly(2))));
    expect(await statuses(1, { host: 'b.example' })).toEqual([200]);
    expect(await statuses(1, { host: 'b.example' })).toEqual([429]);
    // Each policy counts by itself: of the three that all may have two are taken.
    expect(await statuses(2)).toEqual([200, 429]);
    expect(rig.accesses.at(-1)?.policy).toBe('RateLimitPolicy/default/gateway#most');
  });

  test('to a rule, instead of the route’s', async () => {
    await rig.write(
      site(
        limits('route', { kind: 'HTTPRoute', name: 'a' }, hourly(1)),
        limits('rule', { kind: 'HTTPRoute', name: 'a', sectionName: 'rule' }, hourly(2)),
      ),
    );
    expect(await statuses(3)).toEqual([200, 200, 429]);
  });

  test('to a Service, whichever route leads there', async () => {
    await rig.write(site(limits('service', { kind: 'Service', name: 'web' }, hourly(2))));
    expect(await statuses(1)).toEqual([200]);
    expect(await statuses(2, { host: 'b.example' })).toEqual([200, 429]);
  });

  test('to a listener, what no route takes is counted, too', async () => {
    await rig.write(site(limits('listener', { ...GATEWAY, sectionName: 'http' }, hourly(2))));
    expect(await statuses(3, { host: 'nobody.example' })).toEqual([404, 404, 429]);
  });

  test('and misspelled, it refuses what it would act on; its last good form stays where there was one', async () => {
    const aim: PolicyAim = { kind: 'HTTPRoute', name: 'a' };
    await rig.write(site(limits('spelled', aim, { requests: 1, per: 'Fortnight' })));
    expect(await statuses(1)).toEqual([500]);
    expect(await statuses(1, { host: 'b.example' })).toEqual([200]);
    await rig.write(site(limits('spelled', aim, hourly(2))));
    const other = limits('other', { kind: 'HTTPRoute', name: 'b' }, hourly(9));
    await rig.write(site(limits('spelled', aim, { requests: 'many' }), other));
    expect(await statuses(3)).toEqual([200, 200, 429]);
  });

  test('as tutorials write it, it is read as ours, with a warning that says so', async () => {
    const targetRef = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'a' };
    const spec = { targetRef, rateLimits: [{ limits: { requestsPerUnit: 2, unit: 'HOUR' }, clientSelectors: [] }] };
    const tutorial = {
      apiVersion: 'gateway.networking.k8s.io/v1alpha2',
      kind: 'RateLimitPolicy',
      metadata: { name: 'tutorial' },
      spec,
    };
    await rig.write(site(tutorial));
    expect(await statuses(3)).toEqual([200, 200, 429]);
    const told = rig.report().diagnostics.map(({ severity, message }) => `${severity} ${message}`);
    expect(told.join('\n')).toMatch(/warning .*no kind of the Gateway API.*policies\.daemun\.dev\/v1alpha1/);
    expect(told.join('\n')).toContain('is not read: write a RateLimitPolicy of ours');
    // Beside one of ours it goes on: limits of one target all act, and the status names the other.
    const ours = limits('a-first', { kind: 'HTTPRoute', name: 'a' }, hourly(3));
    await rig.write(site(tutorial, ours));
    expect(await statuses(2)).toEqual([429, 429]);
    expect(JSON.stringify(rig.report())).toContain('acts besides RateLimitPolicy default/a-first');
    await rig.write(site(ours));
    expect(await statuses(2)).toEqual([200, 429]);
  });

  test('and impossible, it refuses what it would act on, and nothing else', async () => {
    const when = [{ headers: [{ type: 'RegularExpression', name: 'x', value: '(' }] }];
    await rig.write(site(limits('broken', { kind: 'HTTPRoute', name: 'a' }, hourly(9, { when }))));
    expect(await statuses(1)).toEqual([500]);
    expect(rig.accesses.at(-1)).toMatchObject({ reason: 'policy_invalid', decision: 'unusable' });
    expect(await statuses(1, { host: 'b.example' })).toEqual([200]);
  });
});

describe('limits of what is under way', () => {
  /** A backend that answers when it is told to. */
  let finish: Array<() => void> = [];
  let slow: http.Server;
  let held: Rig;
  beforeAll(async () => {
    slow = http.createServer((request, response) => {
      if (request.url === '/bytes') response.end(Buffer.alloc(20_000, 'x'));
      else finish.push(() => response.end());
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as AddressInfo;
    held = await serveManifests(site(), { endpoints: [endpointsOf('web', port)], trustedHops: ['127.0.0.1/32'] });
  });
  afterAll(async () => {
    await held.close();
    slow.closeAllConnections();
    slow.close();
  });

  test('refuse one too many, and let the next come when one has ended or left', async () => {
    const key = [{ type: 'ClientAddress' }];
    await held.write(site(limits('few', GATEWAY, { name: 'open', maxConnections: 2, key, statusCode: 503 })));
    const request = (from = '192.0.2.1') => {
      const asked = http.get({
        port: held.port(),
        host: '127.0.0.1',
        headers: { host: 'a.example', 'x-forwarded-for': from },
      });
      asked.on('error', () => {});
      const answer = once(asked, 'response').then(([response]) => (response as http.IncomingMessage).resume());
      answer.catch(() => {});
      return { asked, answer };
    };
    const [first, second] = [request(), request()];
    await vi.waitFor(() => expect(finish).toHaveLength(2));
    const refused = await request().answer;
    expect(refused.statusCode).toBe(503);
    expect(refused.headers['retry-after']).toBe('1');
    const other = request('192.0.2.2');
    await vi.waitFor(() => expect(finish).toHaveLength(3));
    second.asked.socket?.resetAndDestroy();
    await vi.waitFor(() => expect(held.accesses.some(({ status }) => status === 499)).toBe(true));
    const third = request();
    await vi.waitFor(() => expect(finish).toHaveLength(4));
    for (const go of finish) go();
    finish = [];
    const answers = await Promise.all([first.answer, third.answer, other.answer]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200]);
  });

  test('of bytes let the first go at once and the rest evenly, and tell the length', async () => {
    await held.write(site(limits('pace', GATEWAY, { bytesPerSecond: 40_000, afterBytes: 10_000 })));
    const began = performance.now();
    const answer = await new Promise<http.IncomingMessage>((resolve, reject) =>
      http
        .get({ port: held.port(), host: '127.0.0.1', path: '/bytes', headers: { host: 'a.example' } }, resolve)
        .on('error', reject),
    );
    expect(answer.headers['content-length']).toBe('20000');
    let early = 0;
    let length = 0;
    answer.on('data', (bytes: Buffer) => {
      length += bytes.length;
      if (performance.now() - began < 100) early += bytes.length;
    });
    await once(answer, 'end');
    // 10,000 of the 20,000 bytes at 40,000 a second.
    expect(performance.now() - began).toBeGreaterThan(240);
    expect(length).toBe(20_000);
    expect(early).toBeLessThan(15_000);
  });
});
