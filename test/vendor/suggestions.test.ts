/** What is written in the place of other gateways' objects: each field is told, and all that is written is admitted. */
import { describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import type { AnyResource } from '../../src/api/index.ts';
import { admit } from '../../src/sources/admission.ts';
import { translate } from '../../src/translate/index.ts';
import { CASE_NAMES, goldenOf, suggested } from './suggested.ts';

describe.each(CASE_NAMES)('%s', (name) => {
  const { lines, objects, manifests } = suggested(name);

  test('field by field', async () => {
    const told = lines.map(
      ({ object, field, fate, ours, why }) => `${fate} ${object} ${field}: ${[ours, why].filter(Boolean).join('; ')}`,
    );
    await expect(
      stringify({ lines: told, objects }, { lineWidth: 0, aliasDuplicateObjects: false }),
    ).toMatchFileSnapshot(goldenOf(name));
  });

  test('what is written is admitted as it is', () => {
    expect(objects.length).toBeGreaterThan(0);
    for (const object of objects) {
      const admission = admit(object);
      expect(admission).toMatchObject({ verdict: 'accepted', problems: [] });
      if (admission.verdict === 'accepted') expect(admission.resource).toEqual(object);
    }
  });

  test('check accepts it, and nothing of the other gateway is left', () => {
    const resources = parseAllDocuments(manifests).map((document) => document.toJS() as AnyResource);
    const { diagnostics } = translate(resources, { shared: true });
    const errors = diagnostics.filter(
      ({ severity, message }) => severity === 'error' && !EXPECTED.some((one) => message.includes(one)),
    );
    expect(errors).toEqual([]);
    expect(manifests).not.toMatch(/gateway\.(nginx\.org|envoyproxy\.io)|konghq\.com\/(?!credential)/);
  });
});

test.each([
  { 'konghq.com/plugins': 'nobody-knows-it' },
  { 'konghq.com/headers.x-a': '' },
  { 'konghq.com/snis': 'other.example' },
  { 'konghq.com/methods': 'get' },
])('a route of Kong that is refused is not written anew, which would open it: %j', (annotations) => {
  const route = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: 'closed', namespace: 'default', annotations },
    spec: { hostnames: ['a.example'], rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] },
  };
  const { lines, objects } = suggested('kong', [route]);
  expect(objects.map(({ metadata }) => metadata.name)).not.toContain('closed');
  expect(lines).toContainEqual(
    expect.objectContaining({ object: 'HTTPRoute default/closed', field: Object.keys(annotations)[0], fate: 'Lost' }),
  );
});

test('what a Service of Kong asks of connections becomes a policy of it, field by field', () => {
  const annotations = {
    'konghq.com/connect-timeout': '5000',
    'konghq.com/read-timeout': '3600001',
    'konghq.com/write-timeout': 'soon',
    'konghq.com/retries': '3',
    'konghq.com/protocol': 'grpcs',
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'timed', namespace: 'default', annotations },
    spec: { ports: [{ port: 80 }] },
  };
  const { lines, objects } = suggested('kong', [service]);
  const policy = objects.find(({ kind }) => kind === 'BackendTrafficPolicy');
  expect(policy).toMatchObject({
    metadata: { name: 'timed' },
    spec: {
      targetRefs: [{ group: '', kind: 'Service', name: 'timed' }],
      timeouts: { connect: '5s', read: '1h1ms' },
      retry: { attempts: 3 },
      httpVersion: 'HTTP2',
      tls: { verification: 'Disabled' },
    },
  });
  expect(admit(policy)).toMatchObject({ verdict: 'accepted', problems: [], resource: policy });
  const told = lines
    .filter(({ object }) => object === 'Service default/timed')
    .map(({ fate, field }) => `${fate} ${field}`);
  expect(told.sort()).toEqual([
    'Differs konghq.com/protocol',
    'Differs konghq.com/write-timeout',
    'Same konghq.com/connect-timeout',
    'Same konghq.com/read-timeout',
    'Same konghq.com/retries',
  ]);
});

test('a certificate that Kong shows goes with TLS, and a KongUpstreamPolicy is told with what to write', () => {
  const annotations = {
    'konghq.com/protocol': 'https',
    'konghq.com/client-cert': 'shown',
    'konghq.com/upstream-policy': 'sticky',
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'secure', namespace: 'default', annotations },
    spec: { ports: [{ port: 443 }] },
  };
  const { lines, objects } = suggested('kong', [service]);
  expect(
    objects.find(({ kind, metadata }) => kind === 'BackendTrafficPolicy' && metadata.name === 'secure'),
  ).toMatchObject({
    spec: { tls: { verification: 'Disabled', clientCertificateRef: { name: 'shown' } } },
  });
  const told = lines.filter(({ object }) => object === 'Service default/secure');
  expect(told).toContainEqual(
    expect.objectContaining({
      fate: 'Same',
      field: 'konghq.com/client-cert',
      ours: expect.stringContaining('tls.clientCertificateRef'),
    }),
  );
  const upstream = told.find(({ field }) => field === 'konghq.com/upstream-policy')!;
  expect(upstream.why).toContain('{ kind: BackendTrafficPolicy, spec: { targetRefs: [');
  expect(upstream.why).toContain('name: secure');
});

/** What the cases do not have. */
const EXPECTED = [
  'Secret default/pair does not exist',
  'Secret default/login does not exist',
  'ConfigMap default/keys does not exist',
  'ConfigMap default/clients-ca does not exist',
  'Secret default/revoked does not exist',
];
