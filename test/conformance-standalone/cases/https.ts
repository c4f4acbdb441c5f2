import type { Ask } from '../ask.ts';
import type { Case } from '../case.ts';

const PATH = '/detect-misdirected-requests';

/** Over HTTP/2: the name of the handshake, the host asked for, and the Pod or the status. */
function directed(name: string, host: string, target: number): Ask {
  const ask: Ask = { path: PATH, host, tls: { name }, http2: true };
  return target < 4 ? { ...ask, to: `infra-backend-v${target}` } : { ...ask, status: [target] };
}

function over(host: string, to: string | number): Ask {
  const ask: Ask = { path: '/', host, tls: { name: host } };
  return typeof to === 'string' ? { ...ask, to } : { ...ask, status: [to] };
}

const [THIRD, FOURTH, FIFTH] = ['third', 'fourth', 'fith'].map((name) => `${name}-example.wildcard.org`) as [
  string,
  string,
  string,
];
const [FIRST, SECOND, UNKNOWN] = ['example.org', 'second-example.org', 'unknown-example.org'] as const;

/** HTTPRoute behind TLS. */
export const HTTPS: Case[] = [
  {
    test: 'HTTPRouteHTTPSListener',
    on: 'same-namespace-with-https-listener',
    served: ['HTTPRoute httproute-https-test', 'HTTPRoute httproute-https-test-no-hostname'],
    asks: [over(FIRST, 'infra-backend-v1'), over(UNKNOWN, 404), over(SECOND, 'infra-backend-v2')],
  },
  {
    test: 'HTTPRouteHTTPSListenerDetectMisdirectedRequests',
    on: 'same-namespace-with-https-listener',
    served: [1, 2, 3, 4].map((at) => `HTTPRoute https-listener-detect-misdirected-requests-test-${at}`),
    asks: [
      directed(FIRST, FIRST, 1),
      directed(FIRST, SECOND, 421),
      directed(FIRST, UNKNOWN, 404),
      directed(SECOND, SECOND, 2),
      directed(SECOND, FIRST, 421),
      directed(SECOND, UNKNOWN, 421),
      directed(THIRD, THIRD, 3),
      directed(THIRD, FIFTH, 3),
      directed(THIRD, FOURTH, 421),
      directed(THIRD, SECOND, 421),
      directed(THIRD, UNKNOWN, 421),
      directed(FOURTH, FOURTH, 1),
      directed(FOURTH, FIFTH, 421),
      directed(UNKNOWN, FIRST, 1),
      directed(UNKNOWN, UNKNOWN, 404),
    ],
  },
];
