/**
 * Every field of the Gateway API's newest CRDs, experimental channel, has a verdict: a test that shows what it does. A field
 * that comes with a release and stands nowhere here fails, so that none is left out in silence.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { GATEWAY_GROUP } from '../../src/api/index.ts';
import { goModule } from './go-module.ts';

const MODULE = 'sigs.k8s.io/gateway-api@v1.7.0';
const CRD = /^config\/crd\/experimental\/gateway\.networking\.(?:x-)?k8s\.io_(?!vap)\w+\.yaml$/;
const ROOT = new URL('../../', import.meta.url).pathname;
const GOLDEN = 'src/translate/golden/';

const PARENTS = {
  parentRefs: `${GOLDEN}route-parents.yaml`,
  useDefaultGateways: `${GOLDEN}default-gateway.yaml`,
};
const LISTENERS = {
  'listeners[]': `${GOLDEN}listener-kinds.yaml`,
  'listeners[].allowedRoutes.namespaces': `${GOLDEN}route-namespaces.yaml`,
  'listeners[].filters': 'test/policies/listener-filters.test.ts',
  'listeners[].hostname': `${GOLDEN}listener-hostname-conflict.yaml`,
  'listeners[].tls': `${GOLDEN}certificate-good.yaml`,
  'listeners[].tls.options': `${GOLDEN}listener-tls-options.yaml`,
};
const MATCHED = {
  ...PARENTS,
  hostnames: `${GOLDEN}route-hostnames.yaml`,
  'rules[].backendRefs[]': `${GOLDEN}backend-grant.yaml`,
  'rules[].backendRefs[].filters[]': `${GOLDEN}route-filters.yaml`,
  'rules[].filters[]': `${GOLDEN}route-filters.yaml`,
  'rules[].filters[].extensionRef': `${GOLDEN}route-filter-unknown.yaml`,
  'rules[].backendRefs[].filters[].extensionRef': `${GOLDEN}route-filter-unknown.yaml`,
  'rules[].sessionPersistence': `${GOLDEN}backend-sessions.yaml`,
};
const STREAM = {
  ...PARENTS,
  'rules[].backendRefs[]': `${GOLDEN}tcp-route.yaml`,
  'rules[].name': `${GOLDEN}tcp-route-rules.yaml`,
};

/** By path below spec, the longest that fits; the file names the field. Or why the kind is not read. */
const VERDICTS: Readonly<Record<string, Readonly<Record<string, string>> | string>> = {
  GatewayClass: {
    controllerName: `${GOLDEN}class-foreign.yaml`,
    // For people.
    description: 'test/crd/seeds.yaml',
    parametersRef: `${GOLDEN}class-parameters.yaml`,
  },
  Gateway: {
    ...LISTENERS,
    gatewayClassName: `${GOLDEN}class-missing.yaml`,
    'addresses[]': `${GOLDEN}gateway-address-static.yaml`,
    'addresses[].routability': `${GOLDEN}gateway-address-routability.yaml`,
    allowedListeners: `${GOLDEN}listenerset-not-allowed.yaml`,
    defaultScope: `${GOLDEN}default-gateway.yaml`,
    'infrastructure.annotations': 'test/kube/wanted-objects.test.ts',
    'infrastructure.labels': 'test/kube/wanted-objects.test.ts',
    'infrastructure.parametersRef': `${GOLDEN}gateway-parameters.yaml`,
    'tls.backend': `${GOLDEN}backend-tls-client.yaml`,
    'tls.frontend': `${GOLDEN}clients-verified.yaml`,
  },
  ListenerSet: { ...LISTENERS, parentRef: `${GOLDEN}listenerset.yaml` },
  HTTPRoute: {
    ...MATCHED,
    'rules[].filters[].externalAuth': `${GOLDEN}route-external-auth.yaml`,
    'rules[].backendRefs[].filters[].externalAuth': `${GOLDEN}route-external-auth.yaml`,
    'rules[].matches[]': `${GOLDEN}route-matches.yaml`,
    'rules[].name': 'test/served/routing.test.ts',
    'rules[].retry': `${GOLDEN}route-retry.yaml`,
    'rules[].timeouts': `${GOLDEN}route-timeouts.yaml`,
  },
  GRPCRoute: {
    ...MATCHED,
    'rules[].matches[]': `${GOLDEN}grpc-route.yaml`,
    'rules[].name': `${GOLDEN}grpc-route.yaml`,
  },
  TLSRoute: { ...STREAM, hostnames: `${GOLDEN}tls-route.yaml` },
  TCPRoute: STREAM,
  UDPRoute: STREAM,
  ReferenceGrant: { from: `${GOLDEN}backend-grant.yaml`, to: `${GOLDEN}backend-grant.yaml` },
  BackendTLSPolicy: {
    targetRefs: `${GOLDEN}backend-tls.yaml`,
    'validation.hostname': `${GOLDEN}backend-tls.yaml`,
    'validation.caCertificateRefs': `${GOLDEN}backend-tls.yaml`,
    'validation.subjectAltNames': `${GOLDEN}backend-tls.yaml`,
    'validation.wellKnownCACertificates': `${GOLDEN}backend-tls-well-known.yaml`,
    options: `${GOLDEN}backend-tls-options.yaml`,
  },
  XBackend: 'a backendRef to one is refused with InvalidKind, as to any kind that is no Service',
  XBackendTrafficPolicy:
    'its retry budget and sessions are fields of BackendTrafficPolicy; without a status it says that nobody follows it',
  XMesh: 'there is no mesh',
  XTelemetryPolicy: 'metrics, traces and access logs are the run’s; without a status it says that nobody follows it',
};

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
}

