/** Config of one Gateway as a controller sends it: a listener on a port, and rules that answer by themselves. */
import type { Certificate, ConfigObject, Listener, RouteRule } from '../../src/config/index.ts';

export const GATEWAY = 'infra/edge';
const LISTENER = `${GATEWAY}/http`;

export function listener(port: number): Listener {
  return { kind: 'Listener', key: LISTENER, gateway: GATEWAY, name: 'http', addresses: [], port, protocol: 'HTTP' };
}

/** Whatever is asked for below `path` is answered with `body`. */
export function answering(body: string, path = '/'): RouteRule {
  const name = path === '/' ? 'all' : path.slice(1);
  return {
    kind: 'RouteRule',
    key: `HTTPRoute/infra/${name}/0`,
    route: { kind: 'HTTPRoute', namespace: 'infra', name },
    created: '',
    attachments: [{ listener: LISTENER, hostnames: ['*'] }],
    index: 0,
    matches: [{ path: { type: 'PathPrefix', value: path }, headers: [], query: [] }],
    filters: [{ type: 'DirectAnswer', status: 200, contentType: 'text/plain', body }],
    backends: [],
  };
}

/** A certificate that no TLS can use, for a listener that does not name it. */
export const SECRET: Certificate = {
  kind: 'Certificate',
  key: 'infra/tls',
  certificate: 'a certificate',
  privateKey: 'PRIVATE',
};

export function config(port: number, body = 'one'): ConfigObject[] {
  return [listener(port), answering(body)];
}
