import { equal } from 'node:assert/strict';
import { type Case, expectAsk, expectStatus } from '../case.ts';
import { eventually } from '../scene.ts';
import { generationOf } from '../status.ts';

/** A route whose reference to its parent fails: not accepted, attached nowhere. */
function unattached(test: string, route: string, { on = 'same-namespace', why }: { on?: string; why: string }): Case {
  return {
    test,
    status: [`HTTPRoute ${route} @gateway-conformance-infra/${on} Accepted=False:${why}`],
    async prove(scene) {
      const listener = on === 'tlsroutes-only' ? 'tls' : 'http';
      await expectStatus(scene, `Gateway ${on} #${listener} attachedRoutes=0`);
    },
  };
}

/** A route with a backend that must not or cannot be reached: accepted, and its requests get a 500. */
function broken(test: string, route: string, { path = '/', why }: { path?: string; why: string }): Case {
  return {
    test,
    status: [`HTTPRoute ${route} @same-namespace Accepted=True:Accepted ResolvedRefs=False:${why}`],
    asks: [`${path} > 500`],
  };
}

const CROSS = 'gateway-conformance-infra';
const MATCHED = ['specific-host-matches-listener-specific-host', 'specific-host-matches-listener-wildcard-host'];
const WILD = ['wildcard-host-matches-listener-specific-host', 'wildcard-host-matches-listener-wildcard-host'];

