import { ok } from 'node:assert/strict';
import { echoOf } from '../ask.ts';
import { type Case, expectShares } from '../case.ts';
import { exchange } from '../client.ts';

/** HTTPRoute: which rule a request matches, and how its backends share it. */
export const HTTP_MATCHING: Case[] = [
  { test: 'HTTPRouteSimpleSameNamespace', served: ['HTTPRoute gateway-conformance-infra-test'], asks: ['/ > v1'] },
  {
    test: 'HTTPRouteExactPathMatching',
    served: ['HTTPRoute exact-matching'],
    asks: ['/one > v1', '/two > v2', '/ > 404', '/one/example > 404', '/two/ > 404', '/Two > 404'],
  },
  {
    test: 'HTTPRouteHeaderMatching',
    served: ['HTTPRoute header-matching'],
    asks: [
      '/ version=one > v1',
      '/ version=two > v2',
      '/ version=two color=orange > v1',
      '/ version=two color=blue > v2',
      '/ color=orange > 404',
      '/ some-other-header=one > 404',
      '/ color=blue > v1',
      '/ color=green > v1',
      '/ color=red > v2',
      '/ color=yellow > v2',
      '/ color=purple > 404',
    ],
  },
  {
    test: 'HTTPRouteMatching',
    served: ['HTTPRoute matching'],
    asks: [
      '/ > v1',
      '/example > v1',
      '/ version=one > v1',
      '/v2 > v2',
      '/v2/example > v2',
      '/ version=two > v2',
      '/v2/ > v2',
      '/v2example > v1',
      '/foo/v2/example > v1',
    ],
  },
  {
    test: 'HTTPRouteMatchingAcrossRoutes',
    served: ['HTTPRoute matching-part1', 'HTTPRoute matching-part2'],
    asks: [
      'example.com/ > v1',
      'example.com/example > v1',
      'example.net/example > v1',
      'example.com/example version=one > v1',
      'example.com/v2 > v2',
      'example.net/v2 > v1',
      'example.com/v2/example > v2',
      'example.com/ version=two > v2',
    ],
  },
  {
    test: 'HTTPRouteMethodMatching',
    served: ['HTTPRoute method-matching'],
    asks: [
      'POST / > v1',
      'GET / > v2',
      'HEAD / > 404',
      'GET /path1 > v1',
      'PUT / version=one > v2',
      'POST /path2 version=two > v3',
      'PATCH /path3 > v1',
      'DELETE /path4 version=three > v1',
      'PUT / > 404',
      'DELETE /path4 > 404',
      'PATCH /path5 > v1',
      'PATCH / version=four > v2',
    ],
  },
  {
    test: 'HTTPRoutePathMatchOrder',
    served: ['HTTPRoute path-matching-order'],
    asks: [
      '/match/exact/one > v3',
      '/match/exact > v2',
      '/match > v1',
      '/match/prefix/one/any > v2',
      '/match/prefix/any > v1',
      '/match/any > v3',
    ],
  },
  {
    test: 'HTTPRouteQueryParamMatching',
    served: ['HTTPRoute query-param-matching'],
    asks: [
      '/?animal=whale > v1',
      '/?animal=dolphin > v2',
      '/?animal=dolphin&color=blue > v3',
      '/?ANIMAL=Whale > v3',
      '/?animal=whale&otherparam=irrelevant > v1',
      '/?animal=dolphin&color=yellow > v2',
      '/?color=blue > 404',
      '/?animal=dog > 404',
      '/?animal=whaledolphin > 404',
      '/ > 404',
      '/path1?animal=whale > v1',
      '/?animal=whale version=one > v2',
      '/path2?animal=whale version=two > v3',
      '/path3?animal=shark > v1',
      '/path4?animal=kraken version=three > v1',
      '/?animal=shark > 404',
      '/path4?animal=kraken > 404',
      '/path5?animal=hydra > v1',
      '/?animal=hydra version=four > v3',
    ],
  },
  {
    test: 'HTTPRouteNamedRule',
    served: ['HTTPRoute http-named-rules'],
    asks: ['/named > v1', '/unnamed > v2'],
  },
  {
    test: 'HTTPRouteWeight',
    served: ['HTTPRoute weighted-backends'],
    async prove(scene, { on }) {
      const place = scene.place(on, 80);
      await expectShares({ 'infra-backend-v1': 0.7, 'infra-backend-v2': 0.3, 'infra-backend-v3': 0 }, async (at) => {
        return echoOf(await exchange({ ...place, path: '/', headers: { 'x-jitter': String(at) } })).service;
      });
    },
  },
  {
    test: 'HTTPRouteRequestHeaderModifierBackendWeights',
    served: ['HTTPRoute request-header-modifier-backend-weights'],
    async prove(scene, { on }) {
      const place = scene.place(on, 80);
      const services = new Set<string>();
      for (let at = 0; at < 100; at++) {
        const { service, headers } = echoOf(await exchange({ ...place, path: '/' }));
        ok(service === headers.backend, `${service} was sent the headers of ${headers.backend}`);
        services.add(service);
      }
      ok(services.size > 1, 'only one backend was asked');
    },
  },
];
