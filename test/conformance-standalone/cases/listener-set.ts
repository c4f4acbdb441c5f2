import { deepEqual } from 'node:assert/strict';
import type { Case } from '../case.ts';
import { parentsOf } from '../status.ts';

const READY = 'Accepted=True Programmed=True ResolvedRefs=True';

function refused(set: string): string {
  return `ListenerSet ${set} Accepted=False:NotAllowed Programmed=False:NotAllowed`;
}

/** The Gateway, how many sets it has, and one that it does not let in. */
function closed(test: string, gateway: string, set: string): Case {
  return { test, status: [`Gateway ${gateway} Accepted=True attachedListenerSets=0`, refused(set)] };
}

interface Open {
  gateway: string;
  allowed: string;
  listener: string;
  other: string;
}

function open(test: string, { gateway, allowed, listener, other }: Open): Case {
  return {
    test,
    status: [
      `Gateway ${gateway} Accepted=True attachedListenerSets=1`,
      `ListenerSet ${allowed} Accepted=True:Accepted Programmed=True:Programmed`,
      `ListenerSet ${allowed} #${listener} ${READY}`,
      refused(other),
    ],
  };
}

/** Listeners of the same port that conflict: the Gateway's come first, then those of the sets in their order. */
function conflict(test: string, kind: 'hostname' | 'protocol'): Case {
  const reason = kind === 'hostname' ? 'HostnameConflict' : 'ProtocolConflict';
  const lost = `Accepted=False:${reason} Programmed=False:${reason} Conflicted=True:${reason}`;
  const gateway = `gateway-with-listenerset-${kind}-conflict`;
  const [first, second, third, fourth] = ['gateway-1', 'gateway-2', 'listener-set-1', 'listener-set-2'].map(
    (name) => `ListenerSet listenerset-with-${kind}-conflict-with-${name}`,
  );
  const [withGateway, withSet] = [
    `${kind}-conflict-with-gateway-listener`,
    `${kind}-conflict-with-listener-set-listener`,
  ];
  const none = 'Accepted=False:ListenersNotValid Programmed=False:ListenersNotValid';
  return {
    test,
    status: [
      `Gateway ${gateway} Accepted=True attachedListenerSets=2`,
      `Gateway ${gateway} #gateway-listener ${READY}`,
      `Gateway ${gateway} #${withGateway} ${READY}`,
      `${first} Accepted=True Programmed=True:Programmed`,
      `${first} #listener-set-1-listener ${READY}`,
      `${first} #${withGateway} ${lost}`,
      `${first} #${withSet} ${READY}`,
      `${second} ${none}`,
      `${second} #${withGateway} ${lost}`,
      `${third} Accepted=True Programmed=True:Programmed`,
      `${third} #listener-set-2-listener ${READY}`,
      `${third} #${withSet} ${lost}`,
      `${fourth} ${none}`,
      `${fourth} #${withSet} ${lost}`,
    ],
  };
}

const ROUTING = 'gateway-with-listener-sets-http-routing';
const HOSTS = ['gateway', 'listener-set-http-routing-1', 'listener-set-http-routing-2'].flatMap((owner) =>
  [1, 2].map((at) => `${owner}-listener-${at}.com`),
);

/** Path, the Pod that answers, and the hosts on which it does; 404 on all others. */
function answers(path: string, to: string, on: string[]): string[] {
  return HOSTS.map((host) => `${host}${path} > ${on.some((name) => host.startsWith(name)) ? to : 404}`);
}

const ALLOWED = 'listener-set-listener-allowed-routes';
const ROUTES = ['/route-in-same-namespace', '/route-in-selected-namespace', '/route-not-in-selected-namespace'];
const SET = 'ListenerSet listenerset-test-allowed-routes-namespaces';

