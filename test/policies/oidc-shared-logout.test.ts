/** Back-channel logout with two gateways, a real Redis between them, and what holds while that is away. */
import http from 'node:http';
import { text } from 'node:stream/consumers';
import type { Configuration } from 'oidc-provider';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freePort, REDIS_IS_HERE, startRedis, type TestRedis } from '../../src/proxy/redis/redis-server.fixture.ts';
import type { Rig } from '../served/rig.ts';
import { HttpAuth } from './auth-service.ts';
import { Browser, CLIENT, TestProvider } from './oidc-browser.ts';
import { ORIGIN, oidcSite, serveOidc } from './oidc-site.ts';

const PATH = '/oauth2/backchannel';
const PASSWORD = 'hunter2';
const PATIENT = { timeout: 10_000 };

let origin: HttpAuth;
let provider: TestProvider;
let rigs: Rig[] = [];
let redis: TestRedis;
/** Forms that the provider has sent, and what the first gateway said to them. */
const told: Array<{ form: string; status: number }> = [];

async function post(form: string, rig: Rig): Promise<number> {
  const headers = {
    host: 'shop.example',
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': form.length,
  };
  return await new Promise((resolve, reject) =>
    http
      .request({ host: '127.0.0.1', port: rig.port(), method: 'POST', path: PATH, agent: false, headers }, (answer) =>
        resolve(text(answer).then(() => answer.statusCode!)),
      )
      .on('error', reject)
      .end(form),
  );
}

/** What the provider sends to the gateway comes to one of its replicas. */
const toOne: Configuration['fetch'] = async (_url, options) => {
  const form = String((options as { body: unknown }).body);
  const status = await post(form, rigs[0]!);
  told.push({ form, status });
  return new Response(null, { status });
};

const SECRET = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'redis' }, stringData: { password: PASSWORD } };

function siteAt(port: number, more: object = {}): string {
  const shared = { redis: { url: `redis://127.0.0.1:${port}`, secretRef: { name: 'redis' } }, timeout: '2s' };
  const method = { backchannelLogoutPath: PATH, shared, ...more };
  return `${oidcSite(provider, { routes: { shop: method } })}\n---\n${JSON.stringify(SECRET)}\n`;
}

async function serveBoth(port: number): Promise<void> {
  rigs = [await serveOidc(siteAt(port), origin), await serveOidc(siteAt(port), origin)];
}

beforeAll(async () => {
  origin = await HttpAuth.open();
  origin.answer = (_question, response) => response.end('welcome');
  provider = await TestProvider.open([ORIGIN], {
    features: { backchannelLogout: { enabled: true } },
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [`${ORIGIN}/oauth2/callback`],
        post_logout_redirect_uris: [`${ORIGIN}/`],
        grant_types: ['authorization_code', 'refresh_token'],
        backchannel_logout_uri: `${ORIGIN}${PATH}`,
        backchannel_logout_session_required: true,
      },
    ],
    fetch: toOne,
  });
});
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.close();
  await redis?.stop();
  told.length = 0;
});
afterAll(async () => {
  await origin.close();
  provider.close();
});

async function signedIn(): Promise<Browser> {
  const one = new Browser(rigs[0]!.port(), provider.authority.certificate);
  expect(await one.go(`${ORIGIN}/`)).toMatchObject({ status: 200, body: 'welcome' });
  return one;
}

/** With the cookies of the browser, at a gateway. */
async function status(one: Browser, rig: Rig): Promise<number> {
  return (await one.request(`${ORIGIN}/`, { port: rig.port() })).status;
}

const awayBy = (name: string): number[] =>
  rigs[0]!.proxy
    .metrics()
    .filter((family) => family.name === name)
    .flatMap(({ series }) => series.map(({ value = 0 }) => value));

