/** Kong's consumers over real sockets: whom their credentials let in, what backends are told of them, and who is nobody. */
import { createHmac, generateKeyPairSync } from 'node:crypto';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backendRefs, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';

const API = 'configuration.konghq.com/v1';

function plugin(kind: string, config: object = {}): object {
  return { apiVersion: API, kind: 'KongPlugin', metadata: { name: kind }, plugin: kind, config };
}

interface Names {
  username?: string;
  custom_id?: string;
  class?: string;
}

/** Somebody with one credential. */
function somebody(
  name: string,
  { class: ingressClass, ...names }: Names,
  [type, stringData]: [string, object],
): object[] {
  const annotations = ingressClass === undefined ? {} : { 'kubernetes.io/ingress.class': ingressClass };
  const metadata = { name, annotations };
  const secret = `${name}-credential`;
  const labels = { 'konghq.com/credential': type };
  return [
    { apiVersion: API, kind: 'KongConsumer', metadata, ...names, credentials: [secret] },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: secret, labels }, stringData },
  ];
}

function route(name: string, plugins: string): object {
  const { metadata, ...rest } = httpRoute(name, [backendRefs('web')], { hostnames: [`${name}.example`] }) as {
    metadata: object;
  };
  return { ...rest, metadata: { ...metadata, annotations: { 'konghq.com/plugins': plugins } } };
}

const ROUTES = [
  route('keys', 'key-auth'),
  route('words', 'basic-auth'),
  route('tokens', 'jwt'),
  route('both', 'jwt, key-auth'),
  service('web'),
  ...['key-auth', 'basic-auth', 'jwt'].map((kind) => plugin(kind)),
];

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(manifests([HTTP], ...ROUTES), { echo: true });
});
afterAll(() => rig.close());

let edits = 0;
async function serve(...objects: object[]): Promise<void> {
  // What is written is waited for by the change that it makes.
  const edit = httpRoute('edit', [backendRefs('web')], { hostnames: [`edit-${++edits}.example`] });
  await rig.write(manifests([HTTP], ...ROUTES, ...objects, edit));
}

interface Answer {
  status: number;
  /** What the backend got. */
  lines: Record<string, string>;
}

async function ask(host: string, headers: Record<string, string> = {}): Promise<Answer> {
  const options = { port: rig.port(), host: '127.0.0.1', headers: { host: `${host}.example`, ...headers } };
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    http.get(options, resolve).on('error', reject);
  });
  const said = await text(answer);
  return { status: answer.statusCode!, lines: answer.statusCode === 200 ? JSON.parse(said).headers : {} };
}

const login = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

function token(claims: object, secret: string, alg = 'HS256'): Record<string, string> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 60;
  const input = `${part({ alg, typ: 'JWT' })}.${part({ exp, ...claims })}`;
  const signature = createHmac('sha256', secret).update(input).digest('base64url');
  return { authorization: `Bearer ${input}.${signature}` };
}

const told = (): string => JSON.stringify(rig.report().items);
const LONG = 'a secret that is long enough for a signature';
const OTHER = 'another secret, and long enough for a signature';

describe('what backends are told', () => {
  test('username, custom_id and what the credential is called, by every way to say who it is', async () => {
    await serve(
      ...somebody('a', { username: 'Ann Example', custom_id: 'id-1' }, ['key-auth', { key: 'the key of ann' }]),
      ...somebody('b', { username: 'bob' }, ['basic-auth', { username: 'robert', password: 'secret' }]),
      ...somebody('c', { custom_id: 'id-3' }, ['jwt', { key: 'issuer-c', secret: LONG }]),
    );
    const forged = { 'x-consumer-custom-id': 'evil', 'x-consumer-username': 'evil' };
    expect((await ask('keys', { apikey: 'the key of ann', ...forged })).lines).toMatchObject({
      'x-consumer-username': 'Ann Example',
      'x-consumer-id': 'a',
      'x-consumer-custom-id': 'id-1',
    });
    const { lines } = await ask('words', { ...login('robert', 'secret'), ...forged });
    expect(lines).toMatchObject({
      'x-consumer-username': 'bob',
      'x-consumer-id': 'b',
      'x-credential-identifier': 'robert',
    });
    expect(lines['x-consumer-custom-id']).toBeUndefined();
    const third = (await ask('tokens', { ...token({ iss: 'issuer-c', sub: 'b' }, LONG), ...forged })).lines;
    expect(third).toMatchObject({
      'x-consumer-id': 'c',
      'x-consumer-custom-id': 'id-3',
      'x-credential-identifier': 'issuer-c',
    });
    expect(third['x-consumer-username']).toBeUndefined();
  });

  test('of a token and a key the token counts, and nothing that its holder writes into it but who signed', async () => {
    await serve(
      ...somebody('a', { username: 'ann' }, ['key-auth', { key: 'the key of ann' }]),
      ...somebody('c', { username: 'carl' }, ['jwt', { key: 'issuer-c', secret: LONG }]),
    );
    const { status, lines } = await ask('both', {
      apikey: 'the key of ann',
      ...token({ iss: 'issuer-c', sub: 'ann' }, LONG),
    });
    expect({ status, user: lines['x-consumer-username'] }).toEqual({ status: 200, user: 'carl' });
  });
});

