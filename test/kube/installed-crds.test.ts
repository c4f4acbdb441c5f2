/** What CRDs of any release and channel make of a class and its warnings, against the embedded API. */
import { afterEach, expect, test } from 'vitest';
import { type Condition, type GatewayClassStatus, KINDS, type Kind } from '../../src/api/index.ts';
import { openPipeline, type Pipeline } from '../../src/control/index.ts';
import type { ServedSchema } from '../../src/sources/cluster/crd-fields.ts';
import { ApiClient, ClusterSource } from '../../src/sources/cluster/index.ts';
import { type Schema, schemaOf } from '../../src/sources/schema/index.ts';
import { type ApiObject, ApiServer, FAILED, FORBIDDEN } from './index.ts';

const GROUP = 'gateway.networking.k8s.io';
const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
type ObjectSchema = Extract<Schema, { type: 'object' }>;
const open: Array<() => Promise<void> | void> = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function startApi(): Promise<ApiServer> {
  const api = await ApiServer.start();
  open.push(() => api.close());
  api.store.create(api.kind('GatewayClass'), {
    apiVersion: `${GROUP}/v1`,
    kind: 'GatewayClass',
    metadata: { name: 'daemun' },
    spec: { controllerName: 'daemun.dev/gateway-controller' },
  });
  return api;
}

async function read(api: ApiServer): Promise<Pipeline> {
  const client = new ApiClient({ server: api.url, namespace: 'default', name: 'test' });
  const source = new ClusterSource({ client, times: { firstPause: 5, longestPause: 20 }, rediscover: 50 });
  open.push(
    () => client.close(),
    () => source.close(),
  );
  const pipeline = openPipeline({ source: () => source, perGateway: true });
  await source.ready;
  return pipeline;
}

function putCrd(
  api: ApiServer,
  plural: string,
  annotations: Record<string, string>,
  { group = GROUP, spec = {} }: { group?: string; spec?: object } = {},
): void {
  const served = api.kind('CustomResourceDefinition');
  const name = `${plural}.${group}`;
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name, annotations },
    spec,
  } as unknown as ApiObject;
  if (api.store.find(served, '', name) === undefined) api.store.create(served, crd);
  else api.store.replace(served, crd, { status: false });
}

const bundle = (version: string, channel = 'experimental'): Record<string, string> => ({
  [`${GROUP}/bundle-version`]: version,
  [`${GROUP}/channel`]: channel,
});

function conditionOf(pipeline: Pipeline, type: string): Pick<Condition, 'status' | 'reason' | 'message'> | undefined {
  const item = pipeline.report().items.find(({ kind }) => kind === 'GatewayClass');
  return (item?.status as GatewayClassStatus | undefined)?.conditions?.find((one) => one.type === type);
}

const said = (pipeline: Pipeline): string[] =>
  pipeline.problems().map(({ severity, message }) => `${severity}: ${message}`);

test('the class says which release the CRDs are of from the start, and follows an upgrade beyond what is known', async () => {
  const api = await startApi();
  putCrd(api, 'gateways', bundle('v1.6.3'));
  putCrd(api, 'xmeshes', bundle('v9.0.0'), { group: 'gateway.networking.x-k8s.io' });
  putCrd(api, 'certificates', {}, { group: 'cert-manager.io' });
  const pipeline = await read(api);
  expect(conditionOf(pipeline, 'SupportedVersion')).toMatchObject({
    status: 'True',
    reason: 'SupportedVersion',
    message: 'CRDs of Gateway API v1.6.3 (experimental)',
  });
  expect(said(pipeline)).toEqual([]);
  putCrd(api, 'gateways', bundle('v1.8.0'));
  await expect.poll(() => conditionOf(pipeline, 'SupportedVersion')?.status).toBe('False');
  const { reason, message } = conditionOf(pipeline, 'SupportedVersion')!;
  expect(reason).toBe('UnsupportedVersion');
  expect(message).toContain('v1.8.0 (gateways); known are v1.1 to v1.7');
  expect(conditionOf(pipeline, 'Accepted')?.status).toBe('True');
  expect(said(pipeline)).toEqual([`warning: ${message}`]);
  putCrd(api, 'gateways', bundle('v1.7.0'));
  await expect.poll(() => conditionOf(pipeline, 'SupportedVersion')?.status).toBe('True');
  expect(said(pipeline)).toEqual([]);
});

