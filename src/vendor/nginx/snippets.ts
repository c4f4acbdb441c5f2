import type { Fields } from '../fields.ts';
import { withoutExtension } from '../suggest/extension.ts';
import type { VendorKind } from '../suggest/vendor-kind.ts';
import { NGINX_GROUP } from './group.ts';

/** Directives that are often written so, and what is like them here. */
const WAYS: Readonly<Record<string, string>> = {
  limit_req: 'a RateLimitPolicy with requests and per',
  limit_req_zone: 'a RateLimitPolicy with key',
  limit_conn: 'a RateLimitPolicy with maxConnections',
  limit_rate: 'a RateLimitPolicy with bytesPerSecond',
  client_max_body_size: 'an AccessPolicy with maxBodyBytes',
  allow: 'an AccessPolicy with allow[].addresses',
  deny: 'an AccessPolicy with deny[].addresses',
  auth_basic: 'an AuthenticationPolicy with methods[].basic',
  auth_request: 'an AuthenticationPolicy with methods[].external',
  add_header: 'a ResponseHeaderModifier filter',
  more_set_headers: 'a ResponseHeaderModifier filter',
  proxy_set_header: 'a RequestHeaderModifier filter',
  proxy_read_timeout: 'a BackendTrafficPolicy with timeouts.read',
  proxy_send_timeout: 'a BackendTrafficPolicy with timeouts.send',
  proxy_connect_timeout: 'a BackendTrafficPolicy with timeouts.connect',
  proxy_next_upstream: 'a BackendTrafficPolicy with retry',
  rewrite: 'a RewritePolicy',
  return: 'a ResponsePolicy with directResponse, or a RequestRedirect filter',
  error_page: 'a ResponsePolicy with errorPages',
  gzip: 'a ResponsePolicy with compression',
  proxy_cache: 'a ResponsePolicy with cache',
  sub_filter: 'nothing: bodies are not changed here',
  proxy_buffering: 'nothing: answers are passed on as they come',
};

/** Without them a route is no more open than with them. */
const HARMLESS: ReadonlySet<string> = new Set([
  'add_header',
  'more_set_headers',
  'gzip',
  'proxy_buffering',
  'proxy_cache',
  'proxy_connect_timeout',
  'proxy_read_timeout',
  'proxy_send_timeout',
  'proxy_next_upstream',
  'error_page',
  'sub_filter',
]);

export const SNIPPETS: readonly VendorKind[] = ['SnippetsFilter', 'SnippetsPolicy'].map((kind) => ({
  group: NGINX_GROUP,
  kind,
  suggest(spec, { namespace, name, site }) {
    const names = spec.objects('snippets').flatMap(read);
    if (kind !== 'SnippetsFilter') return {};
    if (names.every((one) => HARMLESS.has(one))) return { edits: withoutExtension(site, { kind, namespace, name }) };
    spec.refuse(
      'snippets',
      'may guard what it acts on: the filter stays in its routes, which answer 500, until it is taken out',
    );
    return {};
  },
}));

/** Text of nginx is not run here; each of its directives is told. Answers their names. */
function read(snippet: Fields): string[] {
  snippet.text('context');
  const text = snippet.text('value') ?? '';
  const names = [...text.matchAll(/(?:^|[;{}])\s*([a-z_]+)\b/g)].map(([, name]) => name!);
  const ways = [...new Set(names)].map((name) => `${name}: ${WAYS[name] ?? 'nothing is known'}`);
  snippet.lost(
    'value',
    ways.length === 0 ? 'text of nginx is not run here' : `text of nginx is not run here: ${ways.join('; ')}`,
  );
  return names;
}
