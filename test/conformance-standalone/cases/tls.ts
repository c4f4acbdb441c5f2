import { deepEqual, equal, ok } from 'node:assert/strict';
import { type Case, expectAsk, expectStatus } from '../case.ts';
import { handshakeError, tlsGreeting } from '../client.ts';
import { INFRA, type Scene } from '../scene.ts';

const PASSED = 'abc.example.com';
const TERMINATED = 'tls.example.com';

/** A connection by this name reaches tcp-backend, which sees TLS of the client's own or none. */
async function reaches(scene: Scene, on: string, { port, name, tls }: { port: number; name: string; tls: boolean }) {
  const ca = scene.material.authorities.get(`${INFRA}/tls-checks-ca-certificate`)!;
  const said = await tlsGreeting(scene.place(on, port), { name, ca });
  deepEqual(said, {
    service: 'tcp-backend',
    namespace: INFRA,
    tls,
    ...(tls ? { serverName: name } : {}),
  });
}

/** The end or a reset: a fatal alert is no refusal to the suite's client. */
async function refused(scene: Scene, on: string, { port, name }: { port: number; name: string }): Promise<void> {
  equal(await handshakeError(scene.place(on, port), name), 'ECONNRESET');
}

interface Intersection {
  gateway: string;
  routes: string[];
  reach: Array<[name: string, pod: string]>;
  stranger: string;
}

const INTERSECTIONS: Intersection[] = [
  {
    gateway: 'gw-tlsroute-exact-hostname-x-1',
    routes: ['tlsroute-more-specific-wc-hostname-x-1'],
    reach: [[PASSED, 'tls-backend']],
    stranger: 'non.matching.com',
  },
  ...[
    { gateway: 'gw-tlsroute-more-specific-wc-hostname-x-2', wild: 'less-specific-wc', stranger: 'non.matching.com' },
    { gateway: 'gw-tlsroute-less-specific-wc-hostname-x-3', wild: 'more-specific-wc', stranger: 'non.matching.com' },
    { gateway: 'gw-tlsroute-empty-hostname-x-4', wild: 'less-specific-wc', stranger: 'non.matching.org' },
  ].map(({ gateway, wild, stranger }): Intersection => {
    const at = gateway.at(-1);
    return {
      gateway,
      routes: [`tlsroute-exact-hostname-x-${at}`, `tlsroute-${wild}-hostname-x-${at}`],
      reach: [
        [PASSED, 'tls-backend'],
        ['other.example.com', 'tls-backend-2'],
      ],
      stranger,
    };
  }),
];

async function intersects(scene: Scene, { gateway, routes, reach, stranger }: Intersection): Promise<void> {
  await expectStatus(scene, ...routes.map((name) => `TLSRoute ${name} @${gateway} Accepted=True ResolvedRefs=True`));
  for (const [name, to] of reach) {
    await expectAsk(scene, gateway, { path: '/', host: name, tls: { name }, to, arrives: { tlsName: name } });
  }
  await refused(scene, gateway, { port: 443, name: stranger });
}

function broken(test: string, gateway: string, { route, why }: { route: string; why: string }): Case {
  return {
    test,
    on: gateway,
    status: [`TLSRoute ${route} @${gateway} Accepted=True:Accepted ResolvedRefs=False:${why}`],
    async prove(scene, { on }) {
      const { hostnames, port } = scene.written(on, route);
      ok(hostnames.length > 0);
      await refused(scene, on, { port, name: hostnames[0]! });
    },
  };
}

