/** What data planes were started without, and policies ask for: the status says so, until the Gateway's parameters give it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { countryFile } from '../policies/country-file.ts';
import { run } from '../protocols/tool.ts';
import { gateway, route, Scene } from './scene.ts';

let scene: Scene;
let address: string;
beforeAll(async () => {
  scene = await Scene.open('refused');
  await scene.echo('shop');
  await scene.apply(gateway('edge') + route('shop', { gateway: 'edge', host: 'shop.example.com', service: 'shop' }));
  address = await scene.address('edge');
});
afterAll(() => scene?.close());

async function answer(): Promise<string> {
  const args = ['-s', '-m', '10', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'Host: shop.example.com'];
  return (await run('curl', [...args, `http://${address}/`])).stdout;
}

function policy(kind: string, spec: string): string {
  return `---
apiVersion: policies.daemun.dev/v1alpha1
kind: ${kind}
metadata: { name: edge }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: edge }]
  ${spec}
`;
}

const POLICIES =
  policy('AccessPolicy', 'deny: [{ countries: [FR] }]') + policy('ResponsePolicy', 'cache: { disk: {} }');

function programmed(kind: string): Promise<string> {
  const path = '{.status.ancestors[*].conditions[?(@.type=="Programmed")]}';
  return scene.kubectl('get', `${kind}/edge`, '-o', `jsonpath=${path}`);
}

test('countries and a disk', async () => {
  await expect.poll(answer).toBe('200');
  await scene.apply(POLICIES);
  await expect
    .poll(() => programmed('accesspolicy'))
    .toContain('give the DaemunParameters of its Gateway a countryDatabase');
  await expect.poll(() => programmed('responsepolicy')).toContain('give the DaemunParameters of its Gateway a cache');
  await expect.poll(answer).toBe('500');

  const file = countryFile({ '192.0.2.0/24': 'FR' }).toString('base64');
  await scene.apply(`---
apiVersion: v1
kind: ConfigMap
metadata: { name: countries }
binaryData: { countries.mmdb: ${file} }
---
apiVersion: gateway.daemun.dev/v1alpha1
kind: DaemunParameters
metadata: { name: edge }
spec:
  cache: { size: 64Mi }
  countryDatabase: { file: countries.mmdb, volume: { configMap: { name: countries } } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec:
  gatewayClassName: daemun
  infrastructure: { parametersRef: { group: gateway.daemun.dev, kind: DaemunParameters, name: edge } }
  listeners:
    - { name: http, port: 80, protocol: HTTP }
`);
  await expect.poll(() => programmed('accesspolicy'), { timeout: 120_000 }).toBe('');
  await expect.poll(() => programmed('responsepolicy'), { timeout: 120_000 }).toBe('');
  await expect.poll(answer).toBe('200');
});