describe.runIf(REDIS_IS_HERE)('with a Redis that gateways share', () => {
  test('whoever signs out is out at all of them, also at one that starts later; others are not, and no token is taken twice', async () => {
    redis = await startRedis({ password: PASSWORD });
    await serveBoth(redis.port);
    const [alice, bob] = [await signedIn(), await signedIn()];
    for (const rig of rigs) expect(await status(alice, rig)).toBe(200);
    await alice.signOutAt(provider.issuer);
    await expect.poll(() => told, PATIENT).toMatchObject([{ status: 200 }]);
    expect(await status(alice, rigs[1]!)).toBe(302);
    expect(await status(alice, rigs[0]!)).toBe(302);
    expect(await status(bob, rigs[1]!)).toBe(200);
    for (const rig of rigs) expect(await post(told[0]!.form, rig)).toBe(400);
    rigs.push(await serveOidc(siteAt(redis.port), origin));
    expect(await status(alice, rigs[2]!)).toBe(302);
    expect(await status(bob, rigs[2]!)).toBe(200);
    // Nothing of it can be read there.
    const keys = await redis.ask('KEYS', '*');
    expect(keys).not.toMatch(/alice|shop|sid|sub/);
    expect((await alice.go(`${ORIGIN}/`)).status).toBe(200);
    expect(await status(alice, rigs[1]!)).toBe(200);
  });

  test('while it is away nobody is let in on a session, and the provider hears that it did not work', async () => {
    const port = await freePort();
    redis = await startRedis({ port, password: PASSWORD });
    await serveBoth(port);
    const [alice, bob] = [await signedIn(), await signedIn()];
    await redis.stop();
    for (const rig of rigs) expect(await status(bob, rig)).toBe(503);
    await alice.signOutAt(provider.issuer);
    await expect.poll(() => told, PATIENT).toMatchObject([{ status: 503 }]);
    const url = `redis://127.0.0.1:${port}`;
    await expect
      .poll(() => rigs[0]!.report().diagnostics.map(({ object, message }) => `${object}: ${message}`), PATIENT)
      .toContainEqual(
        expect.stringMatching(
          `^AuthenticationPolicy/.*the store ${url} is away, and nobody is let in on a session meanwhile`,
        ),
      );
    expect(awayBy('daemun_shared_sign_out_store_away')).toEqual([1]);
    expect(awayBy('daemun_shared_limit_store_away')).toEqual([]);
    redis = await startRedis({ port, password: PASSWORD });
    await expect.poll(() => status(bob, rigs[1]!), PATIENT).toBe(200);
    // Where it came to it held; everywhere it does once it was told again.
    await expect.poll(() => status(bob, rigs[0]!), PATIENT).toBe(200);
    expect(await status(alice, rigs[0]!)).toBe(302);
    expect(await post(told[0]!.form, rigs[1]!)).toBe(200);
    expect(await status(alice, rigs[1]!)).toBe(302);
  });

  test('that is slow, or holds something else in the place of a mark, lets nobody in whom it might be about', async () => {
    redis = await startRedis({ password: PASSWORD });
    await serveBoth(redis.port);
    const [alice, bob] = [await signedIn(), await signedIn()];
    await alice.signOutAt(provider.issuer);
    await expect.poll(() => told, PATIENT).toMatchObject([{ status: 200 }]);
    const marks = (await redis.ask('KEYS', 'daemun:*')).match(/daemun:[^\r\n]+/g)!;
    expect(marks.length).toBeGreaterThan(0);
    for (const mark of marks) {
      await redis.ask('DEL', mark);
      await redis.ask('LPUSH', mark, 'x');
    }
    expect(await status(alice, rigs[1]!)).toBe(503);
    expect(await status(bob, rigs[1]!)).toBe(200);
    process.kill(redis.pid, 'SIGSTOP');
    expect(await status(bob, rigs[1]!)).toBe(503);
    process.kill(redis.pid, 'SIGCONT');
    await expect.poll(() => status(bob, rigs[1]!), PATIENT).toBe(200);
  });

  test('that is none, or whose Secret is not there, nobody is let in', async () => {
    redis = await startRedis({ password: 'another' });
    await serveBoth(redis.port);
    const one = new Browser(rigs[0]!.port(), provider.authority.certificate);
    expect((await one.go(`${ORIGIN}/`)).status).toBe(503);
    await rigs[0]!.write(siteAt(redis.port).replace('"name":"redis"},"stringData"', '"name":"gone"},"stringData"'));
    expect((await one.go(`${ORIGIN}/`)).status).toBe(500);
    const { items } = rigs[0]!.report();
    expect(JSON.stringify(items)).toContain('Secret default/redis does not exist');
    expect(JSON.stringify(items)).not.toContain(PASSWORD);
  });

  test('that no provider tells anything is refused, with the way out', async () => {
    redis = await startRedis({ password: PASSWORD });
    rigs = [await serveOidc(siteAt(redis.port, { backchannelLogoutPath: undefined }), origin)];
    expect(JSON.stringify(rigs[0]!.report().items)).toContain('goes with backchannelLogoutPath');
  });
});