/** HTTPRoute: to which listeners a route attaches, for which hostnames, and what its references come to. */
export const HTTP_ATTACHMENT: Case[] = [
  {
    test: 'HTTPRouteCrossNamespace',
    on: 'backend-namespaces',
    served: ['HTTPRoute gateway-conformance-web-backend/cross-namespace'],
    asks: ['/ > gateway-conformance-web-backend/web-backend'],
  },
  unattached('HTTPRouteDisallowedKind', 'disallowed-kind', { on: 'tlsroutes-only', why: 'NotAllowedByListeners' }),
  unattached(
    'HTTPRouteInvalidCrossNamespaceParentRef',
    'gateway-conformance-web-backend/invalid-cross-namespace-parent-ref',
    { why: 'NotAllowedByListeners' },
  ),
  unattached('HTTPRouteInvalidParentRefNotMatchingListenerPort', 'httproute-listener-not-matching-route-port', {
    why: 'NoMatchingParent',
  }),
  unattached('HTTPRouteInvalidParentRefNotMatchingSectionName', 'httproute-listener-not-matching-section-name', {
    why: 'NoMatchingParent',
  }),
  unattached(
    'HTTPRouteInvalidParentRefSectionNameNotMatchingPort',
    'httproute-listener-section-name-not-matching-port',
    { on: 'gateway-with-one-not-matching-port-and-section-name-route', why: 'NoMatchingParent' },
  ),
  broken('HTTPRouteInvalidBackendRefUnknownKind', 'invalid-backend-ref-unknown-kind', {
    path: '/v2',
    why: 'InvalidKind',
  }),
  broken('HTTPRouteInvalidCrossNamespaceBackendRef', 'invalid-cross-namespace-backend-ref', { why: 'RefNotPermitted' }),
  broken('HTTPRouteInvalidNonExistentBackendRef', 'invalid-nonexistent-backend-ref', { why: 'BackendNotFound' }),
  broken('HTTPRouteInvalidReferenceGrant', 'reference-grant', { why: 'RefNotPermitted' }),
  {
    test: 'HTTPRoutePartiallyInvalidViaInvalidReferenceGrant',
    status: ['HTTPRoute invalid-reference-grant @same-namespace Accepted=True ResolvedRefs=False:RefNotPermitted'],
    asks: ['/v2 > 500', '/ > gateway-conformance-app-backend/app-backend-v1'],
  },
  {
    test: 'HTTPRouteNoBackendRefs',
    served: ['HTTPRoute omitted-backendrefs'],
    asks: ['/forward > v1', '/omitted-no-forward > 500', '/empty-no-forward > 500'],
  },
  {
    test: 'HTTPRouteReferenceGrant',
    served: ['HTTPRoute reference-grant'],
    asks: ['/ > gateway-conformance-web-backend/web-backend'],
    async prove(scene, { on }) {
      scene.edit((_find, manifests) => {
        manifests.splice(
          manifests.findIndex(({ metadata }) => metadata.name === 'reference-grant'),
          1,
        );
      });
      await eventually(() => expectAsk(scene, on, '/ > 500'));
      await expectStatus(scene, 'HTTPRoute reference-grant @same-namespace ResolvedRefs=False:RefNotPermitted');
    },
  },
  {
    test: 'HTTPRouteObservedGenerationBump',
    served: ['HTTPRoute observed-generation-bump'],
    async prove(scene) {
      const generation = () => generationOf(scene.rig.report(), 'HTTPRoute', 'observed-generation-bump');
      const before = generation();
      scene.edit((find) => {
        find('HTTPRoute', 'observed-generation-bump').spec.rules[0]!.backendRefs[0]!.name = 'infra-backend-v2';
      });
      await eventually(() => equal(generation(), before + 1));
      await expectStatus(scene, 'HTTPRoute observed-generation-bump @same-namespace Accepted=True ResolvedRefs=True');
    },
  },
  {
    test: 'HTTPRouteMultipleGateways',
    served: ['HTTPRoute multiple-gateways-shared-route', 'HTTPRoute same-namespace-dedicated-route'],
    status: [
      `HTTPRoute multiple-gateways-shared-route @${CROSS}/all-namespaces Accepted=True:Accepted`,
      `HTTPRoute all-namespaces-dedicated-route @${CROSS}/all-namespaces Accepted=True:Accepted`,
    ],
    asks: [
      '/shared > v1',
      '/ > v2',
      { on: 'all-namespaces', path: '/shared', to: 'infra-backend-v1' },
      { on: 'all-namespaces', path: '/', to: 'infra-backend-v3' },
    ],
  },
  {
    test: 'HTTPRouteServiceTypes',
    served: ['HTTPRoute service-types'],
    standIns: true,
    async prove(scene, { on }) {
      await expectAsk(scene, on, '/headless > v1');
      // The test itself fills the slices in, with the addresses of infra-backend-v1's Pods.
      const [port] = scene.podPorts('infra-backend-v1');
      scene.edit((find) => {
        for (const name of ['manual-endpointslices-ip4', 'headless-manual-endpointslices-ip4']) {
          const slice = find('EndpointSlice', name);
          Object.assign(slice, { endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }] });
          Object.assign(slice, { ports: [{ name: 'first-port', port, protocol: 'TCP' }] });
        }
      });
      await eventually(() => expectAsk(scene, on, '/manual-endpointslices > v1'));
      await eventually(() => expectAsk(scene, on, '/headless-manual-endpointslices > v1'));
    },
  },
  {
    test: 'HTTPRouteListenerHostnameMatching',
    on: 'httproute-listener-hostname-matching',
    served: ['HTTPRoute backend-v1', 'HTTPRoute backend-v2', 'HTTPRoute backend-v3'],
    asks: [
      'bar.com/ > v1',
      'foo.bar.com/ > v2',
      'baz.bar.com/ > v3',
      'boo.bar.com/ > v3',
      'multiple.prefixes.bar.com/ > v3',
      'multiple.prefixes.foo.com/ > v3',
      'foo.com/ > 404',
      'no.matching.host/ > 404',
    ],
  },
  {
    test: 'HTTPRouteListenerPortMatching',
    on: 'httproute-listener-port-matching',
    served: ['HTTPRoute backend-v1', 'HTTPRoute backend-v2', 'HTTPRoute backend-v3'],
    asks: [
      'foo.com/ > v1',
      { path: '/', host: 'foo.com:8080', port: 8080, to: 'infra-backend-v2' },
      { path: '/', host: 'bar.com:8080', port: 8080, to: 'infra-backend-v2' },
      { path: '/', host: 'foo.com:8090', port: 8090, to: 'infra-backend-v3' },
      { path: '/', host: 'bar.com:8090', port: 8090, status: [404] },
    ],
  },
  {
    test: 'HTTPRouteHostnameIntersection',
    on: 'httproute-hostname-intersection',
    served: [...MATCHED, ...WILD].map((name) => `HTTPRoute ${name}`),
    status: [
      `HTTPRoute no-intersecting-hosts @${CROSS}/httproute-hostname-intersection Accepted=False:NoMatchingListenerHostname`,
      'Gateway httproute-hostname-intersection #listener-1 attachedRoutes=2 kinds=HTTPRoute',
      'Gateway httproute-hostname-intersection #listener-2 attachedRoutes=1 kinds=HTTPRoute',
      'Gateway httproute-hostname-intersection #listener-3 attachedRoutes=1 kinds=HTTPRoute',
      `HTTPRoute httproute-hostname-intersection-all @${CROSS}/httproute-hostname-intersection-all Accepted=True`,
    ],
    asks: [
      'very.specific.com/s1 > v1',
      'very.specific.com:1234/s1 > v1',
      ...['foo.wildcard.io/s2', 'bar.wildcard.io/s2', 'foo.bar.wildcard.io/s2'].map((url) => `${url} > v2`),
      'very.specific.com/s3 > v3',
      ...['foo', 'bar', 'foo.bar'].map((name) => `${name}.anotherwildcard.io/s4 > v1`),
      ...['non.matching.com/s1', 'foo.nonmatchingwildcard.io/s1', 'foo.wildcard.io/s1'].map((url) => `${url} > 404`),
      ...['non.matching.com/s2', 'wildcard.io/s2', 'very.specific.com/s2'].map((url) => `${url} > 404`),
      ...['non.matching.com/s3', 'foo.specific.com/s3', 'foo.wildcard.io/s3'].map((url) => `${url} > 404`),
      ...['anotherwildcard.io/s4', 'foo.wildcard.io/s4', 'very.specific.com/s4'].map((url) => `${url} > 404`),
      ...['very.specific.com', 'foo.wildcard.io', 'foo.anotherwildcard.io'].map(
        (h) => `${h}/non-matching-prefix > 404`,
      ),
      'specific.but.wrong.com/s5 > 404',
      'wildcard.io/s5 > 404',
      ...['first.com', 'sub.first.com', 'second.com', 'sub.second.com'].map((host) => ({
        on: 'httproute-hostname-intersection-all',
        path: '/',
        host,
        to: 'infra-backend-v2',
      })),
      ...['third.com', 'sub.third.com'].map((host) => ({
        on: 'httproute-hostname-intersection-all',
        path: '/',
        host,
        status: [404],
      })),
    ],
  },
];
