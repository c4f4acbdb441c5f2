/** Small worlds by chance: few names, so that listeners, routes and paths overlap. */
import fc from 'fast-check';
import type {
  BackendRef,
  Cors,
  Filter,
  Gateway,
  Grant,
  GrpcMatch,
  HeaderChange,
  HttpMatch,
  Listener,
  ListenerSet,
  Metadata,
  NamedMatch,
  ParentRef,
  PathChange,
  PathMatch,
  Redirect,
  Route,
  Rule,
  Selector,
  Service,
  World,
} from './resource.ts';

export const NAMESPACES = ['red', 'blue'] as const;
export const PORTS = [80, 8080, 443] as const;
/** Of each namespace, with backends of the test behind them; `mirror` is for mirrors alone. */
export const SERVED = ['one', 'two', 'mirror'] as const;
const HOSTNAMES = ['a.test', 'b.a.test', 'c.b.a.test', '*.a.test', '*.b.a.test', '*.test'] as const;

const namespace = fc.constantFrom(...NAMESPACES);
const hostname = fc.constantFrom(...HOSTNAMES);
const age = fc.constantFrom(undefined, '2026-01-01T00:00:00Z', '2026-01-01T01:00:00+01:00', '2026-02-01T00:00:00Z');

/** Seldom rather than often, and left out else. */
function seldom<T>(value: fc.Arbitrary<T>, freq = 3): fc.Arbitrary<T | undefined> {
  return fc.option(value, { nil: undefined, freq });
}

function often<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: fc.constant(undefined) });
}

function rarely<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 1, arbitrary: value }, { weight: 4, arbitrary: fc.constant(undefined) });
}

const selector: fc.Arbitrary<Selector> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom<Selector[]>({ from: 'All' }, { from: 'All' }, { from: 'All' }, { from: 'Same' }),
  },
  {
    weight: 1,
    arbitrary: namespace.map((team): Selector => ({ from: 'Selector', selector: { matchLabels: { team } } })),
  },
);

const listener: fc.Arbitrary<Listener> = fc
  .record({
    port: fc.constantFrom(80, 80, ...PORTS),
    hostname: seldom(hostname, 1),
    namespaces: often(selector),
    kinds: rarely(
      rarely(fc.constantFrom<Array<Array<{ kind: string }>>>([{ kind: 'HTTPRoute' }], [{ kind: 'GRPCRoute' }])),
    ),
  })
  .map(({ port, hostname, namespaces, kinds }) => ({
    name: '',
    port,
    protocol: port === 443 ? 'HTTPS' : 'HTTP',
    hostname,
    ...((namespaces ?? kinds) && { allowedRoutes: { namespaces, kinds } }),
    ...(port === 443 && { tls: { certificateRefs: [{ name: 'cert' }] } }),
  }));

/** Names are by place, so that routes of a world can name them; one object has each port and hostname once. */
const listeners = fc
  .uniqueArray(listener, {
    minLength: 1,
    maxLength: 4,
    selector: ({ port, hostname }) => `${port} ${hostname}`,
  })
  .map((all) => all.map((one, at): Listener => ({ ...one, name: `l${at}` })));

const gateway = (metadata: Metadata): fc.Arbitrary<Gateway> =>
  fc.record({ listeners, namespaces: often(selector) }).map(({ listeners, namespaces }) => ({
    metadata,
    spec: { gatewayClassName: 'any', listeners, ...(namespaces && { allowedListeners: { namespaces } }) },
  }));

const listenerSet = (name: string): fc.Arbitrary<ListenerSet> =>
  fc.record({ namespace, age, parent: fc.constantFrom('g1', 'g1', 'g2'), listeners }).map((one) => ({
    metadata: { name, namespace: one.namespace, creationTimestamp: one.age },
    spec: {
      parentRef: { name: one.parent, namespace: one.parent === 'g1' ? 'red' : 'blue' },
      listeners: one.listeners,
    },
  }));

