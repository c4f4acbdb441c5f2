import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Rig, serveManifests } from './rig.ts';

const MANIFESTS = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: any}
spec: {controllerName: example.com/any}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: any
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: first}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {value: /first}}]
    backendRefs: [{name: one, port: 80}]
---
apiVersion: v1
kind: Service
metadata: {name: one}
spec: {ports: [{port: 80}]}
`;

let rig: Rig;
beforeAll(async () => {
  rig = await serveManifests(MANIFESTS, { echo: true });
});
afterAll(() => rig.close());

test('a matched request reaches the backend, another one gets a 404 of our own', async () => {
  const found = await fetch(`http://127.0.0.1:${rig.port()}/first/item`);
  expect(found.status).toBe(200);
  expect(await found.json()).toMatchObject({ service: 'one', path: '/first/item' });
  const missed = await fetch(`http://127.0.0.1:${rig.port()}/second`);
  expect(missed.status).toBe(404);
  expect(await missed.json()).toMatchObject({
    message: expect.any(String),
    request_id: expect.stringMatching(/^[0-9a-f]{32}$/),
  });
});

test('a change of the manifests reaches traffic', async () => {
  await rig.write(MANIFESTS.replace('/first', '/changed'));
  expect((await fetch(`http://127.0.0.1:${rig.port()}/changed`)).status).toBe(200);
  expect((await fetch(`http://127.0.0.1:${rig.port()}/first`)).status).toBe(404);
});