/** TLSRoute. */
export const TLS: Case[] = [
  {
    test: 'TLSRouteSimpleSameNamespace',
    on: 'gateway-tlsroute',
    served: ['TLSRoute gateway-conformance-infra-test'],
    prove: (scene, { on }) => reaches(scene, on, { port: scene.firstPort(on), name: PASSED, tls: true }),
  },
  {
    test: 'TLSRouteTerminateSimpleSameNamespace',
    on: 'gateway-tlsroute-terminate',
    served: ['TLSRoute tlsroute-terminated-test'],
    prove: (scene, { on }) => reaches(scene, on, { port: scene.firstPort(on), name: TERMINATED, tls: false }),
  },
  {
    test: 'TLSRouteMixedTerminationSameNamespace',
    on: 'gateway-tlsroute-mixed-termination',
    served: ['passthroughroute', 'terminateroute'].map((name) => `TLSRoute gateway-conformance-mixed-${name}`),
    status: ['tls-terminate', 'tls-passthrough'].map(
      (name) =>
        `Gateway gateway-tlsroute-mixed-termination #${name} kinds=TLSRoute attachedRoutes=1 Accepted=True:Accepted`,
    ),
    async prove(scene, { on }) {
      await reaches(scene, on, { port: 8883, name: TERMINATED, tls: false });
      await reaches(scene, on, { port: 8883, name: PASSED, tls: true });
    },
  },
  {
    test: 'BackendTLSPolicyTLSRouteTerminate',
    on: 'gateway-btls-tlsroute-terminate',
    served: ['TLSRoute backendtlspolicy-tlsroute-terminate'],
    status: [
      'BackendTLSPolicy btls-tlsroute-terminate-test @gateway-btls-tlsroute-terminate Accepted=True:Accepted ResolvedRefs=True:ResolvedRefs',
    ],
    async prove(scene, { on }) {
      const ca = scene.material.authorities.get(`${INFRA}/tls-checks-ca-certificate`)!;
      const said = await tlsGreeting(scene.place(on, 8443), { name: TERMINATED, ca });
      deepEqual(said, { service: 'tcp-backend', namespace: INFRA, tls: true, serverName: PASSED });
    },
  },
  {
    test: 'TLSRouteHostnameIntersection',
    async prove(scene) {
      for (const one of INTERSECTIONS) await intersects(scene, one);
    },
  },
  broken('TLSRouteInvalidBackendRefNonexistent', 'gateway-tlsroute-invalid-backend-ref-nonexistent', {
    route: 'invalid-backend-ref-nonexistent',
    why: 'BackendNotFound',
  }),
  broken('TLSRouteInvalidBackendRefUnknownKind', 'gateway-tlsroute-invalid-backend-ref-unknown-kind', {
    route: 'invalid-backend-ref-unknown-kind',
    why: 'InvalidKind',
  }),
  {
    test: 'TLSRouteInvalidReferenceGrant',
    status: [
      'TLSRoute gateway-conformance-infra-test @gateway-tlsroute-referencegrant Accepted=True ResolvedRefs=False:RefNotPermitted',
    ],
  },
  {
    test: 'TLSRouteInvalidNoMatchingListenerHostname',
    status: [
      'TLSRoute tlsroute-hostname-mismatch-1 @gateway-tls-exact-hostname Accepted=False:NoMatchingListenerHostname',
      'TLSRoute tlsroute-hostname-mismatch-2 @gateway-tls-wildcard-hostname Accepted=False:NoMatchingListenerHostname',
    ],
    async prove(scene) {
      await scene.unattached('gateway-tls-exact-hostname', 'gateway-tls-wildcard-hostname');
    },
  },
  {
    test: 'TLSRouteInvalidNoMatchingListener',
    status: [
      'TLSRoute tlsroute-not-allowed-protocol-http @gateway-tlsroute-http-only Accepted=False:NotAllowedByListeners',
      'TLSRoute tlsroute-not-allowed-protocol-https @gateway-tlsroute-https-only Accepted=False:NotAllowedByListeners',
      'TLSRoute tlsroute-no-matching-section-name @gateway-tlsroute-tls-passthrough-only Accepted=False:NoMatchingParent',
    ],
    async prove(scene) {
      await scene.unattached('gateway-tlsroute-http-only', 'gateway-tlsroute-https-only');
    },
  },
  {
    test: 'TLSRouteListenerPassthroughSupportedKinds',
    status: [
      'Gateway gateway-tlsroute-passthrough-supported-kind #tls-passthrough kinds=TLSRoute attachedRoutes=0 ResolvedRefs=False:InvalidRouteKinds',
    ],
  },
  {
    test: 'TLSRouteListenerTerminateSupportedKinds',
    status: [
      'Gateway gateway-tlsroute-terminate-supported #tls-terminate kinds=TLSRoute attachedRoutes=0 Accepted=True:Accepted',
    ],
  },
];
