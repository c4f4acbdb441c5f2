import { equal } from 'node:assert/strict';
import { type Case, expectAsk, expectStatus } from '../case.ts';
import type { Listener, Manifest } from '../manifests.ts';
import { eventually, type Scene } from '../scene.ts';
import { generationOf } from '../status.ts';

const READY = 'Accepted=True ResolvedRefs=True';

/** An edit that counts as a new generation, which every condition then names. */
async function bumps(scene: Scene, { kind, name }: { kind: string; name: string }, change: (object: Manifest) => void) {
  const generation = () => generationOf(scene.rig.report(), kind, name);
  const before = generation();
  scene.edit((find) => change(find(kind, name)));
  await eventually(() => equal(generation(), before + 1));
}

function secret(test: string, gateway: string, conditions: string): Case {
  return { test, status: [`Gateway ${gateway} #https kinds=HTTPRoute attachedRoutes=0 ${conditions}`] };
}

function http(hostname: string): Listener {
  const allowedRoutes = { namespaces: { from: 'All' } };
  return { name: 'http', port: 80, protocol: 'HTTP', hostname, allowedRoutes };
}

/** Host, and which of the four paths answers there. */
const ISOLATED = ['bar.com', 'bar.example.com', 'bar.foo.example.com', 'abc.foo.example.com'];
const PATHS = ['/empty-hostname', '/wildcard-example-com', '/wildcard-foo-example-com', '/abc-foo-example-com'];
const ATTACHED = ['empty-hostname', 'wildcard-example-com', 'wildcard-foo-example-com', 'abc-foo-example-com'];
const CROSSED = 'http-listener-isolation-with-hostname-intersection';

const ISOLATION = ISOLATED.flatMap((host, at) =>
  PATHS.map((path, other) => ({ host, path, ...(at === other ? { to: 'infra-backend-v1' } : { status: [404] }) })),
);

const USABLE = '127.0.1.200';
// Of TEST-NET-1, which no machine has.
const UNUSABLE = '192.0.2.1';

