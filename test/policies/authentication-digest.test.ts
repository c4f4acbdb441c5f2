/** The digest scheme over real sockets: curl as a client, and clients that repeat, change and make up what it said. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { NONCE_TIME } from '../../src/proxy/filter/authentication/digest.ts';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import { requestPolicy } from './policy.ts';

const run = promisify(execFile);
const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const both = (text: string): string[] => [md5, sha256].map((hash) => `${text.replace(/:[^:]*$/, '')}:${hash(text)}`);
const LINES = [
  ...both('ann:shop:pw-of-ann'),
  ...both('bob:shop:pw-of-bob'),
  ...both('jürgen:shop:geheim'),
  `root:elsewhere:${md5('root:elsewhere:pw')}`,
].join('\n');

function site({ auth = LINES, digest = { realm: 'shop' } as object }: { auth?: string; digest?: object } = {}): string {
  return manifests(
    [HTTP],
    httpRoute('shop', [backendRefs('web')]),
    service('web'),
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'users' }, stringData: { auth } },
    requestPolicy(
      'AuthenticationPolicy',
      'known',
      { kind: 'HTTPRoute', name: 'shop' },
      {
        methods: [{ digest: { secretRef: { name: 'users' }, ...digest } }],
        claimsToHeaders: [{ name: 'X-User', claim: 'sub' }],
      },
    ),
  );
}

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(site(), { echo: true });
});
afterAll(() => rig.close());

async function curl(user: string, path = '/', ...more: string[]): Promise<{ status: string; body: string }> {
  const url = `http://127.0.0.1:${rig.port()}${path}`;
  const { stdout } = await run('curl', ['-s', '--digest', '-u', user, '-w', '\n%{http_code}', ...more, url]);
  const end = stdout.lastIndexOf('\n');
  return { status: stdout.slice(end + 1), body: stdout.slice(0, end) };
}

interface Answer {
  status: number;
  challenges: string[];
}

function ask(authorization?: string, path = '/', method = 'GET', port = rig.port()): Promise<Answer> {
  const headers = authorization === undefined ? {} : { authorization };
  return new Promise((resolve, reject) =>
    http
      .request({ host: '127.0.0.1', port, path, method, agent: false, headers }, (answer) => {
        const challenges = answer.rawHeaders.filter((_, at) => answer.rawHeaders[at - 1] === 'WWW-Authenticate');
        answer.resume().on('end', () => resolve({ status: answer.statusCode!, challenges }));
      })
      .on('error', reject)
      .end(),
  );
}

async function nonceNow(port?: number): Promise<string> {
  const { challenges } = await ask(undefined, '/', 'GET', port);
  return /nonce="([^"]+)"/.exec(challenges[0]!)![1]!;
}

interface Proof {
  nonce: string;
  user?: string;
  realm?: string;
  password?: string;
  uri?: string;
  method?: string;
  nc?: string;
  qop?: string;
  algorithm?: string;
  cnonce?: string;
}

function proof(given: Proof): string {
  const { nonce, user = 'ann', realm = 'shop', password = 'pw-of-ann', uri = '/', method = 'GET' } = given;
  const { nc = '00000001', qop = 'auth', algorithm = 'MD5', cnonce = 'c' } = given;
  const hash = algorithm === 'SHA-256' ? sha256 : md5;
  const response = hash(
    `${hash(`${user}:${realm}:${password}`)}:${nonce}:${nc}:${cnonce}:${qop}:${hash(`${method}:${uri}`)}`,
  );
  return `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", algorithm=${algorithm}, qop=${qop}, nc=${nc}, cnonce="${cnonce}", response="${response}"`;
}

describe('curl', () => {
  test.each<[string, string, string]>([
    ['ann:pw-of-ann', '/', '200'],
    ['ann:pw-of-ann', '/a%20b/c?d=e&f', '200'],
    ['jürgen:geheim', '/', '200'],
    ['ann:other', '/', '401'],
    ['nobody:pw-of-ann', '/', '401'],
    ['root:pw', '/', '401'],
  ])('%s %s is answered with %s', async (user, path, status) => {
    const answer = await curl(user, path);
    expect(answer.status).toBe(status);
    if (status === '200')
      expect(JSON.parse(answer.body).headers['x-user']).toBe(Buffer.from(user.split(':')[0]!).latin1Slice());
  });

  test('with a body', async () => {
    expect((await curl('ann:pw-of-ann', '/x', '-X', 'PUT', '-d', 'hello')).status).toBe('200');
  });
});

test('both algorithms are offered, the better one first, and taken', async () => {
  const { status, challenges } = await ask();
  expect(status).toBe(401);
  expect(challenges.map((one) => /algorithm=([^,]+)/.exec(one)?.[1])).toEqual(['SHA-256', 'MD5']);
  expect(challenges[0]).toMatch(/^Digest realm="shop", qop="auth", algorithm=SHA-256, nonce="[\w-]{43}"$/);
  const nonce = await nonceNow();
  expect((await ask(proof({ nonce, user: 'bob', password: 'pw-of-bob', algorithm: 'SHA-256' }))).status).toBe(200);
  expect((await ask(proof({ nonce, user: 'bob', password: 'pw-of-bob', nc: '00000002' }))).status).toBe(200);
});

describe('what was proved', () => {
  test('holds once, and the next time with the next count', async () => {
    const nonce = await nonceNow();
    const first = proof({ nonce });
    expect((await ask(first)).status).toBe(200);
    const again = await ask(first);
    expect(again.status).toBe(401);
    // The password is right: a client that says it again with the new nonce needs to ask nobody.
    expect(again.challenges[0]).toContain('stale=true');
    expect((await ask(proof({ nonce, nc: '00000002' }))).status).toBe(200);
    expect((await ask(proof({ nonce, nc: '00000002', cnonce: 'other' }))).status).toBe(401);
  });

  test('holds for this method and address, in whatever form that is written', async () => {
    const nonce = await nonceNow();
    expect((await ask(proof({ nonce, uri: '/a' }), '/b')).status).toBe(401);
    expect((await ask(proof({ nonce, uri: '/a' }), '/a?b')).status).toBe(401);
    expect((await ask(proof({ nonce, method: 'POST' }))).status).toBe(401);
    expect((await ask(proof({ nonce, uri: '/%61' }), '/%61')).status).toBe(200);
    expect((await ask(proof({ nonce, uri: 'http://x/a?b', nc: '00000002' }), '/a?b')).status).toBe(200);
  });

  test('holds at any replica with the same Secret, and at none with another', async () => {
    const [same, other] = [
      await serveManifests(site(), { echo: true }),
      await serveManifests(site({ auth: `${LINES}\nx:shop:${md5('x')}` }), { echo: true }),
    ];
    const nonce = await nonceNow();
    expect((await ask(proof({ nonce }), '/', 'GET', same.port())).status).toBe(200);
    expect((await ask(proof({ nonce }), '/', 'GET', other.port())).status).toBe(401);
    await same.close();
    await other.close();
  });

  test('is asked for anew when its time is up', async () => {
    const nonce = await nonceNow();
    vi.useFakeTimers({ toFake: ['Date'] });
    vi.setSystemTime(Date.now() + NONCE_TIME + 1);
    const late = await ask(proof({ nonce }));
    const wrong = await ask(proof({ nonce, password: 'other' }));
    vi.useRealTimers();
    expect([late.status, late.challenges[0]!.includes('stale=true')]).toEqual([401, true]);
    expect([wrong.status, wrong.challenges[0]!.includes('stale')]).toEqual([401, false]);
  });

  test.each<[string, (text: string) => string]>([
    ['a nonce of its own', (text) => text.replace(/nonce="[^"]{3}/, 'nonce="AAA')],
    ['no quality of protection', (text) => text.replace('qop=auth, ', '')],
    ['auth-int', (text) => text.replace('qop=auth', 'qop=auth-int')],
    ['a session algorithm', (text) => text.replace('algorithm=MD5', 'algorithm=MD5-sess')],
    ['another realm', (text) => text.replace('realm="shop"', 'realm="elsewhere"')],
    ['a count that is none', (text) => text.replace('nc=00000001', 'nc=1')],
    ['two names', (text) => `${text}, username="root"`],
    ['a name in another encoding', (text) => `${text}, username*=UTF-8''root`],
    ['no response', (text) => text.replace(/, response=.*/, '')],
    ['an empty response', (text) => text.replace(/response="[^"]*"/, 'response=""')],
    ['no end', (text) => `${text}, x="`],
    ['nothing', () => 'Digest'],
    ['commas', () => `Digest ${','.repeat(5_000)}`],
    ['a backslash at the end', (text) => `${text}, x="\\`],
  ])('with %s is nothing', async (_name, change) => {
    expect((await ask(change(proof({ nonce: await nonceNow() })))).status).toBe(401);
  });
});

