import type { AuthenticationEntry, BackendObjectReference, ExternalAuthentication } from '../../api/index.ts';
import type { Fields } from '../fields.ts';
import { compact } from '../suggest/compact.ts';
import { duration } from '../suggest/quantity.ts';

/** What Envoy tells the service in any case. */
const TOLD = ['Authorization'];

export function externalOf(asked: Fields | undefined): AuthenticationEntry | undefined {
  if (asked === undefined) return undefined;
  asked.lost('recomputeRoute', 'the rule is chosen before');
  asked.lost('includeRouteMetadata', 'the service is told the request alone');
  asked.lost('contextExtensions', 'the service is told the request alone: http.setHeaders makes lines for it');
  const headers = asked.texts('headersToExtAuth', { ours: 'methods[].external headers' }) ?? [];
  const body = asked.object('bodyToExtAuth');
  const maxBytes = body?.number('maxRequestBytes', { ours: 'methods[].external.body.maxBytes' });
  const isOpen = asked.flag('failOpen', { ours: 'methods[].external.onFailure' });
  const settings = {
    timeout: duration(asked, 'timeout', { ours: 'methods[].external.timeout' }),
    onFailure: isOpen ? ('Open' as const) : ('Closed' as const),
    failureStatusCode: asked.number('statusOnError', { ours: 'methods[].external.failureStatusCode' }),
    ...(maxBytes === undefined ? {} : { body: { maxBytes, onLarger: 'Refuse' as const } }),
  };
  const [grpc, http] = [asked.object('grpc'), asked.object('http')];
  const service = grpc ?? http;
  const backendRef = service && backendOf(service);
  const asking = http && httpQuestion(http, headers);
  const question = grpc === undefined ? asking : { protocol: 'GRPC' as const, grpc: { headers } };
  if (backendRef === undefined) return undefined;
  return {
    name: 'external',
    external: compact<ExternalAuthentication>({ backendRef, ...settings, ...question } as ExternalAuthentication)!,
  };
}

function httpQuestion(http: Fields, headers: readonly string[]): object {
  const prefix = http.text('path', { ours: 'methods[].external.http.path' });
  const override = http.text('pathOverride', { ours: 'methods[].external.http.path' });
  const responseHeaders = http.texts('headersToBackend', { ours: 'methods[].external.http.responseHeaders' });
  const path = override ?? `${(prefix ?? '').replace(/\/$/, '')}{target}`;
  return { protocol: 'HTTP', http: { method: 'Request', path, headers: [...TOLD, ...headers], responseHeaders } };
}

function backendOf(service: Fields): BackendObjectReference | undefined {
  service.lost('backendSettings', 'a BackendTrafficPolicy for the Service says it');
  const single = service.object('backendRef');
  const all = [...(single === undefined ? [] : [single]), ...service.objects('backendRefs')];
  if (all.length > 1) service.refuse('backendRefs', 'one Service is asked: give it the endpoints');
  const [first] = all;
  first?.text('group');
  first?.lost('weight', 'one Service is asked');
  first?.lost('fallback', 'one Service is asked');
  first?.oneOf('kind', ['Service'], { ours: 'methods[].external.backendRef' });
  const name = first?.text('name', { ours: 'methods[].external.backendRef' });
  const namespace = first?.text('namespace');
  const port = first?.number('port');
  if (name === undefined || port === undefined) return undefined;
  return { group: '', kind: 'Service', name, port, ...(namespace === undefined ? {} : { namespace }) };
}
