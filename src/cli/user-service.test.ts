import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { EndpointSlice, Service } from '../api/index.ts';
import { SourceCollection } from '../graph/index.ts';
import { fileSource } from '../sources/index.ts';
import { followUserServices, userServices } from './user-service.ts';

function slice(name: string, service: string, endpoints: EndpointSlice['endpoints']): EndpointSlice {
  const labels = { 'kubernetes.io/service-name': service };
  const metadata = { name, namespace: 'shop', labels };
  return { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata, addressType: 'IPv4', endpoints };
}

test('nodes serve with a ready endpoint of the very Service, and who follows is told of it by name', () => {
  const slices = new SourceCollection<EndpointSlice>('slices');
  const services = new SourceCollection<Service>('services');
  const collections = { Service: services, EndpointSlice: slices };
  const told: string[][] = [];
  followUserServices(collections, (names) => told.push([...names]));
  const { nodesOf, names, find } = userServices(collections);
  const of = (name: string, nodeName: string, ready?: boolean) => {
    const conditions = ready === undefined ? {} : { conditions: { ready } };
    return slice(name, 'front', [{ addresses: ['10.0.0.1'], nodeName, ...conditions }]);
  };
  slices.apply([
    { key: 'a', value: of('a', 'n0', true) },
    { key: 'b', value: of('b', 'n1', false) },
    { key: 'c', value: of('c', 'n2') },
    { key: 'e', value: slice('e', 'front', null) },
    { key: 'd', value: slice('d', 'other', [{ addresses: ['10.0.0.2'], nodeName: 'n3' }]) },
  ]);
  expect([...nodesOf('shop', 'front')]).toEqual(['n0', 'n2']);
  expect([...nodesOf('elsewhere', 'front')]).toEqual([]);
  slices.apply([{ key: 'a' }]);
  expect([...nodesOf('shop', 'front')]).toEqual(['n2']);
  const front: Service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'front', namespace: 'shop' },
    spec: { type: 'NodePort' },
  };
  services.apply([{ key: 'Service/shop/front', value: front }]);
  expect([names('shop'), find('shop', 'front'), find('shop', 'back')]).toEqual([['front'], front, undefined]);
  expect(told).toEqual([['shop/front', 'shop/other'], ['shop/front'], ['shop/front']]);
});

test('what decides on its addresses is read of a Service', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'user-service-'));
  const spec = { type: 'NodePort', externalTrafficPolicy: 'Local', externalIPs: ['192.0.2.1'], ports: [{ port: 80 }] };
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'front', namespace: 'shop' }, spec };
  await writeFile(join(folder, 'service.yaml'), JSON.stringify(service));
  const source = fileSource({ paths: [folder], watch: false, endpoints: [] });
  await source.ready;
  expect(userServices(source.collections).find('shop', 'front')).toMatchObject({
    spec: { type: 'NodePort', externalTrafficPolicy: 'Local', externalIPs: ['192.0.2.1'] },
  });
  await source.close();
  await rm(folder, { recursive: true });
});
