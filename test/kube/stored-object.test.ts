/** Objects that a cluster has stored with values of wrong types: each is told on itself, and all others go on. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type AnyResource, KINDS, type Kind, objectKey } from '../../src/api/index.ts';
import type { SourceCollection } from '../../src/graph/index.ts';
import { readStored } from '../../src/sources/cluster/stored-object.ts';
import { type GoldenCase, resourcesOf } from '../../src/translate/golden.suite.ts';
import { emptyInputs, translation } from '../../src/translate/index.ts';

const GOLDEN = join(import.meta.dirname, '../../src/translate/golden');
const MARKER = '# --- what comes out ---\n';
const CREDENTIALS: readonly string[] = ['Secret', 'ConfigMap'];

const NO_PEM = { certificate: 'none', privateKey: 'none' };

/** Objects of a golden case, but for those that an API server looks at itself and we read in full later. */
function objectsOf(file: string): AnyResource[] {
  const [upper = ''] = readFileSync(join(GOLDEN, file), 'utf8').split(MARKER);
  const objects = resourcesOf((parse(upper) as GoldenCase).input, NO_PEM);
  return objects.filter(({ kind }) => !CREDENTIALS.includes(kind));
}

const CASES = readdirSync(GOLDEN).map((file) => ({ file, objects: objectsOf(file) }));

/** A place in an object, below its head. */
type Path = ReadonlyArray<string | number>;

function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return path.length === 0 ? [] : [path];
  const names: Array<string | number> = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  const below = names.flatMap((name) =>
    path.length === 0 && ['apiVersion', 'kind', 'metadata', 'status'].includes(String(name))
      ? []
      : pathsIn((value as Record<string | number, unknown>)[name], [...path, name]),
  );
  return path.length === 0 ? below : [path, ...below];
}

function changed(object: AnyResource, path: Path, value: unknown): AnyResource {
  const copy = structuredClone(object);
  const last = path.at(-1)!;
  const parent = path.slice(0, -1).reduce((at, step) => (at as never)[step], copy as unknown) as Record<
    string,
    unknown
  >;
  parent[last] = structuredClone(value);
  return copy;
}

const ODD: readonly unknown[] = [null, 'x', '', 7, 1.5, -1, true, {}, [], [null], ['x'], [7], { a: null }, [[]], [{}]];

interface Cluster {
  put(object: AnyResource): void;
  remove(key: string): void;
  statusOf(key: string): string;
  told(key: string): string[];
  config(): Map<string, unknown>;
}

function cluster(objects: readonly AnyResource[]): Cluster {
  const inputs = emptyInputs();
  const out = translation(inputs, { shared: false, cluster: true });
  const untold = new Map<string, string>();
  const collectionOf = (kind: Kind) => inputs[kind] as unknown as SourceCollection<AnyResource>;
  const put = (stored: AnyResource): void => {
    const key = objectKey(stored);
    const { object, misread } = readStored(stored.kind, KINDS[stored.kind].version, structuredClone(stored));
    if (misread === undefined) untold.delete(key);
    else untold.set(key, `${misread.field} ${misread.message}`);
    collectionOf(stored.kind).apply([object === undefined ? { key } : { key, value: object }]);
  };
  for (const object of objects) put(object);
  return {
    put,
    remove: (key) => collectionOf(key.split('/')[0] as Kind).apply([{ key }]),
    statusOf: (key) => JSON.stringify(out.statuses.get(key)?.status ?? {}),
    told: (key) => [
      ...(untold.has(key) ? [untold.get(key)!] : []),
      ...[...out.diagnostics.values()].filter(({ object }) => object === key).map(({ message }) => message),
    ],
    config: () => new Map([...out.config.entries()]),
  };
}

const RUNS = Number(process.env.RUNS ?? 300);

