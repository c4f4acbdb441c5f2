/** Each plugin of Kong that has something like it here: what it can be set to, and what of that is served. */
import { expect, test } from 'vitest';
import { admit } from '../../src/sources/admission.ts';
import { describePlugin, type PluginCase } from '../../src/vendor/kong/plugin.suite.ts';
import { PLUGINS } from '../../src/vendor/kong/table.ts';

const CASES: Record<string, Omit<PluginCase, 'kind'>> = {
  cors: {
    whole: {
      origins: ['https://shop.example', 'other.example', 'https://*.wide.example'],
      methods: ['GET', 'PUT'],
      headers: ['X-A'],
      exposed_headers: ['X-B'],
      max_age: 60,
      credentials: true,
      private_network: false,
    },
    lost: [{ origins: ['^https://.*$'] }, { preflight_continue: true }, { private_network: true }, { max_age: 'long' }],
  },
  jwt: {
    whole: {
      header_names: ['authorization'],
      uri_param_names: ['token'],
      cookie_names: ['token'],
      secret_is_base64: true,
      claims_to_verify: ['exp'],
      realm: 'shop',
      key_claim_name: 'iss',
    },
    lost: [{ anonymous: 'x' }, { key_claim_name: 'kid' }, { maximum_expiration: 60 }, { run_on_preflight: false }],
  },
  'key-auth': {
    whole: {
      key_names: ['x-key'],
      key_in_header: true,
      key_in_query: true,
      key_in_body: false,
      hide_credentials: true,
      run_on_preflight: true,
      realm: 'shop',
    },
    lost: [{ anonymous: 'x' }, { key_in_body: true }, { key_in_header: false, key_in_query: false }],
  },
  'basic-auth': {
    whole: { hide_credentials: true, realm: 'shop' },
    lost: [{ anonymous: 'x' }, { brute_force_protection: { strategy: 'memory' } }, { realm: 1 }],
  },
  'ip-restriction': {
    whole: { allow: ['10.0.0.0/8', '2001:db8::1'], deny: ['10.0.0.7'], status: 404, message: 'no' },
    least: { allow: ['10.0.0.1'] },
    lost: [{ allow: [] }, { deny: '10.0.0.1' }, { status: 'x' }],
  },
  'request-size-limiting': {
    whole: { allowed_payload_size: 3, size_unit: 'kilobytes', require_content_length: false },
    lost: [{ require_content_length: true }, { size_unit: 'gigabytes' }, { allowed_payload_size: '3' }],
  },
  'rate-limiting': {
    whole: {
      second: 1,
      minute: 2,
      hour: 3,
      day: 4,
      limit_by: 'header',
      header_name: 'X-Tenant',
      policy: 'redis',
      fault_tolerant: false,
      hide_client_headers: true,
      error_code: 503,
      error_message: 'slow down',
      sync_rate: -1,
      redis: {
        host: 'redis.shop.svc',
        port: 6380,
        database: 2,
        timeout: 100,
        ssl: true,
        ssl_verify: true,
        server_name: 'r.example',
      },
    },
    least: { minute: 5 },
    lost: [
      { month: 1 },
      { year: 1 },
      { limit_by: 'path', path: '/x' },
      { limit_by: 'header' },
      { limit_by: 'planet' },
      { policy: 'cluster' },
      { policy: 'redis' },
      { redis_host: 'x' },
      { policy: 'redis', redis: { host: 'x', password: 'p' } },
      { policy: 'redis', redis: { host: 'x', sentinel_master: 'm' } },
      { sync_rate: 10 },
    ],
  },
  'request-transformer': {
    whole: {
      remove: { headers: ['x-a'] },
      replace: { headers: ['x-b:1'], uri: '/new' },
      add: { headers: ['x-c:1:2'] },
      append: { headers: ['x-d:1'] },
    },
    least: { append: { headers: ['x-d:1'] } },
    lost: [
      { http_method: 'GET' },
      { rename: { headers: ['a:b'] } },
      { add: { querystring: ['a:b'] } },
      { remove: { body: ['a'] } },
      { add: { headers: ['a:$(headers.b)'] } },
      { add: { headers: ['nothing'] } },
      { replace: { uri: '/$(uri_captures[1])' } },
    ],
  },
  'response-transformer': {
    whole: {
      remove: { headers: ['x-a'] },
      replace: { headers: ['x-b:1'] },
      add: { headers: ['x-c:1'] },
      append: { headers: ['x-d:1'] },
    },
    least: { remove: { headers: ['x-a'] } },
    lost: [{ rename: { headers: ['a:b'] } }, { add: { json: ['a:b'], json_types: ['string'] } }],
  },
  redirect: {
    whole: { location: 'https://new.example:8443/x', status_code: 308, keep_incoming_path: false },
    least: { location: 'http://new.example' },
    lost: [{ location: '/only-a-path' }, { location: 'https://a.example/?q' }, { status_code: 418 }],
  },
  'request-termination': {
    whole: { status_code: 410, content_type: 'text/plain', body: 'gone' },
    lost: [{ trigger: 'x-stop' }, { echo: true }, { status_code: 101 }],
  },
};

const admitted = (object: unknown): unknown => {
  const admission = admit(object);
  return admission.verdict === 'accepted' && admission.problems.length === 0 ? admission.resource : admission;
};

test('every plugin has its case', () => {
  expect(Object.keys(CASES).sort()).toEqual([...PLUGINS.keys()].sort());
});

for (const [name, one] of Object.entries(CASES)) describePlugin({ kind: PLUGINS.get(name)!, ...one }, admitted);
