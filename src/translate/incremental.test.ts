import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AnyResource, type HTTPRoute, objectKey } from '../api/index.ts';
import { batch, type SourceCollection } from '../graph/index.ts';
import { emptyInputs, type SourceInputs, translation } from './index.ts';

const V1 = 'gateway.networking.k8s.io/v1';
const GATEWAY_REF = { group: 'gateway.networking.k8s.io', kind: 'Gateway' };

function put(inputs: SourceInputs, ...resources: AnyResource[]): void {
  batch(() => {
    for (const resource of resources) {
      const collection = inputs[resource.kind] as unknown as SourceCollection<AnyResource>;
      collection.apply([{ key: objectKey(resource), value: resource }]);
    }
  });
}

function drop(inputs: SourceInputs, resource: AnyResource): void {
  (inputs[resource.kind] as unknown as SourceCollection<AnyResource>).apply([{ key: objectKey(resource) }]);
}

const gatewayClass: AnyResource = {
  apiVersion: V1,
  kind: 'GatewayClass',
  metadata: { name: 'c' },
  spec: { controllerName: 'example.com/any' },
};

function gateway(name: string, port: number, hostname?: string): AnyResource {
  const allowedRoutes = { namespaces: { from: 'Same' as const } };
  const listeners = [{ name: 'http', port, protocol: 'HTTP', hostname, allowedRoutes }];
  const spec = { gatewayClassName: 'c', listeners };
  return { apiVersion: V1, kind: 'Gateway', metadata: { namespace: 'default', name }, spec };
}

function service(name: string, port: number): AnyResource {
  const spec = { type: 'ClusterIP' as const, ports: [{ port, protocol: 'TCP' as const }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'default', name }, spec };
}

function slice(name: string, address: string): AnyResource {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: 'default', name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address] }],
    ports: [{ name: '', port: 80, protocol: 'TCP' }],
  };
}

interface RouteSketch {
  name: string;
  hostname?: string;
  path: string;
  service?: string;
  gateway?: string;
  kind?: 'HTTPRoute' | 'GRPCRoute';
}

function route({ name, hostname, path, service: backend = 's', gateway: parent = 'g' }: RouteSketch): HTTPRoute {
  return {
    apiVersion: V1,
    kind: 'HTTPRoute',
    metadata: { namespace: 'default', name },
    spec: {
      parentRefs: [{ ...GATEWAY_REF, name: parent }],
      hostnames: hostname === undefined ? [] : [hostname],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: path } }],
          backendRefs: [{ group: '', kind: 'Service', name: backend, port: 80, weight: 1 }],
        },
      ],
    },
  };
}

describe('5,000 routes on one Gateway', () => {
  const inputs = emptyInputs();
  const name = (at: number): string => `r${String(at).padStart(4, '0')}`;
  const sketch = (at: number): RouteSketch => ({
    name: name(at),
    hostname: `h${at % 100}.example.com`,
    path: `/p${at}`,
    service: `s${at % 50}`,
  });
  const services = Array.from({ length: 50 }, (_none, at) => [service(`s${at}`, 80), slice(`s${at}`, `10.0.0.${at}`)]);
  const routes = Array.from({ length: 5000 }, (_none, at) => route(sketch(at)));
  put(inputs, gatewayClass, gateway('g', 80), ...services.flat(), ...routes);
  const { config, statuses, computed } = translation(inputs, { shared: true });

  function cost(edit: () => void): { computed: number; config: string[]; statuses: string[] } {
    const before = computed();
    const touched = { config: [] as string[], statuses: [] as string[] };
    const leave = [
      config.subscribe((changes) => touched.config.push(...changes.map(({ key }) => key))),
      statuses.subscribe((changes) => touched.statuses.push(...changes.map(({ key }) => key))),
    ];
    edit();
    for (const end of leave) end();
    return { computed: computed() - before, ...touched };
  }

  it('an edit of one route computes a dozen derivations, and changes one rule', () => {
    const edit = cost(() => put(inputs, route({ ...sketch(7), path: '/elsewhere' })));
    expect(edit.computed).toBeLessThan(20);
    expect(edit.config).toEqual([`RouteRule/HTTPRoute/default/${name(7)}/0`]);
  });

  it('a change of endpoints touches neither routes nor statuses', () => {
    const edit = cost(() => put(inputs, slice('s3', '10.9.9.9')));
    expect(edit).toEqual({ computed: 1, config: ['Endpoints/default/s3:80'], statuses: [] });
  });

  it('a new route costs as little as an edit', () => {
    const edit = cost(() => put(inputs, route({ name: 'zzz', path: '/new', service: 's1' })));
    expect(edit.computed).toBeLessThan(20);
    expect(edit.config).toEqual(['RouteRule/HTTPRoute/default/zzz/0']);
    expect(edit.statuses.sort()).toEqual(['Gateway/default/g', 'HTTPRoute/default/zzz']);
  });

  it('an acknowledgement that names one route concerns that route only', () => {
    const key = `RouteRule/HTTPRoute/default/${name(9)}/0`;
    const edit = cost(() => {
      inputs.deliveries.apply([
        { key: `>${key}`, value: { object: config.get(key)!, state: 'rejected', message: 'no' } },
      ]);
    });
    expect(edit.statuses).toEqual([`HTTPRoute/default/${name(9)}`]);
  });
});

