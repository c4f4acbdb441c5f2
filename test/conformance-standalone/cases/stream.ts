import { equal } from 'node:assert/strict';
import { type Case, expectShares, expectStatus } from '../case.ts';
import { datagram, type Greeting, greeting, type Place } from '../client.ts';
import { INFRA, type Scene } from '../scene.ts';

const GRANT = 'gateway-conformance-web-backend';
const APP = 'gateway-conformance-app-backend';

async function answeredBy(kind: 'TCPRoute' | 'UDPRoute', place: Place): Promise<string> {
  const said =
    kind === 'TCPRoute'
      ? await greeting(place)
      : (JSON.parse((await datagram(place, Buffer.from('probe\n'))).toString()) as Greeting);
  return `${said.namespace}/${said.service}`;
}

async function expectPod(kind: 'TCPRoute' | 'UDPRoute', place: Place, pod: string): Promise<void> {
  equal(await answeredBy(kind, place), pod.includes('/') ? pod : `${INFRA}/${pod}`);
}

/** Listener, its Pod. */
async function expectPods(scene: Scene, kind: 'TCPRoute' | 'UDPRoute', { on, pods }: { on: string; pods: string[][] }) {
  for (const [listener, pod] of pods) {
    await expectPod(kind, scene.place(on, scene.portOf(on, listener!)), pod!);
  }
}

/** Two routes on one listener: the older has the traffic, and both count. */
function together(kind: 'TCPRoute' | 'UDPRoute', { test, port }: { test: string; port: number }): Case {
  const word = kind.slice(0, 3).toLowerCase();
  const on = `${word}-multi-route-attach-gateway`;
  return {
    test,
    on,
    prepare(manifests) {
      const older = manifests.find(({ metadata }) => metadata.name === `${word}route-attach-older`)!;
      Object.assign(older.metadata, { creationTimestamp: '2026-01-01T00:00:00Z' });
      const newer = structuredClone(older);
      Object.assign(newer.metadata, { name: `${word}route-attach-newer`, creationTimestamp: '2026-01-01T00:00:01Z' });
      newer.spec.rules[0]!.backendRefs[0]!.name = `${word}-attach-backend-2`;
      manifests.push(newer);
    },
    status: [
      `${kind} ${word}route-attach-older @${on} Accepted=True:Accepted`,
      `${kind} ${word}route-attach-newer @${on} Accepted=True:Accepted`,
      `Gateway ${on} #${word} kinds=${kind} attachedRoutes=2 Accepted=True:Accepted`,
    ],
    async prove(scene) {
      for (let at = 0; at < 100; at++) await expectPod(kind, scene.place(on, port), `${word}-attach-backend-1`);
    },
  };
}

function weighted(kind: 'TCPRoute' | 'UDPRoute', { test, port }: { test: string; port: number }): Case {
  const word = kind.slice(0, 3).toLowerCase();
  return {
    test,
    on: `${word}-weighted-gateway`,
    served: [`${kind} ${word}-weighted-route`],
    async prove(scene, { on }) {
      const place = scene.place(on, scene.firstPort(on));
      equal(scene.firstPort(on), port);
      const name = (at: number) => `${INFRA}/${word}-backend-v${at}`;
      await expectShares({ [name(1)]: 0.7, [name(2)]: 0.3, [name(3)]: 0 }, () => answeredBy(kind, place));
    },
  };
}

interface Granted {
  test: string;
  on: string;
  route: string;
  grant: string;
  pod: string;
}

function granted(kind: 'TCPRoute' | 'UDPRoute', { test, on, route, grant, pod }: Granted): Case {
  return {
    test,
    on,
    served: [`${kind} ${route}`],
    async prove(scene) {
      await expectPod(kind, scene.place(on, scene.firstPort(on)), pod);
      scene.edit((_find, manifests) => {
        manifests.splice(
          manifests.findIndex((one) => one.kind === 'ReferenceGrant' && one.metadata.name === grant),
          1,
        );
      });
      await expectStatus(scene, `${kind} ${route} @${on} ResolvedRefs=False:RefNotPermitted`);
    },
  };
}

function resolved(test: string, line: string): Case {
  return { test, status: [line] };
}