/** Gateway and GatewayClass: listeners, certificates, addresses. */
export const GATEWAY: Case[] = [
  {
    test: 'GatewayHTTPListenerIsolation',
    on: 'http-listener-isolation',
    served: ATTACHED.map((name) => `HTTPRoute attaches-to-${name}`),
    status: ATTACHED.map((name) => `HTTPRoute attaches-to-${name}-with-hostname-intersection @${CROSSED} ${READY}`),
    asks: [...ISOLATION, ...ISOLATION.map((ask) => ({ ...ask, on: CROSSED }))],
  },
  {
    test: 'GatewayListenerUnsupportedProtocol',
    status: [
      'Gateway gateway-only-unsupported-protocols Accepted=False:ListenersNotValid',
      'Gateway gateway-only-unsupported-protocols #invalid kinds= attachedRoutes=0 Accepted=False:UnsupportedProtocol',
      'Gateway gateway-supported-and-unsupported-protocols Accepted=True:ListenersNotValid',
      'Gateway gateway-supported-and-unsupported-protocols #http kinds=HTTPRoute Accepted=True:Accepted',
      'Gateway gateway-supported-and-unsupported-protocols #invalid kinds= Accepted=False:UnsupportedProtocol',
    ],
  },
  {
    test: 'GatewayInvalidRouteKind',
    status: [
      'Gateway gateway-only-invalid-route-kind #http kinds= attachedRoutes=0 ResolvedRefs=False:InvalidRouteKinds',
      'Gateway gateway-supported-and-invalid-route-kind #http kinds=HTTPRoute ResolvedRefs=False:InvalidRouteKinds',
    ],
  },
  {
    test: 'GatewayInvalidTLSConfiguration',
    status: ['nonexistent-secret', 'unsupported-group', 'unsupported-kind', 'malformed-secret'].map(
      (why) => `Gateway gateway-certificate-${why} #https kinds=HTTPRoute ResolvedRefs=False:InvalidCertificateRef`,
    ),
  },
  secret(
    'GatewaySecretInvalidReferenceGrant',
    'gateway-secret-invalid-reference-grant',
    'ResolvedRefs=False:RefNotPermitted',
  ),
  secret(
    'GatewaySecretMissingReferenceGrant',
    'gateway-secret-missing-reference-grant',
    'ResolvedRefs=False:RefNotPermitted',
  ),
  secret(
    'GatewaySecretReferenceGrantAllInNamespace',
    'gateway-secret-reference-grant-all-in-namespace',
    'Programmed=True:Programmed ResolvedRefs=True',
  ),
  secret(
    'GatewaySecretReferenceGrantSpecific',
    'gateway-secret-reference-grant-specific',
    'Programmed=True:Programmed ResolvedRefs=True',
  ),
  {
    test: 'GatewayModifyListeners',
    status: ['Gateway gateway-remove-listener #https attachedRoutes=1', 'Gateway gateway-add-listener Programmed=True'],
    async prove(scene) {
      await bumps(scene, { kind: 'Gateway', name: 'gateway-add-listener' }, ({ spec }) => {
        spec.listeners.push(http('data.test.com'));
      });
      await expectStatus(
        scene,
        `Gateway gateway-add-listener #https kinds=HTTPRoute attachedRoutes=1 ${READY}`,
        `Gateway gateway-add-listener #http kinds=HTTPRoute attachedRoutes=1 Programmed=True ${READY}`,
      );
      await expectAsk(scene, 'gateway-add-listener', 'data.test.com/ > v1');
      await bumps(scene, { kind: 'Gateway', name: 'gateway-remove-listener' }, ({ spec }) => {
        spec.listeners = spec.listeners.filter(({ name }) => name === 'http');
      });
      await expectStatus(scene, `Gateway gateway-remove-listener #http kinds=HTTPRoute attachedRoutes=1 ${READY}`);
      await expectStatus(scene, 'Gateway gateway-remove-listener listeners=http Programmed=True');
    },
  },
  {
    test: 'GatewayObservedGenerationBump',
    async prove(scene) {
      const name = 'gateway-observed-generation-bump';
      await bumps(scene, { kind: 'Gateway', name }, ({ spec }) => {
        spec.listeners.push({ ...http('foo.com'), name: 'alternate' });
      });
      await expectStatus(scene, `Gateway ${name} listeners=http,alternate Accepted=True Programmed=True`);
    },
  },
  {
    test: 'GatewayClassObservedGenerationBump',
    async prove(scene) {
      const name = 'gatewayclass-observed-generation-bump';
      await bumps(scene, { kind: 'GatewayClass', name }, ({ spec }) => {
        spec.description = 'new';
      });
      await expectStatus(scene, `GatewayClass ${name} Accepted=True:Accepted`);
    },
  },
  {
    test: 'GatewayOptionalAddressValue',
    status: ['Gateway gateway-without-address-value Accepted=True Programmed=True addresses=127.0.0.1'],
  },
  {
    test: 'GatewayStaticAddresses',
    prepare(manifests) {
      const { spec } = manifests.find(({ metadata }) => metadata.name === 'gateway-static-addresses')!;
      for (const address of spec.addresses ?? []) {
        if (address.value === 'PLACEHOLDER_USABLE_ADDRS') Object.assign(address, { type: 'IPAddress', value: USABLE });
        if (address.value === 'PLACEHOLDER_UNUSABLE_ADDRS') {
          Object.assign(address, { type: 'IPAddress', value: UNUSABLE });
        }
      }
    },
    status: ['Gateway gateway-static-addresses Accepted=False:UnsupportedAddress'],
    async prove(scene) {
      const dropFirst = ({ spec }: Manifest) => spec.addresses?.shift();
      const name = 'gateway-static-addresses';
      await bumps(scene, { kind: 'Gateway', name }, dropFirst);
      await expectStatus(scene, `Gateway ${name} Accepted=True:Accepted Programmed=False:AddressNotUsable`);
      await bumps(scene, { kind: 'Gateway', name }, dropFirst);
      await expectStatus(
        scene,
        `Gateway ${name} Accepted=True:Accepted Programmed=True:Programmed addresses=${USABLE}`,
        `Gateway ${name} #http kinds=HTTPRoute attachedRoutes=0 ${READY}`,
      );
    },
  },
  {
    test: 'GatewaySecretMissingReferenceGrant',
    only: 'v1.7.0',
    status: [
      'Gateway gateway-secret-missing-reference-grant #https-nonexistent-secret kinds=HTTPRoute ResolvedRefs=False:RefNotPermitted',
    ],
  },
  {
    test: 'GatewayNameMaximumLength',
    status: [`Gateway ${'gateway-name-maximum-length-'.padEnd(253, 'a')} Accepted=True Programmed=True`],
  },
  {
    test: 'GatewayInfrastructureMetadata',
    without: 'no object is generated that could carry the labels and annotations: without a cluster there is none',
    status: ['Gateway gateway-with-infrastructure-metadata Accepted=True Programmed=True'],
  },
  {
    test: 'GatewayWithAttachedRoutes',
    status: [
      `Gateway gateway-with-one-attached-route #http kinds=HTTPRoute attachedRoutes=1 ${READY}`,
      `Gateway gateway-with-two-attached-routes #http kinds=HTTPRoute attachedRoutes=2 ${READY}`,
      'HTTPRoute http-route-not-accepted @gateway-with-two-attached-routes Accepted=False:NoMatchingListenerHostname',
      'Gateway unresolved-gateway-with-one-attached-unresolved-route #tls kinds=HTTPRoute attachedRoutes=1 Programmed=False ResolvedRefs=False',
      'HTTPRoute http-route-4 @unresolved-gateway-with-one-attached-unresolved-route ResolvedRefs=False',
    ],
  },
  {
    test: 'GatewayWithAttachedRoutesWithPort8080',
    status: [
      `Gateway gateway-with-two-listeners-and-one-attached-route #http-unattached kinds=HTTPRoute attachedRoutes=0 ${READY}`,
      `Gateway gateway-with-two-listeners-and-one-attached-route #http kinds=HTTPRoute attachedRoutes=1 ${READY}`,
    ],
  },
];
