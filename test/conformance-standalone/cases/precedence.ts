import { equal } from 'node:assert/strict';
import { type Ask, readAsk } from '../ask.ts';
import { type Case, expectAsk } from '../case.ts';
import { call } from '../client.ts';
import type { Manifest } from '../manifests.ts';
import { INFRA } from '../scene.ts';

interface Newer {
  /** The older route and, as the test makes it, a newer one with another hostname and backend. */
  older: string;
  newer: string;
  hostname: string;
  backend: string;
  matches?: object[];
}

function addNewer(manifests: Manifest[], { older, newer, hostname, backend, matches }: Newer): void {
  const first = manifests.find(({ metadata }) => metadata.name === older)!;
  Object.assign(first.metadata, { creationTimestamp: '2026-01-01T00:00:00Z' });
  const second = structuredClone(first);
  Object.assign(second.metadata, { name: newer, creationTimestamp: '2026-01-01T00:00:01Z' });
  const { port } = first.spec.rules[0]!.backendRefs[0]!;
  second.spec.hostnames = [hostname];
  second.spec.rules = [{ ...(matches ? { matches } : {}), backendRefs: [{ name: backend, port }] }];
  manifests.push(second);
}

/** Two hostname pairs on Gateways named alike: exact against wildcard, and a longer wildcard against a shorter one. */
const PAIRS = [
  { gateway: 'exact-hostname-x', older: 'wc-hostname-x', newer: 'exact-hostname-x', hostname: 'abc.example.com' },
  {
    gateway: 'wc-hostname-x',
    older: 'less-specific-wc-hostname-x',
    newer: 'more-specific-wc-hostname-x',
    hostname: '*.example.com',
  },
];

function pairs(kind: string, backend: string, suffixes: Array<{ suffix: string; matches?: object[] }>) {
  return PAIRS.flatMap(({ gateway, older, newer, hostname }) =>
    suffixes.map(({ suffix, matches }) => ({
      gateway: `gw-${kind}-${gateway}${suffix}`,
      older: `${kind}-${older}${suffix}-older`,
      newer: `${kind}-${newer}${suffix}-newer`,
      hostname,
      backend,
      matches,
      suffix,
    })),
  );
}

const PREFIX = { path: { type: 'PathPrefix', value: '/path' } };
const HEADER = { type: 'Exact', name: 'Header-A', value: 'A' };
const HTTP = pairs('httproute', 'infra-backend-v2', [
  { suffix: '' },
  { suffix: '-path', matches: [PREFIX] },
  { suffix: '-path-header', matches: [{ ...PREFIX, headers: [HEADER] }] },
]);
const GRPC = pairs('grpcroute', 'grpc-infra-backend-v2', [{ suffix: '' }]);
const TLS = pairs('tlsroute', 'tls-backend-2', [{ suffix: '' }]);
const HOST = 'abc.example.com';

const REQUESTS: Record<string, string[]> = {
  '': [`${HOST}/ > v2`],
  '-path': [`${HOST}/path/prefix/longer > v2`],
  '-path-header': [
    `${HOST}/path/prefix/longer header-a=A header-b=B > v2`,
    `${HOST}/path/prefix/longer header-b=B > v1`,
  ],
};

function both(kind: string, { gateway, older, newer }: { gateway: string; older: string; newer: string }): string[] {
  return [older, newer].map((name) => `${kind} ${name} @${gateway} Accepted=True:Accepted ResolvedRefs=True`);
}

/** Routes whose hostnames intersect alike with the listener's: their own hostnames decide, not their age. */
export const PRECEDENCE: Case[] = [
  {
    test: 'HTTPRouteMultipleRoutesAttachmentSameHostnameIntersection',
    prepare: (manifests) => HTTP.forEach((one) => void addNewer(manifests, one)),
    status: HTTP.flatMap((one) => both('HTTPRoute', one)),
    asks: HTTP.flatMap(({ gateway, suffix }): Ask[] =>
      REQUESTS[suffix]!.map((line) => ({ ...readAsk(line), on: gateway })),
    ),
  },
  {
    test: 'GRPCRouteMultipleRoutesAttachmentSameHostnameIntersection',
    prepare: (manifests) => GRPC.forEach((one) => void addNewer(manifests, one)),
    status: GRPC.flatMap((one) => both('GRPCRoute', one)),
    async prove(scene) {
      for (const { gateway, backend } of GRPC) {
        const { by } = await call({ ...scene.place(gateway, 80), method: 'Echo', authority: HOST });
        equal(by, `${INFRA}/${backend}`, gateway);
      }
    },
  },
  {
    test: 'TLSRouteMultipleRoutesAttachmentSameHostnameIntersection',
    prepare: (manifests) => TLS.forEach((one) => void addNewer(manifests, one)),
    status: TLS.flatMap((one) => both('TLSRoute', one)),
    async prove(scene) {
      for (const { gateway, backend } of TLS) {
        await expectAsk(scene, gateway, { path: '/', host: HOST, tls: { name: HOST }, to: backend });
      }
    },
  },
  {
    test: 'HTTPRouteRuleOrder',
    served: ['HTTPRoute rule-order'],
    status: ['HTTPRoute rule-order-invalid-backend @same-namespace Accepted=True ResolvedRefs=False:BackendNotFound'],
    asks: ['/rule-order x-color=blue x-version=one > v1', '/rule-order-invalid-backend > 500'],
  },
];
