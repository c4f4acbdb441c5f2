/** Every plugin that has something like it here: a new one has its line here. */
import { basicAuth } from './basic-auth.ts';
import { cors } from './cors.ts';
import { ipRestriction } from './ip-restriction.ts';
import { jwt } from './jwt.ts';
import { keyAuth } from './key-auth.ts';
import type { KongPluginKind } from './plugin.ts';
import { rateLimiting } from './rate-limiting.ts';
import { redirect } from './redirect.ts';
import { requestSizeLimiting } from './request-size-limiting.ts';
import { requestTermination } from './request-termination.ts';
import { requestTransformer } from './request-transformer.ts';
import { responseTransformer } from './response-transformer.ts';

/** In the order in which Kong runs them. */
export const PLUGINS: ReadonlyMap<string, KongPluginKind> = new Map(
  [
    cors,
    jwt,
    keyAuth,
    basicAuth,
    ipRestriction,
    requestSizeLimiting,
    rateLimiting,
    requestTransformer,
    responseTransformer,
    redirect,
    requestTermination,
  ].map((kind) => [kind.plugin, kind]),
);

const METRICS = 'metrics are told in any case: /metrics of the admin address';
const LOG = 'the access log (--access-log) goes to standard output, for a collector to send on';
const TRACES = 'there are no traces yet: traceparent is passed on as it came';
const CACHE = 'write a ResponsePolicy with cache';

/** Those that let nobody in or out: without them a route is open all the same, and only told. With what does their work. */
export const HARMLESS: ReadonlyMap<string, string> = new Map([
  ['prometheus', METRICS],
  ['datadog', METRICS],
  ['statsd', METRICS],
  ['statsd-advanced', METRICS],
  ['zipkin', TRACES],
  ['opentelemetry', TRACES],
  ['http-log', LOG],
  ['tcp-log', LOG],
  ['udp-log', LOG],
  ['file-log', LOG],
  ['syslog', LOG],
  ['loggly', LOG],
  ['kafka-log', LOG],
  [
    'correlation-id',
    'X-Request-Id is written in any case; a ClientTrafficPolicy with requestId.header has another name',
  ],
  ['grpc-web', 'gRPC-Web is understood in any case on GRPCRoutes'],
  ['proxy-cache', CACHE],
  ['proxy-cache-advanced', CACHE],
]);

const TOKENS = 'write an AuthenticationPolicy with methods[].oidc or jwt';
const ASKING = 'write an AuthenticationPolicy with methods[].external, which asks a service';
const NO_CODE = 'no code of users is run here: HTTPRoute filters and policies do what it is used for mostly';

/** Plugins that may guard, and are not read: what a user writes in their place. */
export const WRITTEN_BY_HAND: ReadonlyMap<string, string> = new Map([
  ['acl', 'write an AccessPolicy with allow[].claims beside the AuthenticationPolicy: sub is the consumer'],
  ['bot-detection', 'write an AccessPolicy with deny[].headers for User-Agent'],
  ['canary', 'write weights into backendRefs'],
  ['forward-proxy', 'a gateway is none'],
  ['hmac-auth', ASKING],
  ['jwt-signer', ASKING],
  ['ldap-auth', ASKING],
  ['ldap-auth-advanced', ASKING],
  ['mtls-auth', 'write a ClientTrafficPolicy with clientCertificates'],
  ['oauth2', TOKENS],
  ['oauth2-introspection', ASKING],
  ['opa', ASKING],
  ['openid-connect', TOKENS],
  ['post-function', NO_CODE],
  ['pre-function', NO_CODE],
  ['rate-limiting-advanced', 'write a RateLimitPolicy'],
  ['request-transformer-advanced', 'write HTTPRoute filters, or a RewritePolicy'],
  ['response-ratelimiting', 'write a RateLimitPolicy'],
  ['response-transformer-advanced', 'write HTTPRoute filters'],
  ['session', TOKENS],
]);

export const AUTHENTICATING: ReadonlySet<string> = new Set(['key-auth', 'basic-auth', 'jwt']);
