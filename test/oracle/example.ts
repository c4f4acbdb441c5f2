/** Worlds in which the gateway once did something else than the specification says. */
import type { Filter, Request, Route, Rule, World } from './resource.ts';

const WORLD: World = {
  gateways: [
    {
      metadata: { name: 'g1', namespace: 'red' },
      spec: { gatewayClassName: 'any', listeners: [{ name: 'l0', port: 80, protocol: 'HTTP' }] },
    },
  ],
  listenerSets: [],
  routes: [],
  grants: [],
  services: ['one', 'two'].map((name) => ({ metadata: { name, namespace: 'red' }, endpoints: 'ready' })),
};

function route(kind: Route['kind'], ...rules: Rule[]): World {
  const spec = { parentRefs: [{ name: 'g1', namespace: 'red' }], rules };
  return { ...WORLD, routes: [{ kind, metadata: { name: 'r1', namespace: 'red' }, spec }] };
}

const GET: Request = { port: 80, version: '1.1', authority: 'a.test', method: 'GET', target: '/a?', headers: [] };
const CALL: Request = {
  ...GET,
  version: '2',
  method: 'POST',
  target: '/shop.Cart/Get',
  headers: [
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  ],
};
const ONE = { name: 'one', port: 80 };
const FULL = { type: 'ReplaceFullPath', replaceFullPath: '/x' } as const;
const answers = (value: string): Filter => ({
  type: 'ResponseHeaderModifier',
  responseHeaderModifier: { set: [{ name: 'x-a', value }] },
});

export const EXAMPLES: Array<[World, Request[]]> = [
  // A query that is empty is one.
  [route('HTTPRoute', { filters: [{ type: 'RequestRedirect', requestRedirect: { hostname: 'new.test' } }] }), [GET]],
  [route('HTTPRoute', { filters: [{ type: 'URLRewrite', urlRewrite: { path: FULL } }], backendRefs: [ONE] }), [GET]],
  // The narrower has the last word, of answers too: the specification leaves it open.
  [route('HTTPRoute', { filters: [answers('rule')], backendRefs: [{ ...ONE, filters: [answers('backend')] }] }), [GET]],
  // A service counts before a method.
  [
    route(
      'GRPCRoute',
      { matches: [{ method: { method: 'Get' } }], backendRefs: [{ name: 'one', port: 90 }] },
      { matches: [{ method: { service: 'shop.Cart' } }], backendRefs: [{ name: 'two', port: 90 }] },
    ),
    [CALL, { ...CALL, target: '/other/Get' }, { ...CALL, target: '/other/Put' }],
  ],
];
