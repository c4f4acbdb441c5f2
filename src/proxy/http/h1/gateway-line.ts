/**
 * Lines by which a gateway tells backends who the client is and what it asked for. They say so only if nobody else
 * can write them: from a client that is no trusted hop they are left out of what goes on, in whatever spelling. A
 * policy or filter that sets a line of its own needs no entry here: its HeaderPatch drops the client's. The names that
 * this proxy writes itself (X-Forwarded-For, Client-Cert …) have kinds of their own in field-kind.ts. What belongs here:
 * docs/decisions/gateway-lines.md.
 */

import { ADDRESS_LINES } from '../../ground/address-line.ts';

/** Whole names, lower case; a mark that is no '-' stands as one, so WebSphere's $WSRU is '-wsru'. */
export const GATEWAY_LINES: readonly string[] = [
  // RFC 7239, and what came before it.
  'forwarded',
  'x-forwarded',
  ...ADDRESS_LINES,
  // Scheme, host and path that the client asked for.
  'x-scheme',
  'x-url-scheme',
  'x-ssl',
  'x-arr-ssl',
  'front-end-https',
  'cf-visitor',
  'x-rewrite-url',
  'x-host',
  'x-http-host-override',
  'wl-proxy-ssl',
  '-wsis',
  '-wssc',
  '-wspr',
  '-wssn',
  '-wssp',
  // Who the client is: its certificate, its user.
  'x-client-cert',
  'x-client-dn',
  'x-client-verify',
  'x-arr-clientcert',
  'x-ssl-cert',
  'ssl-client-cert',
  'ssl-client-subject-dn',
  'ssl-client-issuer-dn',
  'ssl-client-s-dn',
  'ssl-client-i-dn',
  'ssl-client-verify',
  'wl-proxy-client-cert',
  '-wscc',
  'remote-user',
  'remote-groups',
  'remote-name',
  'remote-email',
  'x-remote-user',
  'x-remote-group',
  'x-authenticated-user',
  'x-webauth-user',
  'oam-remote-user',
  'iv-user',
  'iv-groups',
  'iv-creds',
  'sm-user',
  '-wsat',
  '-wsru',
  'cf-access-authenticated-user-email',
  'tailscale-user-login',
  // Becomes HTTP_PROXY in CGI, where programs take it for their own setting.
  'proxy',
];

/** Families: all names that begin so. They begin with 'x'. */
export const GATEWAY_FAMILIES: readonly string[] = [
  'x-forwarded-',
  'x-original-',
  'x-envoy-',
  'x-auth-request-',
  // Clouds' own gateways: who the client is, in lines that nobody signed.
  'x-appengine-',
  'x-goog-authenticated-user-',
  'x-ms-client-principal',
  'x-amzn-oidc-',
  'x-amzn-mtls-',
  'x-remote-extra-',
  // What a certificate says: Apache's variables as HAProxy's and nginx' manuals pass them on, and a cloud's.
  'x-ssl-client-',
  'x-client-cert-',
];
