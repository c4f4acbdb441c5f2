/** One object changes that thousands of others hang on: what follows is computed in turns, so that nothing else waits for all of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLASS, FanOutRig, GROUP, type Held, object } from './fan-out-rig.ts';
import type { ApiObject, ApiServer } from './index.ts';

const ROUTES = 2000;
/** Milliseconds of the processor that a turn may take: a turn of the controller's own is 10, and garbage is collected in some. */
const MOST = 60;
const V1 = `${GROUP}/v1`;
const POLICY = 'policies.daemun.dev/v1alpha1';

const group = GROUP;
const to = { group: '', kind: 'Service' };
const NAMESPACE = { ...object('v1', 'Namespace', '', 'apps'), metadata: { name: 'apps', labels: { takes: 'part' } } };
const namespaces = { from: 'Selector', selector: { matchLabels: { takes: 'part' } } };
const http = { name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces } };
const EDGE = object(V1, 'Gateway', 'infra', 'edge', { gatewayClassName: 'daemun', listeners: [http] });
const SERVICE = object('v1', 'Service', 'back', 'web', { type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }] });
const SLICE: ApiObject = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { namespace: 'back', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: ['10.0.0.1'] }],
  ports: [{ name: '', port: 80, protocol: 'TCP' }],
} as ApiObject;
const GRANT = object(`${GROUP}/v1beta1`, 'ReferenceGrant', 'back', 'all', {
  from: [{ group, kind: 'HTTPRoute', namespace: 'apps' }],
  to: [to],
});
const SECRET = {
  ...object('v1', 'Secret', 'apps', 'people'),
  data: { auth: btoa('bob:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=') },
};
const CONFIG_MAP = { ...object('v1', 'ConfigMap', 'apps', 'keys'), data: { 'jwks.json': '{"keys":[]}' } };
const ON_GATEWAY = object(POLICY, 'AccessPolicy', 'infra', 'all', {
  targetRefs: [{ group, kind: 'Gateway', name: 'edge' }],
  deny: [{ paths: [{ type: 'Exact', value: '/no' }] }],
});

function route(at: number): ApiObject {
  return object(V1, 'HTTPRoute', 'apps', `r${at}`, {
    parentRefs: [{ name: 'edge', namespace: 'infra' }],
    hostnames: [`h${at}.example.com`],
    rules: [{ backendRefs: [{ name: 'web', namespace: 'back', port: 80 }] }],
  });
}

/** Of a route of its own, with what all of them share. */
function policy(at: number): ApiObject {
  const provider = { issuer: 'https://x.example', jwks: { configMapRef: { kind: 'ConfigMap', name: 'keys' } } };
  return object(POLICY, 'AuthenticationPolicy', 'apps', `p${at}`, {
    targetRefs: [{ group, kind: 'HTTPRoute', name: `r${at}` }],
    methods: [
      { name: 'password', basic: { secretRef: { kind: 'Secret', name: 'people' } } },
      { name: 'token', jwt: { providers: [{ name: 'x', ...provider }] } },
    ],
  });
}

type Change = (api: ApiServer) => void;
const made =
  (one: ApiObject): Change =>
  (api) =>
    void api.store.create(api.kind(one.kind), structuredClone(one));
const gone =
  ({ kind, metadata: { namespace = '', name } }: ApiObject): Change =>
  (api) =>
    void api.store.delete(api.kind(kind), namespace, name);
const edited =
  (one: ApiObject): Change =>
  (api) =>
    void api.store.replace(api.kind(one.kind), structuredClone(one), { status: false });

let rig: FanOutRig;
beforeAll(async () => {
  const numbers = Array.from({ length: ROUTES }, (_, at) => at);
  const shared = [CLASS, NAMESPACE, EDGE, SERVICE, SLICE, GRANT, SECRET, CONFIG_MAP];
  rig = await FanOutRig.start([...shared, ...numbers.map(route), ...numbers.map(policy)], ROUTES);
}, 120_000);
afterAll(() => rig.close());

const CHANGES: Array<[string, Change, string, number]> = [
  ['a Service that all use goes', gone(SERVICE), 'HTTPRoute/', ROUTES],
  ['it comes again', made(SERVICE), 'HTTPRoute/', ROUTES],
  ['a ReferenceGrant for all goes', gone(GRANT), 'HTTPRoute/', ROUTES],
  ['it comes again', made(GRANT), 'HTTPRoute/', ROUTES],
  ['the Namespace of all loses its label', edited({ ...NAMESPACE, metadata: { name: 'apps' } }), 'HTTPRoute/', ROUTES],
  ['it has it again', edited(NAMESPACE), 'HTTPRoute/', ROUTES],
  ['a Secret that a policy of each names goes', gone(SECRET), 'AuthenticationPolicy/', ROUTES],
  ['it comes again', made(SECRET), 'AuthenticationPolicy/', ROUTES],
  ['a ConfigMap that a policy of each names goes', gone(CONFIG_MAP), 'AuthenticationPolicy/', ROUTES],
  ['it comes again', made(CONFIG_MAP), 'AuthenticationPolicy/', ROUTES],
  ['a policy comes to the Gateway of all', made(ON_GATEWAY), 'AccessPolicy/', 1],
  ['it goes', gone(ON_GATEWAY), 'AccessPolicy/', 1],
  ['the Gateway of all goes', gone(EDGE), 'HTTPRoute/', ROUTES],
  ['it comes again', made(EDGE), 'HTTPRoute/', ROUTES],
  ['the GatewayClass goes', gone(CLASS), 'HTTPRoute/', ROUTES],
  ['it comes again', made(CLASS), 'HTTPRoute/', ROUTES],
];

test.each(CHANGES)(
  '%s',
  async (_, change, about, count) => {
    const held: Held = await rig.holds(change, about, count);
    // At once it would be one turn of nearly all of it.
    expect(held).toEqual({ whole: expect.any(Number), longest: expect.toSatisfy((longest) => longest < MOST) });
  },
  90_000,
);