test('hundreds of consumers with a key each: everybody is let in by his own, and by no other', async () => {
  const names = Array.from({ length: 300 }, (_, at) => `n${at}`);
  const secretOf = (name: string): string => `${LONG}, of ${name}`;
  await serve(
    ...names.flatMap((name) => somebody(name, { username: name }, ['jwt', { key: name, secret: secretOf(name) }])),
  );
  expect(told()).not.toContain('credentials can be used');
  for (const name of ['n0', 'n16', 'n17', 'n299']) {
    const { status, lines } = await ask('tokens', token({ iss: name }, secretOf(name)));
    expect([name, status, lines['x-consumer-username']]).toEqual([name, 200, name]);
    expect((await ask('tokens', token({ iss: name }, secretOf('n1')))).status).toBe(401);
  }
  expect((await ask('tokens', token({ iss: 'n300' }, secretOf('n300')))).status).toBe(401);
});

describe('who is nobody', () => {
  const ann = () => somebody('a', { username: 'ann' }, ['key-auth', { key: 'the key of ann' }]);
  const NOBODIES: Array<[string, Names, string]> = [
    ['of another ingress class', { username: 'bob', class: 'internal' }, 'is of the ingress class internal'],
    ['without any name', {}, 'has neither username nor custom_id'],
    ['with a line break in his name', { username: 'bob\r\nx-admin: 1' }, 'has a username that no header line can hold'],
    ['with blanks around his name', { username: ' bob' }, 'has a username that no header line can hold'],
    ['with an empty name', { username: '' }, 'has a username that no header line can hold'],
    ['with a custom_id of control characters', { username: 'bob', custom_id: '\u0001' }, 'has a custom_id that no'],
  ];

  test.each(NOBODIES)('a consumer %s', async (_name, names, why) => {
    await serve(...ann(), ...somebody('b', names, ['key-auth', { key: 'the key of bob' }]));
    expect((await ask('keys', { apikey: 'the key of bob' })).status).toBe(401);
    expect((await ask('keys', { apikey: 'the key of ann' })).status).toBe(200);
    expect(told()).toContain(`KongConsumer b ${why}`);
    // With nobody else the route is refused, and not open.
    await serve(...somebody('b', names, ['key-auth', { key: 'the key of bob' }]));
    expect((await ask('keys', { apikey: 'the key of bob' })).status).toBe(500);
    expect((await ask('keys')).status).toBe(500);
  });

  test('two of one username, or with one key, or with one user: whose it is could not be told', async () => {
    await serve(
      ...ann(),
      ...somebody('b', { username: 'bob' }, ['key-auth', { key: 'the key of bob' }]),
      ...somebody('c', { username: 'bob' }, ['key-auth', { key: 'the key of carl' }]),
      ...somebody('d', { username: 'dora' }, ['key-auth', { key: 'one and the same' }]),
      ...somebody('e', { username: 'eve' }, ['key-auth', { key: 'one and the same' }]),
    );
    for (const apikey of ['the key of bob', 'the key of carl', 'one and the same'])
      expect((await ask('keys', { apikey })).status).toBe(401);
    expect((await ask('keys', { apikey: 'the key of ann' })).status).toBe(200);
    await serve(
      ...somebody('a', { username: 'ann' }, ['basic-auth', { username: 'ann', password: 'secret' }]),
      ...somebody('b', { username: 'bob' }, ['basic-auth', { username: 'bob', password: 'one' }]),
      ...somebody('c', { username: 'carl' }, ['basic-auth', { username: 'bob', password: 'two' }]),
    );
    for (const password of ['one', 'two']) expect((await ask('words', login('bob', password))).status).toBe(401);
    expect((await ask('words', login('ann', 'secret'))).status).toBe(200);
  });

  test('a token of a credential that cannot be used, while those of others are taken', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
    const broken: object[] = [
      { secret: LONG },
      { key: 'b', secret: '' },
      { key: 'b', secret: LONG, algorithm: 'none' },
      { key: 'b', secret: LONG, algorithm: 'RS256' },
      { key: 'b', secret: LONG, algorithm: 'RS256', rsa_public_key: 'no key' },
      { key: 'b', secret: LONG, algorithm: 'ES256', rsa_public_key: rsa },
      { key: 'a', secret: OTHER },
    ];
    for (const data of broken) {
      const isTwin = 'key' in data && data.key === 'a';
      await serve(
        ...somebody('a', { username: 'ann' }, ['jwt', { key: isTwin ? 'x' : 'a', secret: LONG }]),
        ...somebody('b', { username: 'bob' }, ['jwt', data]),
        ...(isTwin ? somebody('c', { username: 'carl' }, ['jwt', { key: 'a', secret: OTHER }]) : []),
      );
      for (const secret of ['', LONG, OTHER])
        for (const iss of ['b', '', ...(isTwin ? ['a'] : [])])
          expect((await ask('tokens', token({ iss }, secret))).status).toBe(401);
      const { status, lines } = await ask('tokens', token({ iss: isTwin ? 'x' : 'a' }, LONG));
      expect({ status, user: lines['x-consumer-username'] }).toEqual({ status: 200, user: 'ann' });
      expect(told()).toContain('the jwt credential of b ');
    }
  });

  test('whoever signs with nothing, where a secret is said to be base64 and is none', async () => {
    const jwt = { ...plugin('jwt', { secret_is_base64: true }), metadata: { name: 'encoded' } };
    await serve(
      route('encoded', 'encoded'),
      jwt,
      ...somebody('b', { username: 'bob' }, ['jwt', { key: 'b', secret: '%%%%' }]),
      ...somebody('a', { username: 'ann' }, ['jwt', { key: 'a', secret: Buffer.from(LONG).toString('base64') }]),
    );
    for (const secret of ['', '%%%%']) expect((await ask('encoded', token({ iss: 'b' }, secret))).status).toBe(401);
    expect((await ask('encoded', token({ iss: 'a' }, LONG))).status).toBe(200);
  });

  test('a short secret is told, and holds', async () => {
    await serve(...somebody('a', { username: 'ann' }, ['jwt', { key: 'a', secret: 'short' }]));
    expect((await ask('tokens', token({ iss: 'a' }, 'short'))).status).toBe(200);
    expect((await ask('tokens', token({ iss: 'a' }, 'wrong'))).status).toBe(401);
    expect(told()).toContain('has a secret of less than the 32 bytes that HS256 asks for');
  });

  test('one limit for all tokens of a consumer, whatever he writes into them', async () => {
    const limit = plugin('rate-limiting', { minute: 2 });
    const limited = route('limited', 'jwt, rate-limiting');
    await serve(limited, limit, ...somebody('a', { username: 'ann' }, ['jwt', { key: 'a', secret: LONG }]));
    const statuses = [];
    for (const sub of ['1', '2', '3']) statuses.push((await ask('limited', token({ iss: 'a', sub }, LONG))).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  test('a plugin of the cluster of another ingress class closes who names it', async () => {
    const metadata = { name: 'nets', annotations: { 'kubernetes.io/ingress.class': 'internal' } };
    const config = { allow: ['127.0.0.0/8'] };
    await serve(route('nets', 'nets'), {
      apiVersion: API,
      kind: 'KongClusterPlugin',
      metadata,
      plugin: 'ip-restriction',
      config,
    });
    expect((await ask('nets')).status).toBe(500);
    expect(told()).toContain('KongClusterPlugin nets is of the ingress class internal');
  });
});

test('names of consumers stand in no status', async () => {
  await serve(...somebody('a', { username: 'Ann Example' }, ['key-auth', { key: 'the key of ann' }]));
  expect(told()).toContain('AuthenticationPolicy');
  expect(told()).not.toContain('Ann Example');
});