const PATHS = [
  '/',
  '/',
  '/a',
  '/a',
  '/a/',
  '/a/b',
  '/ab',
  '/a/b/c',
  '/%61',
  '/caf%c3%a9',
  '/A',
  '/a;x',
  '/a.b',
  '/b',
  '/b/',
];
const EXPRESSIONS = ['/a/[a-c]', '/.*', '/a.*', '/b/(a|b)/?'];

const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constantFrom('PathPrefix', undefined), value: fc.constantFrom(...PATHS) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('Exact' as const), value: fc.constantFrom(...PATHS) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('RegularExpression' as const),
      value: fc.constantFrom(...EXPRESSIONS),
    }),
  },
) as fc.Arbitrary<PathMatch>;

const headerMatches: fc.Arbitrary<NamedMatch[]> = fc.uniqueArray(
  fc.record({
    type: fc.constantFrom(undefined, 'Exact', 'RegularExpression'),
    name: fc.constantFrom('x-a', 'X-A', 'x-b'),
    value: fc.constantFrom('1', '2', '1,2'),
  }) as fc.Arbitrary<NamedMatch>,
  { minLength: 1, maxLength: 2, selector: ({ name }) => name },
);

const queryMatches: fc.Arbitrary<NamedMatch[]> = fc.uniqueArray(
  fc.record({ name: fc.constantFrom('q', 'Q', 'r'), value: fc.constantFrom('1', '2', 'a b') }),
  { minLength: 1, maxLength: 2, selector: ({ name }) => name },
);

const httpMatch: fc.Arbitrary<HttpMatch> = fc.record({
  path: often(seldom(pathMatch, 4)),
  method: rarely(fc.constantFrom('GET', 'POST', 'OPTIONS', 'HEAD')),
  headers: rarely(headerMatches),
  queryParams: rarely(queryMatches),
});

export const GRPC_SERVICES = ['a', 'shop.Cart'] as const;
export const GRPC_METHODS = ['b', 'Get'] as const;

const grpcMatch: fc.Arbitrary<GrpcMatch> = fc
  .record({
    service: often(fc.constantFrom(...GRPC_SERVICES)),
    method: seldom(fc.constantFrom(...GRPC_METHODS)),
    headers: rarely(headerMatches),
  })
  .map(({ service, method, headers }) => ({ ...((service ?? method) && { method: { service, method } }), headers }));

const headerName = fc.constantFrom('x-a', 'X-B', 'x-c', 'X-C');
const headerChange: fc.Arbitrary<HeaderChange> = fc
  .uniqueArray(fc.tuple(headerName, fc.constantFrom('set', 'add', 'remove'), fc.constantFrom('s', 't,u')), {
    minLength: 1,
    maxLength: 3,
    selector: ([name]) => name.toLowerCase(),
  })
  .map((all) => {
    const of = (what: string): Array<{ name: string; value: string }> =>
      all.filter(([, kind]) => kind === what).map(([name, , value]) => ({ name, value }));
    return {
      ...(of('set').length > 0 && { set: of('set') }),
      ...(of('add').length > 0 && { add: of('add') }),
      ...(of('remove').length > 0 && { remove: of('remove').map(({ name }) => name) }),
    };
  });

const pathChange: fc.Arbitrary<PathChange> = fc.oneof(
  fc
    .constantFrom('/', '/x', '/x/y/')
    .map((replaceFullPath): PathChange => ({ type: 'ReplaceFullPath', replaceFullPath })),
  fc
    .constantFrom('/', '/x', '/x/', '')
    .map((replacePrefixMatch): PathChange => ({ type: 'ReplacePrefixMatch', replacePrefixMatch })),
);

const redirect: fc.Arbitrary<Redirect> = fc.record({
  scheme: seldom(fc.constantFrom('http', 'https')),
  hostname: seldom(fc.constantFrom('new.test', 'a.test')),
  port: seldom(fc.constantFrom(80, 443, 8443)),
  statusCode: seldom(fc.constantFrom(301, 302, 303, 307, 308)),
  path: seldom(pathChange),
});