const names = fc.constantFrom('a', 'b');
const hosts = fc.constantFrom(undefined, 'x.example.com', '*.example.com', 'y.example.org');
const routeSketch = fc.record({
  name: names,
  hostname: hosts,
  path: fc.constantFrom('/', '/p'),
  service: fc.constantFrom('s', 't'),
  gateway: fc.constantFrom('g', 'h'),
});
const objects: fc.Arbitrary<AnyResource> = fc.oneof(
  fc.constant(gatewayClass),
  fc.tuple(fc.constantFrom('g', 'h'), fc.constantFrom(80, 81), hosts).map((parts) => gateway(...parts)),
  fc.tuple(fc.constantFrom('s', 't'), fc.constantFrom(80, 81)).map((parts) => service(...parts)),
  fc.tuple(fc.constantFrom('s', 't'), fc.constantFrom('10.0.0.1', '10.0.0.2')).map((parts) => slice(...parts)),
  routeSketch.map(route),
  routeSketch.map((sketch) => ({
    ...route(sketch),
    kind: 'GRPCRoute' as const,
    spec: { parentRefs: [{ ...GATEWAY_REF, name: sketch.gateway }], hostnames: route(sketch).spec.hostnames },
  })),
);

describe('translation', () => {
  it('comes after any history of edits to what a translation from scratch comes to', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ object: objects, gone: fc.boolean() }), { maxLength: 25 }), (history) => {
        const inputs = emptyInputs();
        const kept = translation(inputs, { shared: true });
        for (const { object, gone } of history) {
          if (gone) drop(inputs, object);
          else put(inputs, object);
        }
        const fresh = translation(inputs, { shared: true });
        expect(new Map(kept.config.entries())).toEqual(new Map(fresh.config.entries()));
        expect(new Map(kept.statuses.entries())).toEqual(new Map(fresh.statuses.entries()));
        expect(new Map(kept.diagnostics.entries())).toEqual(new Map(fresh.diagnostics.entries()));
      }),
      { numRuns: 200 },
    );
  });
});

it('a translation that is closed follows nothing, and shows no collection', () => {
  const inputs = emptyInputs();
  put(inputs, gatewayClass, gateway('g', 80), route({ name: 'a', path: '/' }));
  const { computed, graph, close, config } = translation(inputs, { shared: true });
  expect(graph().find(({ name }) => name === 'rules')).toMatchObject({ kind: 'derived', size: 1, runs: 1 });
  expect(graph().find(({ name }) => name === 'HTTPRoute')).toMatchObject({ kind: 'source', size: 1 });
  close();
  const before = computed();
  put(inputs, route({ name: 'b', path: '/b' }), gateway('h', 81));
  expect(computed()).toBe(before);
  expect([config.size, graph()]).toEqual([0, []]);
});

describe('an object that makes translation throw', () => {
  it('is left out, and all others are there', () => {
    const inputs = emptyInputs();
    const broken = { ...gateway('h', 81), spec: { gatewayClassName: 'c' } } as unknown as AnyResource;
    put(inputs, gatewayClass, gateway('g', 80), broken, route({ name: 'a', path: '/' }));
    const faults: unknown[] = [];
    const { config } = translation(inputs, { shared: true, onFault: (error) => faults.push(error) });
    expect(Array.from(config.entries(), ([key]) => key)).toEqual([
      'Listener/default/g/http',
      'RouteRule/HTTPRoute/default/a/0',
    ]);
    expect(faults).toHaveLength(1);
    expect(() => translation(inputs, { shared: true })).toThrow();
  });
});
