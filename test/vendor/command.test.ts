/** `daemun check --suggest` as a command: of files, of a cluster, and of what cannot be read. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { printSuggestions } from '../../src/cli/suggestion.ts';
import { type ApiObject, ApiServer, FORBIDDEN, SERVED_KINDS, type ServedKind } from '../kube/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'daemun-suggest-'));
const manifest = join(folder, 'policies.yaml');
const kubeconfig = join(folder, 'config');
afterAll(() => rmSync(folder, { recursive: true }));

const paint = (_tone: string, text: string): string => text;
const LIMIT = {
  apiVersion: 'gateway.nginx.org/v1alpha1',
  kind: 'RateLimitPolicy',
  metadata: { name: 'slow', namespace: 'shop' },
  spec: {
    targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'cart' }],
    rateLimit: { local: { rules: [{ rate: '10r/s', key: '$binary_remote_addr', tomorrow: 1 }] } },
  },
};

let api: ApiServer;
beforeAll(async () => {
  const kind: ServedKind = {
    group: 'gateway.nginx.org',
    version: 'v1alpha1',
    kind: 'RateLimitPolicy',
    plural: 'ratelimitpolicies',
    namespaced: true,
    status: true,
  };
  // Two kinds of one name: the embedded API finds them by name alone.
  api = await ApiServer.start({ kinds: [...SERVED_KINDS.filter((one) => one.kind !== kind.kind), kind] });
  api.store.create(kind, structuredClone(LIMIT) as unknown as ApiObject);
  const named = (name: string, more: object) => [{ name, ...more }];
  const config = {
    'current-context': 'test',
    contexts: named('test', { context: { cluster: 'test', user: '' } }),
    clusters: named('test', { cluster: { server: api.url.href } }),
  };
  writeFileSync(kubeconfig, stringify(config));
});
afterAll(() => api.close());

test('a table says what is served, what is not, and what nobody knows', async () => {
  writeFileSync(manifest, stringify(LIMIT));
  const { text, troubles } = await printSuggestions({ paths: [manifest], output: 'table', paint });
  expect(troubles).toEqual([]);
  expect(text).toMatch(
    /^RateLimitPolicy shop\/slow +spec\.rateLimit\.local\.rules\[0\]\.rate +limits\[\]\.requests and per$/m,
  );
  expect(text).toMatch(/rules\[0\]\.tomorrow +no field that is known/);
  expect(text).toContain('1 object to be written: -o yaml prints them; 1 of 3 fields have nothing like them.');
});

test('YAML has what to write, and above it what is lost', async () => {
  const { text } = await printSuggestions({ paths: [manifest], output: 'yaml', paint });
  expect(text).toMatch(
    /^# RateLimitPolicy shop\/slow spec\.rateLimit\.local\.rules\[0\]\.tomorrow: no field that is known/m,
  );
  const [policy] = parseAllDocuments(text).map((document) => document.toJS() as { spec?: object });
  expect(policy?.spec).toMatchObject({
    limits: [{ requests: 10, per: 'Second', burst: 1, key: [{ type: 'ClientAddress' }] }],
  });
  const json = await printSuggestions({ paths: [manifest], output: 'json', paint });
  expect((parse(json.text) as { objects: object[] }).objects).toHaveLength(1);
});

test('nothing that others wrote ends a comment of the YAML, or reaches a terminal as more than text', async () => {
  const hostile = join(folder, 'hostile.yaml');
  const field = 'x\n---\napiVersion: v1\nkind: Secret\nmetadata: { name: forged }\n---\n\u001b[2J\u2028y';
  const rules = [{ rate: '10r/s', key: '$binary_remote_addr', [field]: 1 }];
  writeFileSync(hostile, stringify({ ...LIMIT, spec: { ...LIMIT.spec, rateLimit: { local: { rules } } } }));
  for (const output of ['yaml', 'table'] as const) {
    const { text } = await printSuggestions({ paths: [hostile], output, paint });
    expect(text).toContain('x\\x0a---\\x0aapiVersion: v1\\x0akind: Secret');
    expect(text).toContain('\\x1b[2J\\u2028y');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there.
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u2028]/);
  }
  const { text } = await printSuggestions({ paths: [hostile], output: 'yaml', paint });
  expect(parseAllDocuments(text).map((document) => document.toJS().kind as string)).toEqual(['RateLimitPolicy']);
});

test('a file that cannot be read is told, and the others are looked at', async () => {
  const broken = join(folder, 'broken.yaml');
  writeFileSync(broken, 'apiVersion: [');
  const { text, troubles } = await printSuggestions({ paths: [manifest, broken], output: 'table', paint });
  expect(troubles.join()).toContain('broken.yaml');
  expect(text).toContain('RateLimitPolicy shop/slow');
});

test('objects of a cluster are looked at, and those that may not be read are told', async () => {
  const nothing = join(folder, 'nothing.yaml');
  writeFileSync(nothing, '');
  const found = await printSuggestions({ paths: [nothing], output: 'table', paint, kubeconfig });
  expect(found.text).toContain('RateLimitPolicy shop/slow');
  const other = await printSuggestions({ paths: [nothing], output: 'table', paint, kubeconfig, namespace: ['other'] });
  expect(other.text).toContain('No object of another gateway was found.');
  api.fault = ({ path }) => (path.endsWith('/ratelimitpolicies') ? FORBIDDEN : undefined);
  const denied = await printSuggestions({ paths: [nothing], output: 'table', paint, kubeconfig });
  expect(denied.troubles.join()).toContain('ratelimitpolicies.gateway.nginx.org');
});