describe('a file', () => {
  test.each<[string, Parameters<typeof site>[0], string]>([
    ['of several realms, where none is named', { digest: {} }, 'say which with realm'],
    ['without the realm', { digest: { realm: 'nowhere' } }, 'has no user of realm'],
    ['of htpasswd', { auth: 'ann:$apr1$x$y' }, 'in line 1 of auth'],
    ['in which no algorithm is of all', { auth: `a:shop:${md5('a')}\nb:shop:${sha256('b')}` }, 'give each both'],
    ['of nobody', { auth: '# nobody' }, 'names no user'],
  ])('%s lets nobody in, and says why without a hash', async (_name, broken, why) => {
    const own = await serveManifests(site(broken), { echo: true });
    const nonce = await nonceNow();
    expect((await ask(proof({ nonce }), '/', 'GET', own.port())).status).toBe(503);
    const told = JSON.stringify(own.report());
    expect(told).toContain(why);
    expect(told).not.toContain(md5('ann:shop:pw-of-ann'));
    await own.close();
  });

  test('by MD5 alone, as htdigest writes it, offers that and is enough for curl', async () => {
    const own = await serveManifests(site({ auth: `${LINES.split('\n')[0]}\n${both('bob:shop:x').join('\n')}` }), {
      echo: true,
    });
    const { challenges } = await ask(undefined, '/', 'GET', own.port());
    expect(challenges.map((one) => /algorithm=([^,]+)/.exec(one)?.[1])).toEqual(['MD5']);
    const url = `http://127.0.0.1:${own.port()}/`;
    const { stdout } = await run('curl', [
      '-s',
      '-o',
      '/dev/null',
      '--digest',
      '-u',
      'ann:pw-of-ann',
      '-w',
      '%{http_code}',
      url,
    ]);
    expect(stdout).toBe('200');
    await own.close();
  });

  test('of one realm need not name it', async () => {
    const own = await serveManifests(site({ auth: LINES.split('\n')[0]!, digest: {} }), { echo: true });
    const nonce = await nonceNow(own.port());
    expect((await ask(proof({ nonce }), '/', 'GET', own.port())).status).toBe(200);
    await own.close();
  });
});