/** A place in an object of a case, and what stands there instead. */
const change = fc
  .nat(CASES.length - 1)
  .map((at) => CASES[at]!)
  .filter(({ objects }) => objects.length > 0)
  .chain((given) =>
    fc
      .nat(given.objects.length - 1)
      .map((at) => given.objects[at]!)
      .filter((object) => pathsIn(object).length > 0)
      .chain((object) =>
        fc.record({
          given: fc.constant(given),
          object: fc.constant(object),
          path: fc.constantFrom(...pathsIn(object)),
          value: fc.oneof(fc.constantFrom(...ODD), fc.jsonValue()),
        }),
      ),
  );

describe('an object with a value of a wrong type', () => {
  test('as they are, the cases have none', () => {
    for (const { file, objects } of CASES) {
      for (const object of objects) {
        const { misread } = readStored(object.kind, KINDS[object.kind].version, structuredClone(object));
        expect(misread, `${file} ${objectKey(object)}`).toBeUndefined();
      }
    }
  });

  test('at any place is told on itself, and all others stay as they were when it is mended', () => {
    fc.assert(
      fc.property(change, ({ given, object, path, value }) => {
        const key = objectKey(object);
        const { put, remove, told, config } = cluster(given.objects);
        const before = config();
        put(changed(object, path, value));
        const { misread } = readStored(object.kind, KINDS[object.kind].version, changed(object, path, value));
        if (misread !== undefined) {
          expect(misread.field).not.toBe('');
          expect(told(key).join('\n')).toContain(misread.message);
        }
        remove(key);
        put(object);
        expect(config()).toEqual(before);
      }),
      { numRuns: RUNS },
    );
  }, 120_000);
});

