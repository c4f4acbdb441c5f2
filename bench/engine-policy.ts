/**
 * What policies add to a request, through the whole engine: `node bench/engine-policy.ts`. Microseconds more than without
 * any, the middle of nine turns in which both were measured; the answer is of two bytes. `bench/policy.ts` has filters by themselves.
 */
import assert from 'node:assert';
import { createSign, generateKeyPairSync, hash, type KeyObject } from 'node:crypto';
import type { Credential } from '../src/config/index.ts';
import type { AttachedPolicy } from '../src/proxy/filter/policies.ts';
import { newTurn } from '../src/proxy/ground/allowance.ts';
import { serveHttp } from '../src/proxy/http/index.ts';
import { MemoryDriver, MemoryLink } from '../src/proxy/listen/index.ts';
import { RESPONSE, serviceOf } from './engine-service.ts';

const REQUESTS = 20_000;
const TURNS = 9;
const NEW_TOKENS = 300;

interface PolicyCase {
  policies: Array<{ type: string; settings: object }>;
  credentials?: Credential[];
  /** A header line of the requests, in turn. */
  lines?: string[];
  /** Nothing is remembered of a turn before: each line comes once. */
  once?: boolean;
}

const limit = { name: 'bench', key: [{ type: 'ClientAddress' }], when: [], exempt: [], dryRun: false };
const requests = { ...limit, type: 'Requests', requests: 1e6, period: 1_000, burst: 1e6, cost: 1, statusCode: 429 };
const networks = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/25`);
const condition = { name: 'bench', addresses: networks, methods: [], paths: [], headers: [], times: [] };
const securityHeaders = ['X-Content-Type-Options', 'X-Frame-Options', 'Referrer-Policy', 'Strict-Transport-Security'];

/** A method whose Credential holds what this line proves. */
function proved(method: object, content: Credential['content'], line: string): PolicyCase {
  const whole = { name: 'bench', credential: 'bench/bench/bench/0', forwards: false, ...method };
  const settings = { methods: [whole], require: 'Any', anonymous: { paths: [], addresses: [] }, headers: [] };
  return {
    policies: [{ type: 'Authentication', settings }],
    credentials: [{ kind: 'Credential', key: 'bench/bench/bench/0', content }],
    lines: [line],
  };
}

function signed(algorithm: 'ES256' | 'RS256', tokens: number): PolicyCase {
  const pair =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...pair.publicKey.export({ format: 'jwk' }), kid: '1', alg: algorithm, use: 'sig' };
  const text = JSON.stringify({ keys: [key] });
  const provider = { issuer: 'https://id.example', audiences: ['shop'], algorithms: [algorithm], clockSkew: 0 };
  const method = {
    type: 'Jwt',
    name: 'jwt',
    providers: [{ ...provider, credential: 'bench/keys' }],
    from: [{ in: 'Header', name: 'authorization', scheme: 'bearer' }],
    realm: 'bench',
    forwards: false,
  };
  const settings = { methods: [method], require: 'Any', anonymous: { paths: [], addresses: [] }, headers: [] };
  return {
    policies: [{ type: 'Authentication', settings }],
    credentials: [{ kind: 'Credential', key: 'bench/keys', content: { type: 'KeySet', text, secrets: false } }],
    lines: Array.from({ length: tokens }, (_, i) => `Authorization: Bearer ${tokenOf(algorithm, pair.privateKey, i)}`),
    once: tokens > 1,
  };
}

function tokenOf(alg: string, key: KeyObject, user: number): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: 'https://id.example', sub: `user-${user}`, aud: 'shop', iat: now, exp: now + 3600 };
  const text = `${part({ alg, kid: '1' })}.${part(claims)}`;
  const signature = createSign('sha256').update(text).sign({ key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

const CASES: Record<string, PolicyCase> = {
  'RateLimitPolicy: requests by client address, headers told': {
    policies: [{ type: 'RateLimit', settings: { limits: [requests], headers: 'All' } }],
  },
  'RateLimitPolicy: maxConnections by client address': {
    policies: [
      {
        type: 'RateLimit',
        settings: { limits: [{ ...limit, type: 'Connections', maxConnections: 9, statusCode: 503 }], headers: 'None' },
      },
    ],
  },
  'RateLimitPolicy: bytesPerSecond': {
    policies: [
      {
        type: 'RateLimit',
        settings: { limits: [{ ...limit, type: 'Bandwidth', bytesPerSecond: 1e9, afterBytes: 1e6 }], headers: 'None' },
      },
    ],
  },
  'AccessPolicy: 10,000 networks': {
    policies: [{ type: 'Access', settings: { deny: [condition], allow: [], statusCode: 403, shadow: false } }],
  },
  'FaultPolicy: a delay and an abort of no request': {
    policies: [
      {
        type: 'Fault',
        settings: { when: [], delay: { milliseconds: 9, percentage: 0 }, abort: { statusCode: 503, percentage: 0 } },
      },
    ],
  },
  'ResponsePolicy: four security headers': {
    policies: [{ type: 'AnswerHeaders', settings: { lines: securityHeaders.map((name) => ({ name, value: 'x' })) } }],
  },
  'ResponsePolicy: an error page that is not needed': {
    policies: [{ type: 'ErrorPages', settings: { pages: [{ codes: [502], contentType: 'text/plain', body: 'x' }] } }],
  },
  'ResponsePolicy: compression, of an answer that is too small': {
    policies: [
      { type: 'Compression', settings: { algorithms: ['gzip'], types: ['text/plain'], minimumBytes: 256, level: 4 } },
    ],
    lines: ['Accept-Encoding: gzip'],
  },
  'AccessPolicy: csrf, of a request that changes nothing': {
    policies: [{ type: 'CrossSite', settings: { origins: [], unknown: 'Deny', statusCode: 403, shadow: false } }],
  },
  'AccessPolicy: maxBodyBytes': { policies: [{ type: 'BodySize', settings: { maxBytes: 1e6 } }] },
  'RewritePolicy: a pattern with two groups': {
    policies: [
      {
        type: 'Rewrite',
        settings: { paths: [{ pattern: '^/([^/]+)/items/(.*)$', substitution: '/$1/$2', headers: [] }] },
      },
    ],
  },
  'ResponsePolicy: an error service that is not needed': {
    policies: [{ type: 'ErrorService', settings: { services: [{ codes: [502], backend: 'd/s:80' }] } }],
  },
  'ResponsePolicy: a direct response from which the client is exempt': {
    policies: [
      {
        type: 'DirectResponse',
        settings: { statusCode: 503, contentType: 'text/plain', body: 'x', exempt: ['0.0.0.0/0', '::/0'] },
      },
    ],
  },
  'ResponsePolicy: cookies and locations, of an answer without': {
    policies: [
      {
        type: 'AnswerRewrite',
        settings: { cookieDomains: [{ from: 'a.example', to: 'b.example' }], cookiePaths: [], locations: [] },
      },
    ],
  },
  'ResponsePolicy: accessLog Disabled': { policies: [{ type: 'AccessLogging', settings: { written: false } }] },
  'AuthenticationPolicy: apiKey': proved(
    { type: 'ApiKey', from: [{ in: 'Header', name: 'x-api-key' }] },
    { type: 'ApiKeys', keys: [{ client: 'ann', sha256: hash('sha256', 'key of ann', 'base64') }] },
    'X-Api-Key: key of ann',
  ),
  'AuthenticationPolicy: basic, {SHA}, a password that came before': proved(
    { type: 'Basic', realm: 'bench' },
    { type: 'Users', users: [{ name: 'ann', hash: `{SHA}${hash('sha1', 'secret', 'base64')}` }] },
    `Authorization: Basic ${Buffer.from('ann:secret').toString('base64')}`,
  ),
  'AuthenticationPolicy: jwt, ES256, a token that came before': signed('ES256', 1),
  'AuthenticationPolicy: jwt, ES256, a new token': signed('ES256', NEW_TOKENS),
  'AuthenticationPolicy: jwt, RS256, a token that came before': signed('RS256', 1),
  'AuthenticationPolicy: jwt, RS256, a new token': signed('RS256', NEW_TOKENS),
};

/** Processor time of one of so many requests, in microseconds. */
type Way = (count: number) => number;

async function wayOf({ policies, credentials = [] }: PolicyCase, lines: readonly string[]): Promise<Way> {
  const driver = new MemoryDriver();
  const service = serviceOf(driver);
  const attached = policies.map(({ type, settings }): AttachedPolicy => {
    const spec = { acts: [{ source: `Policy/bench/${type}`, holds: 'Default', settings }] };
    return { key: `${type}/bench`, type, target: { kind: 'Listener', key: 'd/g/http' }, spec };
  });
  service.policies.prepare(attached, new Map(credentials.map((one) => [one.key, one]))).swap();
  const client = new MemoryLink();
  serveHttp(client, service);
  const begin = ['GET /service3/items/42 HTTP/1.1', 'Host: host7.example.com'];
  const requests = lines.map((line) => Buffer.from([...begin, line, '', ''].join('\r\n')));
  client.deliver(requests.at(-1)!);
  await new Promise(setImmediate);
  assert(driver.opened.length === 1, `the backend is not asked: ${client.take()}`);
  const backend = driver.opened[0]!.link;
  backend.deliver(RESPONSE);
  assert.match(client.take(), /^HTTP\/1.1 200 /);
  return (count) => {
    const before = process.cpuUsage();
    for (let i = 0; i < count; i++) {
      // Each is the first of its turn: what patterns may look through is never used up.
      newTurn();
      client.deliver(requests[i % requests.length]!);
      assert(backend.pending > 0);
      backend.take();
      backend.deliver(RESPONSE);
      client.take();
    }
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  };
}

async function measure(name: string, one: PolicyCase): Promise<void> {
  const { lines = ['Accept: */*'], once = false } = one;
  // The last one made the way known.
  const count = once ? lines.length - 1 : REQUESTS;
  const bare = await wayOf({ policies: [] }, lines);
  let guarded = await wayOf(one, lines);
  bare(REQUESTS);
  guarded(count);
  const more: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    if (once) guarded = await wayOf(one, lines);
    more.push(guarded(count) - bare(REQUESTS));
  }
  more.sort((a, b) => a - b);
  const middle = more[(TURNS - 1) / 2]!;
  console.log(`${middle.toFixed(2).padStart(6)} µs (${more[0]!.toFixed(2)} to ${more.at(-1)!.toFixed(2)})  ${name}`);
}

const [wanted = ''] = process.argv.slice(2);
for (const [name, one] of Object.entries(CASES)) if (name.includes(wanted)) await measure(name, one);
process.exit(0);
