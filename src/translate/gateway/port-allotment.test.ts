/** However many ports ListenerSets ask for, what is made for their Gateway can be written, and everybody has a share. */
import { describe, expect, it } from 'vitest';
import { type AnyResource, objectKey } from '../../api/index.ts';
import { batch, type SourceCollection } from '../../graph/index.ts';
import { emptyInputs, type SourceInputs, translation } from '../index.ts';
import { closedPlaces, MOST_GATEWAY_PORTS, type PortWish } from './port-allotment.ts';

const V1 = 'gateway.networking.k8s.io/v1';
const OLDEST = Date.parse('2026-01-01T00:00:00Z');
const ALLOWED = { namespaces: { from: 'Same' as const } };

function put(inputs: SourceInputs, ...resources: AnyResource[]): void {
  batch(() => {
    for (const value of resources) {
      (inputs[value.kind] as unknown as SourceCollection<AnyResource>).apply([{ key: objectKey(value), value }]);
    }
  });
}

function drop(inputs: SourceInputs, ...resources: AnyResource[]): void {
  batch(() => {
    for (const gone of resources) {
      (inputs[gone.kind] as unknown as SourceCollection<AnyResource>).apply([{ key: objectKey(gone) }]);
    }
  });
}

function listeners(ports: readonly number[]) {
  return ports.map((port) => ({ name: `p${port}`, port, protocol: 'HTTP', allowedRoutes: ALLOWED }));
}

const CLASS: AnyResource = {
  apiVersion: V1,
  kind: 'GatewayClass',
  metadata: { name: 'c' },
  spec: { controllerName: 'example.com/any' },
};
const EDGE = {
  apiVersion: V1,
  kind: 'Gateway',
  metadata: { namespace: 'infra', name: 'edge' },
  spec: {
    gatewayClassName: 'c',
    allowedListeners: { namespaces: { from: 'All' } },
    listeners: listeners([80, 443]),
  },
} as AnyResource;

/** `age`: how many were there before it. */
function set(name: string, ports: readonly number[], age: number): AnyResource {
  const [namespace, own] = name.split('/') as [string, string];
  return {
    apiVersion: V1,
    kind: 'ListenerSet',
    metadata: { namespace, name: own, creationTimestamp: new Date(OLDEST + age * 1000).toISOString() },
    spec: { parentRef: { namespace: 'infra', name: 'edge' }, listeners: listeners(ports) },
  } as AnyResource;
}

/** As many sets as the Gateway API needs for so many ports. */
function flood(namespace: string, first: number, number: number): AnyResource[] {
  const ports = Array.from({ length: number }, (_, at) => first + at);
  return Array.from({ length: Math.ceil(number / 64) }, (_, at) =>
    set(`${namespace}/s${String(at).padStart(3, '0')}`, ports.slice(at * 64, at * 64 + 64), at),
  );
}

function translated({ shared = false } = {}) {
  const inputs = emptyInputs();
  const controllerNames = ['example.com/any'];
  const { statuses, config, infrastructure } = translation(inputs, { shared, controllerNames });
  put(inputs, CLASS, EDGE);
  const told = (key: string): string => JSON.stringify(statuses.get(key)?.status ?? {});
  const ports = (): number[] => (infrastructure.get('Gateway/infra/edge')?.ports ?? []).map(({ port }) => port);
  return { inputs, config, told, ports };
}

describe('ports of a Gateway', () => {
  it('are no more than fit, with those of others among them, and are opened again when there is room', () => {
    const { inputs, config, told, ports } = translated();
    const greedy = flood('greedy', 10_000, 1_300);
    put(inputs, ...greedy, set('late/one', [7000, 7001], 9_999));
    expect(ports()).toHaveLength(MOST_GATEWAY_PORTS);
    expect(ports()).toEqual(expect.arrayContaining([80, 443, 7000, 7001, 10_000, 10_995]));
    expect(ports()).not.toContain(10_996);
    expect(config.get('Listener/infra/edge/late/one/p7001')).toBeDefined();
    expect(config.get('Listener/infra/edge/greedy/s015/p10996')).toBeUndefined();
    expect(config.size).toBe(MOST_GATEWAY_PORTS);
    expect(told('ListenerSet/greedy/s015')).toContain(
      'spec.listeners[36].port: port 10996 is not opened: listeners of the Gateway and its ListenerSets ask for more than the 1000 different ports that it can have',
    );
    expect(told('ListenerSet/greedy/s015')).toContain('"reason":"PortUnavailable"');
    for (const other of ['Gateway/infra/edge', 'ListenerSet/late/one']) {
      expect(told(other)).not.toContain('PortUnavailable');
    }
    drop(inputs, ...greedy.slice(16));
    expect(ports()).toHaveLength(MOST_GATEWAY_PORTS);
    drop(inputs, ...greedy.slice(2, 16));
    expect(ports()).toHaveLength(2 + 2 + 128);
    expect(told('ListenerSet/greedy/s001')).not.toContain('PortUnavailable');
  });

  it('have no limit where no Service is made', () => {
    const { inputs, config } = translated({ shared: true });
    put(inputs, ...flood('greedy', 10_000, 1_100));
    expect(config.size).toBe(2 + 1_100);
  });
});

describe('turns', () => {
  const wish = (namespace: string | undefined, port: number, rank: number): PortWish => ({
    place: String(port),
    gateway: 'infra/edge',
    ...(namespace === undefined ? {} : { namespace }),
    rank: `${namespace === undefined ? 'Gateway' : 'ListenerSet'} ${rank}`,
    position: 0,
  });

  it('are of namespaces, older sets first, after the Gateway’s own', () => {
    const wishes = [wish('b', 5, 2), wish('a', 2, 1), wish('a', 3, 3), wish('a', 4, 4), wish(undefined, 1, 9)];
    expect(closedPlaces(wishes, 1).sort()).toEqual(['2', '3', '4', '5']);
    expect(closedPlaces(wishes, 2).sort()).toEqual(['3', '4', '5']);
    expect(closedPlaces(wishes, 3).sort()).toEqual(['3', '4']);
    expect(closedPlaces(wishes, 4)).toEqual(['4']);
    expect(closedPlaces(wishes, 5)).toEqual([]);
  });

  it('are not spent on a port that others have opened', () => {
    const wishes = [wish('a', 1, 1), wish('a', 2, 2), wish('a', 3, 3), wish('b', 1, 4), wish('b', 9, 5)];
    expect(closedPlaces(wishes, 2).sort()).toEqual(['2', '3']);
  });
});