const cors: fc.Arbitrary<Cors> = fc.record({
  allowOrigins: fc.constantFrom(
    ['*'],
    ['https://a.test'],
    ['https://*.test'],
    ['http://a.test:8080', 'https://*.a.test'],
  ),
  allowMethods: seldom(fc.constantFrom(['GET', 'PUT'], ['*'])),
  allowHeaders: seldom(fc.constantFrom(['X-A'], ['*'])),
  allowCredentials: seldom(fc.boolean()),
  maxAge: seldom(fc.constantFrom(1, 600)),
}) as fc.Arbitrary<Cors>;

const backendRef = (port: number): fc.Arbitrary<BackendRef> =>
  fc.record({
    namespace: rarely(rarely(namespace)),
    name: fc.constantFrom('one', 'one', 'one', 'one', 'two', 'two', 'two', 'two', 'none', 'gone'),
    kind: fc.constant(undefined),
    port: fc.oneof({ weight: 15, arbitrary: fc.constant(port) }, { weight: 1, arbitrary: fc.constant(81) }),
    weight: rarely(fc.constantFrom(0, 1, 3)),
    filters: rarely(
      fc
        .record({ request: often(headerChange), response: seldom(headerChange) })
        .map(({ request, response }) => [
          ...(request ? [{ type: 'RequestHeaderModifier' as const, requestHeaderModifier: request }] : []),
          ...(response ? [{ type: 'ResponseHeaderModifier' as const, responseHeaderModifier: response }] : []),
        ]),
    ),
  });

const filters = (port: number): fc.Arbitrary<Filter[]> =>
  fc
    .tuple(
      rarely(
        headerChange.map((requestHeaderModifier): Filter => ({ type: 'RequestHeaderModifier', requestHeaderModifier })),
      ),
      rarely(
        headerChange.map((change): Filter => ({ type: 'ResponseHeaderModifier', responseHeaderModifier: change })),
      ),
      rarely(
        fc
          .record({ hostname: seldom(fc.constantFrom('in.test', 'a.test')), path: often(pathChange) })
          .map((urlRewrite): Filter => ({ type: 'URLRewrite', urlRewrite })),
      ),
      rarely(redirect.map((requestRedirect): Filter => ({ type: 'RequestRedirect', requestRedirect }))),
      rarely(cors.map((one): Filter => ({ type: 'CORS', cors: one }))),
      rarely(
        fc
          .record({ percent: seldom(fc.constantFrom(0, 50, 100)), name: fc.constantFrom('mirror', 'mirror', 'gone') })
          .map(
            ({ percent, name }): Filter => ({
              type: 'RequestMirror',
              requestMirror: { backendRef: { name, port }, ...(percent !== undefined && { percent }) },
            }),
          ),
      ),
    )
    .chain((all) => {
      const there = all.filter((one) => one !== undefined);
      return fc.shuffledSubarray(there, { minLength: there.length });
    });

/** Without what an API server refuses, and without combinations whose order the specification leaves open. */
function legal(rule: Rule, kind: Route['kind']): Rule {
  const { matches = [{}] } = rule;
  const path = (matches[0] as HttpMatch).path;
  const isPrefix = matches.length === 1 && path !== undefined && (path.type ?? 'PathPrefix') === 'PathPrefix';
  const redirects = kind === 'HTTPRoute' && rule.filters?.some(({ type }) => type === 'RequestRedirect');
  const forRedirect = ['RequestRedirect', 'RequestHeaderModifier'];
  const forCalls = ['RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestMirror'];
  const kept = rule.filters?.filter((filter) => {
    if (kind === 'GRPCRoute') return forCalls.includes(filter.type);
    if (redirects) return forRedirect.includes(filter.type);
    return true;
  });
  const fit = kept?.map((filter): Filter => {
    const bare = <T extends { path?: PathChange }>(one: T): T =>
      one.path?.type === 'ReplacePrefixMatch' && !isPrefix ? { ...one, path: undefined } : one;
    if (filter.type === 'URLRewrite') return { ...filter, urlRewrite: bare(filter.urlRewrite) };
    if (filter.type === 'RequestRedirect') return { ...filter, requestRedirect: bare(filter.requestRedirect) };
    return filter;
  });
  return { ...rule, filters: fit, backendRefs: redirects ? undefined : rule.backendRefs };
}

