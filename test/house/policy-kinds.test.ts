/** Each type of policy has a suite, a line of a bench and a guide: a new one does not come without them. */
import { describe, expect, test } from 'vitest';
import { POLICY_TYPES, type Policy } from '../../src/config/index.ts';
import { textOf } from './tree.ts';

/** A file, and what stands in it of the type. */
type Place = readonly [path: string, text: string];

interface Proof {
  suite: Place;
  bench: Place;
  guide: Place;
}

const KINDS = 'test/policies/kinds.test.ts';
const BROKEN = 'test/policies/broken-policies.ts';
const POLICIES = 'docs/guides/policies.md';
const CLIENTS = 'docs/guides/clients.md';
const engine = (type: string): Place => ['bench/engine-policy.ts', `type: '${type}'`];

const PROOFS: Record<Policy['type'], Proof> = {
  ClientTraffic: {
    suite: [BROKEN, 'ClientTrafficPolicy'],
    bench: ['bench/client-traffic.ts', 'limits, request id, HSTS, client address'],
    guide: [CLIENTS, 'kind: ClientTrafficPolicy'],
  },
  ClientCertificates: {
    suite: [BROKEN, 'clientCertificates: {'],
    bench: ['bench/client-traffic.ts', 'clientCertificates: verified'],
    guide: ['docs/guides/tls.md', 'clientCertificates'],
  },
  BackendTraffic: {
    suite: [BROKEN, 'BackendTrafficPolicy'],
    bench: ['bench/policy.ts', 'endpoint by a consistent hash of a header'],
    guide: ['docs/guides/backends.md', 'kind: BackendTrafficPolicy'],
  },
  RateLimit: { suite: [KINDS, 'RateLimitPolicy: {'], bench: engine('RateLimit'), guide: [POLICIES, 'RateLimitPolicy'] },
  Access: { suite: [KINDS, 'AccessPolicy: {'], bench: engine('Access'), guide: [POLICIES, 'AccessPolicy'] },
  CrossSite: { suite: [BROKEN, 'csrf'], bench: engine('CrossSite'), guide: [POLICIES, 'csrf'] },
  BodySize: { suite: [BROKEN, 'maxBodyBytes'], bench: engine('BodySize'), guide: [POLICIES, 'maxBodyBytes'] },
  Authentication: {
    suite: [KINDS, 'AuthenticationPolicy: {'],
    bench: engine('Authentication'),
    guide: ['docs/guides/authentication.md', 'kind: AuthenticationPolicy'],
  },
  Fault: { suite: [KINDS, 'FaultPolicy: {'], bench: engine('Fault'), guide: [POLICIES, 'FaultPolicy'] },
  Rewrite: { suite: [KINDS, 'RewritePolicy: {'], bench: engine('Rewrite'), guide: [POLICIES, 'RewritePolicy'] },
  AnswerHeaders: {
    suite: [KINDS, 'ResponsePolicy: {'],
    bench: engine('AnswerHeaders'),
    guide: [POLICIES, 'securityHeaders'],
  },
  ErrorPages: { suite: [BROKEN, 'errorPages'], bench: engine('ErrorPages'), guide: [POLICIES, 'errorPages'] },
  ErrorService: { suite: [BROKEN, 'backendRef'], bench: engine('ErrorService'), guide: [POLICIES, 'backendRef'] },
  DirectResponse: {
    suite: ['test/policies/explained-request.ts', 'directResponse'],
    bench: engine('DirectResponse'),
    guide: [POLICIES, 'directResponse'],
  },
  AnswerRewrite: {
    suite: ['test/policies/response.test.ts', 'cookies'],
    bench: engine('AnswerRewrite'),
    guide: [POLICIES, 'ookie'],
  },
  AccessLogging: {
    suite: ['test/policies/response.test.ts', 'accessLog'],
    bench: engine('AccessLogging'),
    guide: [POLICIES, 'accessLog'],
  },
  Compression: {
    suite: ['test/policies/response.test.ts', 'compression'],
    bench: engine('Compression'),
    guide: [POLICIES, 'compression'],
  },
  Cache: {
    suite: ['test/policies/cache.test.ts', 'cache'],
    bench: ['bench/cache.ts', 'cache'],
    guide: ['docs/guides/caching.md', 'cache'],
  },
  StreamAccess: {
    suite: ['test/policies/stream-guards.test.ts', 'an AccessPolicy'],
    bench: ['bench/stream-guard.ts', "type: 'StreamAccess'"],
    guide: ['docs/guides/streams.md', 'kind: AccessPolicy'],
  },
  StreamLimits: {
    suite: ['test/policies/stream-guards.test.ts', 'a RateLimitPolicy'],
    bench: ['bench/stream-guard.ts', "type: 'StreamLimits'"],
    guide: ['docs/guides/streams.md', 'kind: RateLimitPolicy'],
  },
};

test('each type is here', () => {
  expect(Object.keys(PROOFS)).toEqual(Object.keys(POLICY_TYPES));
});

test('health checks, which cost something without a request, have a bench of their own', () => {
  expect(textOf('bench/health-check.ts')).toContain("type: 'HTTP'");
});

describe.each(Object.entries(PROOFS))('%s', (_, proof) => {
  test.each(Object.entries(proof) as Array<[string, Place]>)('has its %s', (_what, [path, text]) => {
    expect(textOf(path)).toContain(text);
  });
});
