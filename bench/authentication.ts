/** What it costs to know who asks, in memory and by itself: `node bench/authentication.ts`. Microseconds; see docs/performance.md. */
import assert from 'node:assert';
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import type { AuthenticationMethod, Credential, CredentialContent } from '../src/config/index.ts';
import { CONTINUE, type CompiledFilter, POLICY_FILTERS } from '../src/proxy/filter/index.ts';
import { plainHead } from '../src/proxy/route/index.ts';
import { PolicyState } from '../src/proxy/state/index.ts';

const ROUNDS = 5;
const REQUESTS = 20_000;
const ISSUER = 'https://issuer.example';
const KEYS = 10_000;

interface Case {
  method: AuthenticationMethod;
  content: CredentialContent;
  line: [string, string];
  /** Nothing is remembered of tokens: each is as one that was not seen before. */
  forgets?: boolean;
}

function filterOf({ method, content, forgets }: Case): CompiledFilter {
  const state = new PolicyState();
  if (forgets) Object.defineProperty(state, 'tokens', { value: { get() {}, set() {} } });
  const credential: Credential = { kind: 'Credential', key: 'c', content };
  state.credentials = new Map([['c', credential]]);
  const settings = { methods: [method], require: 'All', anonymous: { paths: [], addresses: [] }, headers: [] };
  const spec = { acts: [{ source: 'AuthenticationPolicy/bench/bench', holds: 'Default', settings }] };
  const target = { kind: 'Listener', key: 'bench/gw/http' };
  const policy = { key: 'Authentication/bench', type: 'Authentication', target, spec };
  return [POLICY_FILTERS.Authentication!(policy, state)].flat()[0]!;
}

async function tokenCase(alg: 'ES256' | 'RS256', forgets: boolean): Promise<Case> {
  const { publicKey, privateKey } = keyPair(alg);
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const claims = { iss: ISSUER, aud: 'shop', sub: 'alice', exp, scope: 'openid profile', roles: ['a', 'b'] };
  const token = await new SignJWT(claims).setProtectedHeader({ alg, kid: 'k' }).sign(privateKey);
  const text = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] });
  const provider = { issuer: ISSUER, audiences: ['shop'], algorithms: [alg], clockSkew: 60_000, credential: 'c' };
  const from = [{ in: 'Header' as const, name: 'authorization', scheme: 'bearer' }];
  return {
    method: { type: 'Jwt', name: '0', providers: [provider], from, realm: '', forwards: true },
    content: { type: 'KeySet', text, secrets: false },
    line: ['authorization', `Bearer ${token}`],
    forgets,
  };
}

function keyPair(alg: 'ES256' | 'RS256'): { publicKey: KeyObject; privateKey: KeyObject } {
  return alg === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
}

function keyCase(): Case {
  const keys = Array.from({ length: KEYS }, (_, i) => ({
    client: `client-${i}`,
    sha256: createHash('sha256').update(`key-of-client-${i}`).digest('base64'),
  }));
  return {
    method: { type: 'ApiKey', name: '0', credential: 'c', from: [{ in: 'Header', name: 'x-api-key' }], forwards: true },
    content: { type: 'ApiKeys', keys },
    line: ['x-api-key', `key-of-client-${KEYS - 1}`],
  };
}

const passwordCase: Case = {
  method: { type: 'Basic', name: '0', credential: 'c', realm: '', forwards: true },
  content: { type: 'Users', users: [{ name: 'u', hash: '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=' }] },
  line: ['authorization', `Basic ${Buffer.from('u:secret').toString('base64')}`],
};

const CASES: Record<string, Case> = {
  'a token of ES256 that was seen before': await tokenCase('ES256', false),
  'a token of RS256 that was seen before': await tokenCase('RS256', false),
  'a new token of ES256, its key known': await tokenCase('ES256', true),
  'a new token of RS256, its key known': await tokenCase('RS256', true),
  'one key of 10,000, known': keyCase(),
  'a password of {SHA}': passwordCase,
};

function microseconds({ line }: Case, filter: CompiledFilter): number {
  const head = plainHead({ method: 'GET', host: 'a.example', target: '/cart/7', headers: [['accept', '*/*'], line] });
  const scope = { head, clientAddress: '192.0.2.1', keep() {}, kept() {}, tell() {}, identify() {}, deny() {} };
  const began = performance.now();
  for (let i = 0; i < REQUESTS; i++) assert.equal(filter.onRequest(scope as never), CONTINUE);
  return ((performance.now() - began) / REQUESTS) * 1_000;
}

for (const [name, one] of Object.entries(CASES)) {
  const filter = filterOf(one);
  const best = Math.min(...Array.from({ length: ROUNDS }, () => microseconds(one, filter)));
  console.log(`${best.toFixed(2).padStart(6)} µs  ${name}`);
}
