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

/** Those that let nobody in or out: without them a route is open all the same, and only told. */
export const HARMLESS: ReadonlySet<string> = new Set([
  'prometheus',
  'zipkin',
  'opentelemetry',
  'datadog',
  'statsd',
  'statsd-advanced',
  'http-log',
  'tcp-log',
  'udp-log',
  'file-log',
  'syslog',
  'loggly',
  'kafka-log',
  'correlation-id',
  'grpc-web',
  'proxy-cache',
  'proxy-cache-advanced',
]);

export const AUTHENTICATING: ReadonlySet<string> = new Set(['key-auth', 'basic-auth', 'jwt']);