test.each([
  ['v1.1.0', 'True'],
  ['v1.7.2', 'True'],
  ['v1.7.0-rc.1', 'True'],
  ['v1.0.0', 'False'],
  ['v1.8.0', 'False'],
  ['v1.10.0', 'False'],
  ['v2.1.0', 'False'],
  ['main', 'False'],
])('CRDs of %s are supported: %s', async (version, status) => {
  const api = await startApi();
  putCrd(api, 'gateways', bundle(version));
  expect(conditionOf(await read(api), 'SupportedVersion')?.status).toBe(status);
});

test('one CRD that does not say its release is one that is not known', async () => {
  const api = await startApi();
  putCrd(api, 'gateways', bundle('v1.6.3'));
  putCrd(api, 'httproutes', {});
  const pipeline = await read(api);
  expect(conditionOf(pipeline, 'SupportedVersion')).toMatchObject({ status: 'False', reason: 'UnsupportedVersion' });
  expect(conditionOf(pipeline, 'SupportedVersion')?.message).toContain('bundle-version (httproutes)');
  api.store.delete(api.kind('CustomResourceDefinition'), '', `httproutes.${GROUP}`);
  await expect.poll(() => conditionOf(pipeline, 'SupportedVersion')?.status).toBe('True');
});

test('where CRDs may not be read the class says nothing of them, and all else is read', async () => {
  const api = await startApi();
  putCrd(api, 'gateways', bundle('v1.6.3'));
  api.fault = ({ path }) => (path === CRDS ? FORBIDDEN : undefined);
  const pipeline = await read(api);
  expect(conditionOf(pipeline, 'Accepted')?.status).toBe('True');
  expect(conditionOf(pipeline, 'SupportedVersion')).toBeUndefined();
  expect(said(pipeline)).toEqual([expect.stringMatching(/^info: .* grant get, list and watch on CRDs$/)]);
  api.fault = () => undefined;
  await expect.poll(() => conditionOf(pipeline, 'SupportedVersion')?.status).toBe('True');
  expect(said(pipeline)).toEqual([]);
});

test('an API server that fails for a moment does not make a restart take the condition away', async () => {
  const api = await startApi();
  putCrd(api, 'gateways', bundle('v1.6.3'));
  let failed = 0;
  api.fault = ({ path }) => (path === CRDS && ++failed < 20 ? FAILED : undefined);
  const pipeline = await read(api);
  expect(failed).toBeGreaterThanOrEqual(20);
  expect(conditionOf(pipeline, 'SupportedVersion')?.status).toBe('True');
});

test('kinds that an old release does not have are told with the way out, until they come', async () => {
  const api = await startApi();
  putCrd(api, 'gateways', bundle('v1.4.0', 'standard'));
  const later = ['TCPRoute', 'UDPRoute', 'ListenerSet', 'RateLimitPolicy'].map((kind) => api.kind(kind));
  api.kinds = api.kinds.filter((one) => !later.includes(one));
  const pipeline = await read(api);
  expect(conditionOf(pipeline, 'Accepted')?.status).toBe('True');
  expect(said(pipeline)).toEqual([
    "warning: ListenerSet, TCPRoute and UDPRoute are not served by this cluster, which has Gateway API v1.4.0 (standard): install the Gateway API's CRDs of v1.6 or later, or the experimental channel of what it has; until then the rest works",
    "warning: RateLimitPolicy is not served by this cluster: apply the CRDs of Daemun's chart",
  ]);
  api.kinds.push(...later);
  await expect.poll(() => said(pipeline)).toEqual([]);
});

/** The spec of a CRD of ours or the Gateway API's, whose objects keep all fields but these, and have all values but these. */
function keeping(kind: Kind, { but, group = GROUP }: { but: string[]; group?: string }): object {
  const openAPIV3Schema = {
    properties: { spec: keepingOf((schemaOf(kind, '') as ObjectSchema).fields.spec!.schema, but, 'spec') },
  };
  const { version } = KINDS[kind];
  return { group, names: { kind }, versions: [{ name: version, served: true, schema: { openAPIV3Schema } }] };
}

function keepingOf(schema: Schema, but: readonly string[], path: string): ServedSchema {
  switch (schema.type) {
    case 'object': {
      const kept = Object.entries(schema.fields).filter(([name]) => !but.includes(`${path}.${name}`));
      return {
        properties: Object.fromEntries(
          kept.map(([name, field]) => [name, keepingOf(field.schema, but, `${path}.${name}`)]),
        ),
      };
    }
    case 'list':
      return { items: keepingOf(schema.items, but, `${path}[]`) };
    case 'map':
      return { additionalProperties: keepingOf(schema.value, but, path) };
    case 'string':
    case 'integer': {
      const values = (schema.values ?? []).filter((value) => !but.includes(`${path}: ${value}`));
      return values.length === 0 ? {} : { enum: values };
    }
    default:
      return {};
  }
}

