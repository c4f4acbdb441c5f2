import type { Ask } from '../ask.ts';
import type { Case } from '../case.ts';

const AT_443 = { on: 'same-namespace-with-https-listener', host: 'example.org', tls: { name: 'example.org' } };
const AT_8080 = { on: 'same-namespace-with-http-listener-on-8080', port: 8080 };

function redirect(path: string, to: NonNullable<Ask['redirect']>, status = 302): Ask {
  return { path, status: [status], redirect: to };
}

function kept(
  name: string,
  route: string,
  { path, status, method }: { path: string; status: number; method?: string },
): Case {
  return { test: name, served: [`HTTPRoute ${route}`], asks: [{ ...redirect(path, {}, status), method }] };
}

const ORG = 'example.org';

/** HTTPRoute: redirects. */
export const HTTP_REDIRECT: Case[] = [
  kept('HTTPRoute303Redirect', '303-redirect', { path: '/see-other', status: 303, method: 'POST' }),
  kept('HTTPRoute307Redirect', '307-redirect', { path: '/temporary', status: 307 }),
  kept('HTTPRoute308Redirect', '308-redirect', { path: '/permanent', status: 308 }),
  {
    test: 'HTTPRouteRedirectHostAndStatus',
    served: ['HTTPRoute redirect-host-and-status'],
    asks: [redirect('/hostname-redirect', { host: ORG }), redirect('/host-and-status', { host: ORG }, 301)],
  },
  {
    test: 'HTTPRouteRedirectPath',
    served: ['HTTPRoute redirect-path'],
    asks: [
      redirect('/original-prefix/lemon', { path: '/replacement-prefix/lemon' }),
      redirect('/full/path/original', { path: '/full-path-replacement' }),
      redirect('/path-and-host', { host: ORG, path: '/replacement-prefix' }),
      redirect('/path-and-status', { path: '/replacement-prefix' }, 301),
      redirect('/full-path-and-host', { host: ORG, path: '/replacement-full' }),
      redirect('/full-path-and-status', { path: '/replacement-full' }, 301),
    ],
  },
  {
    test: 'HTTPRouteRedirectPort',
    served: ['HTTPRoute redirect-port'],
    asks: [
      redirect('/port', { port: '8083' }),
      redirect('/port-and-host', { host: ORG, port: '8083' }),
      redirect('/port-and-status', { port: '8083' }, 301),
      redirect('/port-and-host-and-status', { host: ORG, port: '8083' }),
    ],
  },
  {
    test: 'HTTPRouteRedirectScheme',
    served: ['HTTPRoute redirect-scheme'],
    asks: [
      redirect('/scheme', { scheme: 'https' }),
      redirect('/scheme-and-host', { scheme: 'https', host: ORG }),
      redirect('/scheme-and-status', { scheme: 'https' }, 301),
      redirect('/scheme-and-host-and-status', { scheme: 'https', host: ORG }),
    ],
  },
  {
    test: 'HTTPRouteRedirectPortAndScheme',
    served: ['HTTPRoute http-route-for-listener-on-port-80'],
    status: [
      `HTTPRoute http-route-for-listener-on-port-8080 @${AT_8080.on} Accepted=True ResolvedRefs=True`,
      `HTTPRoute http-route-for-listener-on-port-443 @${AT_443.on} Accepted=True ResolvedRefs=True`,
    ],
    asks: [
      redirect('/scheme-nil-and-port-nil', { host: ORG }),
      redirect('/scheme-nil-and-port-80', { host: ORG }),
      redirect('/scheme-nil-and-port-8080', { host: ORG, port: '8080' }),
      redirect('/scheme-https-and-port-nil', { scheme: 'https', host: ORG }),
      redirect('/scheme-https-and-port-443', { scheme: 'https', host: ORG }),
      redirect('/scheme-https-and-port-8443', { scheme: 'https', host: ORG, port: '8443' }),
      { ...AT_8080, ...redirect('/scheme-nil-and-port-nil', { host: ORG, port: '8080' }) },
      { ...AT_8080, ...redirect('/scheme-nil-and-port-80', { host: ORG }) },
      { ...AT_8080, ...redirect('/scheme-https-and-port-nil', { scheme: 'https', host: ORG }) },
      { ...AT_443, ...redirect('/scheme-nil-and-port-nil', { host: ORG }) },
      { ...AT_443, ...redirect('/scheme-nil-and-port-443', { host: ORG }) },
      { ...AT_443, ...redirect('/scheme-nil-and-port-8443', { host: ORG, port: '8443' }) },
      { ...AT_443, ...redirect('/scheme-http-and-port-nil', { scheme: 'http', host: ORG }) },
      { ...AT_443, ...redirect('/scheme-http-and-port-80', { scheme: 'http', host: ORG }) },
      { ...AT_443, ...redirect('/scheme-http-and-port-8080', { scheme: 'http', host: ORG, port: '8080' }) },
    ],
  },
];