/** ListenerSet. */
export const LISTENER_SET: Case[] = [
  closed('ListenerSetAllowedNamespaceNone', 'gateway-does-not-allow-listenerset', 'listenerset-not-allowed'),
  closed(
    'ListenerSetDefaultNotAllowed',
    'gateway-default-does-not-allow-listenerset',
    'listenerset-default-not-allowed',
  ),
  open('ListenerSetAllowedNamespaceSame', {
    gateway: 'gateway-allows-listenerset-in-same-namespace',
    allowed: 'listenerset-in-same-namespace',
    listener: 'listenerset-in-same-namespace-listener',
    other: 'gateway-api-listenerset-not-allowed-ns/listenerset-in-different-namespace',
  }),
  open('ListenerSetAllowedNamespaceSelector', {
    gateway: 'gateway-allows-listenerset-in-selected-namespace',
    allowed: 'gateway-api-listenerset-selector-allowed-ns/listenerset-in-selected-namespace',
    listener: 'listenerset-in-selected-namespace-listener',
    other: 'gateway-api-listenerset-selector-not-allowed-ns/listenerset-not-in-selected-namespace',
  }),
  {
    test: 'ListenerSetAllowedRoutesNamespaces',
    on: 'gateway-with-listener-sets-test-allowed-routes',
    status: [
      'Gateway gateway-with-listener-sets-test-allowed-routes Accepted=True attachedListenerSets=2',
      ...[
        'route-in-same-namespace',
        'gateway-api-routes-allowed-ns/route-in-selected-namespace',
        'gateway-api-routes-not-allowed-ns/route-not-in-selected-namespace',
      ].map((name) => `HTTPRoute ${name} @listenerset-test-allowed-routes-namespaces Accepted=True:Accepted`),
      `${SET} #${ALLOWED}-all kinds=HTTPRoute attachedRoutes=3 ${READY}`,
      `${SET} #${ALLOWED}-same kinds=HTTPRoute attachedRoutes=1 ${READY}`,
      `${SET} #${ALLOWED}-selector kinds=HTTPRoute attachedRoutes=1 ${READY}`,
      'HTTPRoute gateway-api-ls-cross-ns/route-in-listenerset-namespace @gateway-api-ls-cross-ns/listenerset-test-allowed-routes-cross-ns Accepted=True:Accepted',
      'HTTPRoute route-in-gateway-namespace @gateway-api-ls-cross-ns/listenerset-test-allowed-routes-cross-ns Accepted=False:NotAllowedByListeners',
      `ListenerSet gateway-api-ls-cross-ns/listenerset-test-allowed-routes-cross-ns #${ALLOWED}-cross-ns-same kinds=HTTPRoute attachedRoutes=1 ${READY}`,
    ],
    asks: [
      ...ROUTES.map((path, at) => `${ALLOWED}-all.com${path} > v${at + 1}`),
      ...ROUTES.map((path, at) => `${ALLOWED}-same.com${path} > ${at === 0 ? 'v1' : 404}`),
      ...ROUTES.map((path, at) => `${ALLOWED}-selector.com${path} > ${at === 1 ? 'v2' : 404}`),
      `${ALLOWED}-cross-ns-same.com/route-in-listenerset-namespace > v1`,
      `${ALLOWED}-cross-ns-same.com/route-in-gateway-namespace > 404`,
    ],
  },
  {
    test: 'ListenerSetAllowedRoutesSupportedKinds',
    status: [
      'Gateway gateway-with-listener-sets-test-supported-route-kinds Accepted=True',
      `ListenerSet listenerset-test-allowed-routes-supported-kinds #${ALLOWED}-tls-only ResolvedRefs=False:InvalidRouteKinds`,
    ],
  },
  {
    test: 'ListenerSetDualParentRefIndependence',
    on: 'gateway-dual-parentref',
    status: [
      'Gateway gateway-dual-parentref Accepted=True attachedListenerSets=1',
      `ListenerSet ls-dual-parentref #ls-dual-parentref-listener kinds=HTTPRoute attachedRoutes=2 ${READY}`,
      'HTTPRoute route-dual-parentref-both @gateway-dual-parentref Accepted=True',
      'HTTPRoute route-dual-parentref-both @ls-dual-parentref Accepted=True',
      'HTTPRoute route-dual-parentref-one @gateway-dual-parentref Accepted=False:NoMatchingParent',
      'HTTPRoute route-dual-parentref-one @ls-dual-parentref Accepted=True',
    ],
    asks: [
      'gw-dual.com/dualboth > v1',
      'ls-dual.com/dualboth > v1',
      'ls-dual.com/dualone > v2',
      'gw-dual.com/dualone > 404',
    ],
  },
  {
    test: 'ListenerSetGatewayParentSectionNameNotFound',
    on: 'gateway-section-name',
    status: [
      'Gateway gateway-section-name Accepted=True attachedListenerSets=1',
      'HTTPRoute route-via-listenerset @listenerset-section-name Accepted=True:Accepted',
      'HTTPRoute route-via-gateway @gateway-section-name Accepted=False:NoMatchingParent',
    ],
    asks: ['ls-section-name.com/goodsection > v1', 'gw-section.com/badsection > 404'],
  },
  conflict('ListenerSetHostnameConflict', 'hostname'),
  conflict('ListenerSetProtocolConflict', 'protocol'),
  {
    test: 'ListenerSetHTTPRouting',
    on: ROUTING,
    served: ['attaches-to-all-listeners', 'gateway-route', 'gateway-section-route'].map((name) => `HTTPRoute ${name}`),
    status: [
      `Gateway ${ROUTING} attachedListenerSets=2`,
      ...[
        'attaches-to-all-listeners',
        'listener-set-http-routing-1-route',
        'listener-set-http-routing-1-section-route',
      ].map((name) => `HTTPRoute ${name} @listener-set-http-routing-1 Accepted=True:Accepted`),
      ...['attaches-to-all-listeners', 'listener-set-http-routing-2-route'].map(
        (name) => `HTTPRoute ${name} @listener-set-http-routing-2 Accepted=True:Accepted`,
      ),
      ...[
        ['1', '1', 3],
        ['1', '2', 2],
        ['2', '1', 2],
        ['2', '2', 2],
      ].map(([set, at, routes]) => {
        const name = `listener-set-http-routing-${set}`;
        return `ListenerSet ${name} #${name}-listener-${at} kinds=HTTPRoute attachedRoutes=${routes} ${READY}`;
      }),
    ],
    asks: [
      ...answers('/route', 'v1', ['gateway', 'listener-set']),
      ...answers('/gateway-route', 'v2', ['gateway']),
      ...answers('/gateway-section-route', 'v3', ['gateway-listener-1']),
      ...answers('/listener-set-http-routing-1-route', 'v2', ['listener-set-http-routing-1']),
      ...answers('/listener-set-http-routing-1-section-route', 'v3', ['listener-set-http-routing-1-listener-1']),
      ...answers('/listener-set-http-routing-2-route', 'v2', ['listener-set-http-routing-2']),
    ],
  },
  {
    test: 'ListenerSetReferenceGrant',
    status: [
      'Gateway gateway-with-listener-sets-test-reference-grant Accepted=True',
      'ListenerSet listenerset-with-reference-grant Accepted=True Programmed=True',
      'ListenerSet listenerset-with-reference-grant #listenerset-with-reference-grant-listener ResolvedRefs=True',
      'ListenerSet gateway-api-listener-sets-test-reference-grant-ns/listenerset-without-reference-grant Accepted=False:ListenersNotValid Programmed=False:ListenersNotValid',
      'ListenerSet gateway-api-listener-sets-test-reference-grant-ns/listenerset-without-reference-grant #listenerset-without-reference-grant-listener ResolvedRefs=False:RefNotPermitted',
    ],
  },
  {
    test: 'ListenerSetRouteStatusScopedToParentRef',
    status: [
      'Gateway gateway-parentref Accepted=True attachedListenerSets=1',
      `ListenerSet listenerset-parentref #listenerset-parentref-listener kinds=HTTPRoute attachedRoutes=1 ${READY}`,
      'HTTPRoute route-parentref-gwonly @gateway-parentref Accepted=True',
      'HTTPRoute route-parentref-lsonly @listenerset-parentref Accepted=True',
    ],
    async prove(scene) {
      const parents = (route: string) => parentsOf(scene.rig.report(), 'HTTPRoute', route).map(({ name }) => name);
      deepEqual(parents('route-parentref-gwonly'), ['gateway-parentref']);
      deepEqual(parents('route-parentref-lsonly'), ['listenerset-parentref']);
    },
  },
];
