import { expect, test } from 'vitest';
import { Snapshot } from '../../config/index.ts';
import { openPipeline } from '../../control/index.ts';
import { fileSource } from '../../sources/index.ts';
import { explanationOf } from './explanation.ts';
import { leftOut, refusedRoutes } from './meant-route.ts';

const listeners = JSON.stringify([
  { name: 'http', port: 80, protocol: 'HTTP' },
  { name: 'other', port: 81, protocol: 'HTTP', hostname: 'other.test' },
]);

const MANIFESTS = `
{ apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: { name: any }, spec: { controllerName: a.b/c } }
---
{ apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: { name: edge }, spec: { gatewayClassName: any, listeners: ${listeners} } }
---
{ apiVersion: v1, kind: Service, metadata: { name: web }, spec: { ports: [{ port: 80 }] } }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: here }
spec:
  parentRefs: [{ name: edge, sectionName: http }]
  hostnames: [here.test]
  rules: [{ matches: [{ path: { value: /only } }], backendRefs: [{ name: web, port: 80 }] }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: refused }
spec: { parentRefs: [{ name: edge, sectionName: other }], hostnames: ["*.shop.test"] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: lost }
spec: { parentRefs: [{ name: gone }], hostnames: [lost.test] }
`;

async function explained(url: string, more = '') {
  const { protocol, hostname: host, port, pathname: target } = new URL(url);
  const stdin = (async function* () {
    yield MANIFESTS + more;
  })();
  const pipeline = openPipeline({ source: (lastGood) => fileSource({ paths: ['-'], stdin, lastGood }) });
  await pipeline.source.ready;
  await pipeline.source.close();
  const snapshot = Snapshot.EMPTY.apply({ version: 1, upserts: [...pipeline.config.values()], removals: [] });
  const scheme = protocol === 'https:' ? 'https' : 'http';
  const asked = {
    method: 'GET',
    scheme,
    host,
    serverName: scheme === 'https' ? host : '',
    target,
    headers: [],
  } as const;
  const known = {
    snapshot,
    unserved: [],
    written: refusedRoutes(pipeline),
    leftOut: leftOut(pipeline.report().diagnostics),
  };
  const { outcome, meant } = await explanationOf(known, { ...asked, headers: [], port: Number(port || 80) });
  return { reason: outcome.reason, meant };
}

test.each([
  [
    'a route that a listener does not take',
    'http://a.shop.test/',
    'HTTPRoute default/refused has this hostname but is not accepted: spec.hostnames: none of *.shop.test is served: listener other serves other.test',
  ],
  [
    'a route whose Gateway is not there',
    'http://lost.test/',
    'HTTPRoute default/lost has this hostname but is not accepted: Gateway default/gone does not exist; HTTPRoute lost names no metadata.namespace: taken as default',
  ],
  [
    'a route of another port',
    'http://here.test:81/only',
    'HTTPRoute default/here has this hostname and attaches to listener default/edge/http of port 80',
  ],
])('names %s', async (_, url, expected) => {
  expect((await explained(url)).meant).toEqual([expected]);
});

test('names nothing where the route itself says why', async () => {
  expect((await explained('http://here.test/else')).meant).toBeUndefined();
  expect((await explained('http://here.test/only')).meant).toBeUndefined();
});

test('a TLS handshake that fails is told as one', async () => {
  expect((await explained('https://here.test:81/')).reason).toBe('port 81 speaks plain HTTP: the TLS handshake fails');
});

test('a route that is left out for a fault of its own is named, wherever it was to go', async () => {
  const broken = `---
{ apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: { name: spoilt }, spec: { hostnames: ["http://new.test"] } }
---
{ apiVersion: v1, kind: Service, metadata: { name: spoilt }, spec: { ports: [{ port: many }] } }`;
  expect((await explained('http://new.test/', broken)).meant).toEqual([
    'HTTPRoute default/spoilt is left out: stdin:26 spec.hostnames[0] must be a host name in lower case, or one that starts with "*.", not "http://new.test". Write new.test: scheme is not part of it',
  ]);
  expect((await explained('http://here.test/only', broken)).meant).toBeUndefined();
});