test('values that an old release refuses are told, beside fields that it drops', async () => {
  const api = await startApi();
  const type = 'spec.rules[].filters[].type: CORS';
  const code = 'spec.rules[].filters[].requestRedirect.statusCode: 308';
  const but = ['spec.rules[].filters[].cors', type, code];
  putCrd(api, 'httproutes', bundle('v1.4.0', 'standard'), { spec: keeping('HTTPRoute', { but }) });
  const pipeline = await read(api);
  expect(said(pipeline)).toEqual([
    expect.stringContaining(`drops ${but[0]} without a word and refuses ${type}, ${code}:`),
  ]);
  expect(pipeline.report().diagnostics.map(({ object }) => object)).toContain(
    'CustomResourceDefinition//httproutes.gateway.networking.k8s.io',
  );
  expect(conditionOf(pipeline, 'SupportedVersion')?.message).toBe(
    `CRDs of Gateway API v1.4.0 (standard); they do not keep HTTPRoute ${but[0]}; they refuse HTTPRoute ${code}, HTTPRoute ${type}`,
  );
  putCrd(api, 'httproutes', bundle('v1.4.0', 'standard'), { spec: keeping('HTTPRoute', { but: [type] }) });
  await expect
    .poll(() => said(pipeline))
    .toEqual([
      expect.stringMatching(/^info: .* v1\.4\.0 \(standard\) refuses spec\.rules\[\]\.filters\[\]\.type: CORS: /),
    ]);
});

test('a start says at once what CRDs lack, so that a restart writes the class as it was', async () => {
  const api = await startApi();
  const but = ['spec.rules[].retry'];
  putCrd(api, 'httproutes', bundle('v1.6.3', 'standard'), { spec: keeping('HTTPRoute', { but }) });
  const crd = `${CRDS}/httproutes.${GROUP}`;
  let isLooked = false;
  api.fault = ({ path }) => {
    isLooked ||= path === crd;
    return path === crd ? { kind: 'slow', delay: 100 } : undefined;
  };
  const pipeline = await read(api);
  expect(isLooked).toBe(true);
  expect(conditionOf(pipeline, 'SupportedVersion')?.message).toContain('they do not keep HTTPRoute spec.rules[].retry');
});

test('what the standard channel drops of an HTTPRoute is told', async () => {
  const api = await startApi();
  const but = ['spec.rules[].retry', 'spec.rules[].filters[].cors'];
  putCrd(api, 'httproutes', bundle('v1.6.3', 'standard'), { spec: keeping('HTTPRoute', { but }) });
  const pipeline = await read(api);
  await expect
    .poll(() => said(pipeline))
    .toEqual([
      expect.stringMatching(/^info: .*HTTPRoute.*v1\.6\.3.*spec\.rules\[\]\.retry.* need the experimental channel$/),
    ]);
  expect(said(pipeline)[0]).toContain('spec.rules[].filters[].cors');
  expect(conditionOf(pipeline, 'SupportedVersion')).toMatchObject({
    status: 'True',
    message:
      'CRDs of Gateway API v1.6.3 (standard); they do not keep HTTPRoute spec.rules[].filters[].cors, HTTPRoute spec.rules[].retry',
  });
  putCrd(api, 'httproutes', bundle('v1.6.3'), { spec: keeping('HTTPRoute', { but: [] }) });
  await expect.poll(() => said(pipeline)).toEqual([]);
  expect(conditionOf(pipeline, 'SupportedVersion')?.message).toBe('CRDs of Gateway API v1.6.3 (experimental)');
});

test('what CRDs of an older release of ours drop is told, since a guard may be in it', async () => {
  const api = await startApi();
  const group = 'policies.daemun.dev';
  putCrd(api, 'accesspolicies', {}, { group, spec: keeping('AccessPolicy', { group, but: ['spec.deny[].cel'] }) });
  const pipeline = await read(api);
  await expect
    .poll(() => said(pipeline))
    .toEqual([
      expect.stringMatching(
        /^warning: .*AccessPolicy CRD is older.* spec\.deny\[\]\.cel .*apply the CRDs of Daemun's chart$/,
      ),
    ]);
  api.store.delete(api.kind('CustomResourceDefinition'), '', `accesspolicies.${group}`);
  await expect.poll(() => said(pipeline)).toEqual([]);
});
