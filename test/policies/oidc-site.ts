/** A gateway whose route asks to sign in at a test provider. */
import { backendRefs, endpointsOf, HTTP, httpRoute, manifests, service } from '../served/manifest.ts';
import { type Rig, serveManifests } from '../served/rig.ts';
import type { HttpAuth } from './auth-service.ts';
import { CLIENT, type TestProvider } from './oidc-browser.ts';
import { requestPolicy } from './policy.ts';

export const ORIGIN = 'http://shop.example';
export const COOKIE_SECRET = '0123456789abcdef0123456789abcdef';

export interface OidcSite {
  /** By host: what differs from the usual method. */
  routes: Record<string, object>;
  secret?: Record<string, string>;
}

export function oidcSite(
  provider: Pick<TestProvider, 'authority' | 'issuer'>,
  { routes, secret = { 'client-secret': CLIENT.secret } }: OidcSite,
): string {
  const names = Object.keys(routes);
  return manifests(
    [HTTP],
    ...names.map((name) => httpRoute(name, [backendRefs('web')], { hostnames: [`${name}.example`] })),
    service('web'),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'client' },
      stringData: { 'cookie-secret': COOKIE_SECRET, ...secret },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'ca' },
      data: { 'ca.crt': provider.authority.certificate },
    },
    ...names.map((name) =>
      requestPolicy(
        'AuthenticationPolicy',
        `sign-in-${name}`,
        { kind: 'HTTPRoute', name },
        {
          methods: [
            {
              oidc: {
                issuer: provider.issuer,
                clientId: CLIENT.id,
                secretRef: { name: 'client' },
                caCertificateRef: { name: 'ca' },
                ...routes[name],
              },
            },
          ],
          claimsToHeaders: [{ name: 'X-User', claim: 'sub' }],
        },
      ),
    ),
  );
}

export function serveOidc(text: string, origin: HttpAuth): Promise<Rig> {
  return serveManifests(text, { endpoints: [endpointsOf('web', origin.port)], loopbackNames: 'allowed' });
}