describe('of a cluster that lets in what has a wrong type', () => {
  const GROUP = 'gateway.networking.k8s.io';
  const classes = { kind: 'GatewayClass', metadata: { name: 'c' }, spec: { controllerName: 'example.com/any' } };
  const of = (kind: string, name: string, spec: unknown): AnyResource =>
    ({ apiVersion: 'x', kind, metadata: { name, namespace: 'default', uid: name, generation: 3 }, spec }) as never;
  const gateway = of('Gateway', 'gw', {
    gatewayClassName: 'c',
    listeners: [
      { name: 'http', port: 80, protocol: 'HTTP' },
      { name: 'other', port: 81, protocol: 'HTTP' },
    ],
  });
  const service = of('Service', 'web', { ports: [{ port: 80 }] });
  const rule = (value: string, more: object = {}): object => ({
    matches: [{ path: { type: 'PathPrefix', value } }],
    backendRefs: [{ name: 'web', port: 80 }],
    ...more,
  });
  const route = (spec: unknown): AnyResource => of('HTTPRoute', 'bad', spec);
  const good = of('HTTPRoute', 'good', {
    parentRefs: [{ name: 'gw' }],
    hostnames: ['good.example'],
    rules: [rule('/')],
  });
  const scene = [classes as unknown as AnyResource, gateway, service, good];
  const rulesOf = (config: Map<string, unknown>): Array<{ index: number; matches: unknown[]; broken?: string }> =>
    [...config].filter(([key]) => key.startsWith('RouteRule/HTTPRoute/default/bad/')).map(([, one]) => one as never);
  const conditions = (text: string): string[] =>
    [...text.matchAll(/"type":"(\w+)","status":"(\w+)","reason":"(\w+)"/g)].map(([, ...one]) => one.join(' '));

  test.each<[string, unknown, RegExp]>([
    ['rules', { parentRefs: [{ name: 'gw' }], rules: {} }, /spec\.rules: must be a list .*, not an object/],
    [
      'hostnames',
      { parentRefs: [{ name: 'gw' }], hostnames: 'x', rules: [rule('/')] },
      /spec\.hostnames: must be a list .*Write \[x\]/,
    ],
    ['a parent', { parentRefs: [{ name: 'gw' }, 7], rules: [rule('/')] }, /spec\.parentRefs\[1\]: must be an object/],
    ['all rules', { parentRefs: [{ name: 'gw' }], rules: [null, 7] }, /spec\.rules\[0\]: must be an object/],
  ])('a route whose %s cannot be read is not accepted, and serves nobody', (_, spec, message) => {
    const { put, statusOf, config } = cluster(scene);
    const before = statusOf('HTTPRoute/default/good');
    put(route(spec));
    const status = statusOf('HTTPRoute/default/bad');
    expect(conditions(status)).toContain('Accepted False UnsupportedValue');
    expect(status).toMatch(message);
    expect(status).toContain('"observedGeneration":3');
    expect(rulesOf(config()).filter(({ broken }) => broken === undefined)).toEqual([]);
    expect(statusOf('HTTPRoute/default/good')).toBe(before);
  });

  test('a rule that cannot be read keeps its matches and answers 500, and the others are served', () => {
    const { put, statusOf, config } = cluster(scene);
    const guarded = { filters: { type: 'ExternalAuth' } };
    put(route({ parentRefs: [{ name: 'gw' }], rules: [rule('/open'), rule('/shut', guarded)] }));
    expect(conditions(statusOf('HTTPRoute/default/bad'))).toContain('PartiallyInvalid True UnsupportedValue');
    const [open, shut] = rulesOf(config());
    expect(open).not.toHaveProperty('broken');
    expect(shut).toMatchObject({
      matches: [{ path: { value: '/shut' } }],
      broken: expect.stringContaining('spec.rules[1].filters'),
    });
  });

  test.each(['AccessPolicy', 'RateLimitPolicy', 'AuthenticationPolicy', 'RewritePolicy'])('a %s denies', (kind) => {
    const { put, statusOf, told, config } = cluster(scene);
    put(
      of(kind, 'p', {
        targetRefs: [{ group: GROUP, kind: 'HTTPRoute', name: 'good' }],
        allow: 'x',
        limits: 'x',
        methods: 'x',
        paths: 7,
      }),
    );
    expect(conditions(statusOf(`${kind}/default/p`))).toContain('Accepted False Invalid');
    expect(told(`${kind}/default/p`)[0]).toMatch(/^spec\.\w+/);
    const policies = [...config()].filter(([key]) => key.startsWith('Policy/'));
    expect(JSON.stringify(policies)).toContain('cannot be followed');
  });

  test('a ReferenceGrant grants nothing', () => {
    const { put, told, config } = cluster([...scene, of('ReferenceGrant', 'g', { from: [], to: [] })]);
    const before = config();
    put(of('ReferenceGrant', 'g', { from: [{ group: GROUP, kind: 'HTTPRoute', namespace: 'far' }], to: 'all' }));
    expect(told('ReferenceGrant/default/g')[0]).toMatch(/^spec\.to must be a list/);
    expect(config()).toEqual(before);
  });

  test('a Gateway keeps the listeners that can be read, and those that clients must prove themselves at are shut', () => {
    const { put, statusOf, config } = cluster(scene);
    const served = (): string[] => [...config().keys()].filter((key) => key.startsWith('Listener/'));
    const { spec } = gateway as unknown as { spec: { listeners: object[] } };
    put(
      of('Gateway', 'gw', {
        ...spec,
        listeners: [...spec.listeners.slice(0, 1), { name: 'other', port: '81', protocol: 'HTTP' }],
      }),
    );
    expect(served()).toEqual(['Listener/default/gw/http']);
    expect(conditions(statusOf('Gateway/default/gw'))).toContain('Accepted False Invalid');
    expect(statusOf('Gateway/default/gw')).toMatch(
      /spec\.listeners\[1\]\.port: must be a whole number.*Take it out of its quotes/,
    );
    put(of('Gateway', 'gw', { ...spec, addresses: 'x' }));
    expect(served()).toHaveLength(2);
    put(of('Gateway', 'gw', { ...spec, tls: { frontend: { default: { validation: 'strict' } } } }));
    expect(served()).toEqual([]);
    put(gateway);
    expect(served()).toHaveLength(2);
  });
});