function* leaves(schema: Schema, path: string): Generator<string> {
  if (schema.properties !== undefined) {
    for (const [name, below] of Object.entries(schema.properties))
      yield* leaves(below, path === '' ? name : `${path}.${name}`);
  } else if (schema.items !== undefined) yield* leaves(schema.items, `${path}[]`);
  else yield path;
}

function verdictOf(verdicts: Readonly<Record<string, string>>, leaf: string): string | undefined {
  const fits = Object.keys(verdicts).filter(
    (path) => leaf === path || /^(?:\.|\[)/.test(leaf.slice(leaf.startsWith(path) ? path.length : leaf.length)),
  );
  return fits.sort((a, b) => b.length - a.length)[0];
}

describe(`fields of ${MODULE}`, () => {
  test('each of them stands in the table, and nothing stands there that is no field', async () => {
    const module = await goModule(MODULE, (path) => CRD.test(path));
    if (!('files' in module)) return console.log('not compared: Go does not give the CRDs');
    const unjudged: string[] = [];
    const used = new Set<string>();
    const kinds = new Set<string>();
    for (const text of module.files.values()) {
      const crd = parseAllDocuments(text)[0]!.toJS() as {
        spec: { group: string; names: { kind: string }; versions: Array<{ schema: { openAPIV3Schema: Schema } }> };
      };
      const { kind } = crd.spec.names;
      kinds.add(kind);
      const verdicts = VERDICTS[kind];
      if (typeof verdicts === 'string') {
        expect(crd.spec.group).not.toBe(GATEWAY_GROUP);
        continue;
      }
      for (const { schema } of crd.spec.versions) {
        for (const leaf of leaves(schema.openAPIV3Schema.properties!.spec!, '')) {
          const at = verdicts && verdictOf(verdicts, leaf);
          if (at === undefined) unjudged.push(`${kind} ${leaf}`);
          else used.add(`${kind} ${at}`);
        }
      }
    }
    expect(unjudged).toEqual([]);
    expect([...kinds].sort()).toEqual(Object.keys(VERDICTS).sort());
    const written = Object.entries(VERDICTS).flatMap(([kind, own]) =>
      typeof own === 'string' ? [] : Object.keys(own).map((path) => `${kind} ${path}`),
    );
    expect(written.filter((one) => !used.has(one))).toEqual([]);
  });

  const named = Object.entries(VERDICTS).flatMap(([kind, own]) =>
    typeof own === 'string' ? [] : Object.entries(own).map(([path, file]) => [kind, path, file] as const),
  );
  test.each(named)('%s %s: %s', (_kind, path, file) => {
    expect(existsSync(`${ROOT}${file}`)).toBe(true);
    const field = path.replaceAll('[]', '').split('.').at(-1)!;
    expect(readFileSync(`${ROOT}${file}`, 'utf8')).toContain(field);
  });
});