/** TCPRoute and UDPRoute. */
export const STREAM: Case[] = [
  together('TCPRoute', { test: 'TCPRouteMultipleRoutesAttachment', port: 9310 }),
  together('UDPRoute', { test: 'UDPRouteMultipleRoutesAttachment', port: 5301 }),
  weighted('TCPRoute', { test: 'TCPRouteWeightedRouting', port: 9300 }),
  weighted('UDPRoute', { test: 'UDPRouteWeightedRouting', port: 5300 }),
  granted('TCPRoute', {
    test: 'TCPRouteReferenceGrant',
    on: 'tcp-reference-grant-gateway',
    route: 'tcp-reference-grant',
    grant: 'tcp-reference-grant',
    pod: `${GRANT}/tcp-reference-grant-backend`,
  }),
  granted('UDPRoute', {
    test: 'UDPRouteReferenceGrant',
    on: 'udp-gateway-reference-grant',
    route: 'udp-route-reference-grant',
    grant: 'udp-reference-grant',
    pod: `${APP}/udp-echo-reference-grant`,
  }),
  {
    test: 'TCPRouteParentRefAttachAll',
    on: 'tcp-attach-all-gateway',
    served: ['TCPRoute tcp-route-attach-all'],
    prove: (scene, { on }) =>
      expectPods(scene, 'TCPRoute', {
        on,
        pods: ['one', 'two', 'three', 'four'].map((name) => [name, 'tcp-echo-attach-all']),
      }),
  },
  {
    test: 'UDPRouteParentRefAttachAllListeners',
    on: 'udp-attach-all-listeners-gateway',
    served: ['UDPRoute udp-route-attach-all'],
    status: [1, 2, 3].map(
      (at) => `Gateway udp-attach-all-listeners-gateway #udp-${at} kinds=UDPRoute attachedRoutes=1 ResolvedRefs=True`,
    ),
    prove: (scene, { on }) =>
      expectPods(scene, 'UDPRoute', { on, pods: [1, 2, 3].map((at) => [`udp-${at}`, 'udp-echo-attach-all']) }),
  },
  {
    test: 'TCPRouteParentRefPortAndSectionName',
    on: 'tcp-multi-listener-gateway',
    served: ['port', 'section', 'section-and-port'].map((by) => `TCPRoute tcp-route-by-${by}`),
    prove: (scene, { on }) =>
      expectPods(scene, 'TCPRoute', { on, pods: ['one', 'two', 'three'].map((name) => [name, `tcp-echo-${name}`]) }),
  },
  {
    test: 'UDPRouteParentRefPortAndSectionName',
    on: 'udp-multi-listener-gateway',
    served: ['port', 'section', 'section-and-port'].map((by) => `UDPRoute udp-route-by-${by}`),
    prove: (scene, { on }) =>
      expectPods(scene, 'UDPRoute', {
        on,
        pods: ['by-port', 'by-section', 'by-section-and-port'].map((name) => [name, `udp-echo-${name}`]),
      }),
  },
  resolved(
    'TCPRouteInvalidBackendRefNonexistent',
    'TCPRoute tcp-route-invalid-backend-ref-nonexistent @tcp-gateway-invalid-backend ResolvedRefs=False:BackendNotFound',
  ),
  resolved(
    'UDPRouteInvalidBackendRefNonexistent',
    'UDPRoute udp-route-invalid-backend-ref-nonexistent @udp-gateway-invalid-backend ResolvedRefs=False:BackendNotFound',
  ),
  resolved(
    'TCPRouteInvalidCrossNamespaceBackendRef',
    'TCPRoute tcp-invalid-cross-namespace-backend-ref @tcp-invalid-cross-namespace-backend-ref-gateway Accepted=True ResolvedRefs=False:RefNotPermitted',
  ),
  resolved(
    'UDPRouteInvalidCrossNamespaceBackendRef',
    'UDPRoute udp-route-invalid-cross-namespace-backend-ref @udp-gateway-invalid-cross-namespace-backend-ref Accepted=True ResolvedRefs=False:RefNotPermitted',
  ),
  {
    test: 'TCPRouteInvalidNonTCPListener',
    status: ['TCPRoute tcp-route @tcp-mixed-protocol-gateway Accepted=False:NotAllowedByListeners'],
    prove: (scene) => scene.unattached('tcp-mixed-protocol-gateway'),
  },
  {
    test: 'UDPRouteNotAllowedByListeners',
    status: [
      'UDPRoute udproute-not-allowed-by-listeners @udproute-tls-only-gateway Accepted=False:NotAllowedByListeners',
    ],
    prove: (scene) => scene.unattached('udproute-tls-only-gateway'),
  },
  {
    test: 'UDPRoute',
    only: 'v1.6.3',
    on: 'udp-gateway',
    served: ['UDPRoute udp-coredns'],
    async prove(scene, { on }) {
      // Id 7, one question: foo.bar.com, type A, class IN.
      const header = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
      const query = Buffer.from([...header, ...Buffer.from('\x03foo\x03bar\x03com\0'), 0, 1, 0, 1]);
      const back = await datagram(scene.place(on, 5300), query);
      equal(back.readUInt16BE(0), 7);
      equal(back[2]! & 0x80, 0x80);
    },
  },
  {
    test: 'UDPRoute',
    only: 'v1.7.0',
    on: 'udp-gateway',
    served: ['UDPRoute udp-route'],
    prove: (scene, { on }) => expectPod('UDPRoute', scene.place(on, 5300), 'udp-echo'),
  },
];