const rule = (kind: Route['kind']): fc.Arbitrary<Rule> => {
  const port = kind === 'GRPCRoute' ? 90 : 80;
  const match: fc.Arbitrary<HttpMatch | GrpcMatch> = kind === 'GRPCRoute' ? grpcMatch : httpMatch;
  return fc
    .record({
      matches: often(fc.array(match, { minLength: 1, maxLength: 2, size: 'max' })),
      filters: seldom(filters(port)),
      backendRefs: fc.array(backendRef(port), { minLength: 1, maxLength: 2 }),
    })
    .map((one) => legal(one, kind));
};

const parentRef: fc.Arbitrary<ParentRef> = fc
  .record({
    parent: fc.constantFrom('g1', 'g1', 'g1', 'g2', 's1', 's2'),
    namespace,
    sectionName: rarely(rarely(fc.constantFrom('l0', 'l1'))),
    port: rarely(rarely(fc.constantFrom(...PORTS))),
  })
  .map(({ parent, namespace, sectionName, port }): ParentRef => {
    if (parent.startsWith('s')) return { kind: 'ListenerSet', name: parent, namespace, sectionName, port };
    return { name: parent, namespace: parent === 'g1' ? 'red' : 'blue', sectionName, port };
  });

const route = (name: string): fc.Arbitrary<Route> =>
  fc.constantFrom<Array<Route['kind']>>('HTTPRoute', 'HTTPRoute', 'HTTPRoute', 'GRPCRoute').chain((kind) =>
    fc
      .record({
        namespace,
        age,
        parentRefs: fc.uniqueArray(parentRef, {
          minLength: 1,
          maxLength: 2,
          selector: (ref) => `${ref.kind}/${ref.namespace}/${ref.name}`,
        }),
        hostnames: rarely(fc.uniqueArray(hostname, { minLength: 1, maxLength: 2 })),
        rules: fc.array(rule(kind), { minLength: 1, maxLength: 3 }),
      })
      .map(({ namespace, age, ...spec }) => ({
        kind,
        metadata: { name, namespace, creationTimestamp: age },
        spec,
      })),
  );

const grant = (name: string): fc.Arbitrary<Grant> =>
  fc
    .record({
      namespace,
      from: namespace,
      kind: fc.constantFrom('HTTPRoute', 'GRPCRoute'),
      to: seldom(fc.constantFrom('one', 'two')),
    })
    .map(({ namespace, from, kind, to }) => ({
      metadata: { name, namespace },
      spec: {
        from: [{ group: 'gateway.networking.k8s.io', kind, namespace: from }],
        to: [{ group: '', kind: 'Service', name: to }],
      },
    }));

const ALL_SERVICES: Service[] = NAMESPACES.flatMap((namespace) => [
  ...SERVED.map((name): Service => ({ metadata: { name, namespace }, endpoints: 'ready' })),
  { metadata: { name: 'none', namespace }, endpoints: 'none' as const },
]);

function named<T>(names: string[], one: (name: string) => fc.Arbitrary<T>, least = 0): fc.Arbitrary<T[]> {
  return fc.tuple(...names.map((name) => one(name))).chain((all) => fc.subarray(all, { minLength: least }));
}

export const worlds: fc.Arbitrary<World> = fc.record({
  gateways: fc
    .tuple(gateway({ name: 'g1', namespace: 'red' }), rarely(gateway({ name: 'g2', namespace: 'blue' })))
    .map((all) => all.filter((one) => one !== undefined)),
  listenerSets: named(['s1', 's2'], listenerSet),
  routes: named(['r1', 'r2', 'r3', 'r4', 'r5'], route, 1),
  grants: named(['to1', 'to2'], grant),
  services: fc.oneof(
    { weight: 3, arbitrary: fc.constant(ALL_SERVICES) },
    { weight: 1, arbitrary: fc.subarray(ALL_SERVICES) },
  ),
});
