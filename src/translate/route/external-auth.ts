/** The filter ExternalAuth of an HTTPRoute as a question to a service. */
import type { HTTPExternalAuthFilter } from '../../api/index.ts';
import { type ExternalAuth, type HttpQuestion, headerFault } from '../../config/index.ts';

/** Milliseconds for an answer: the Gateway API has no field for it. */
export const EXTERNAL_AUTH_TIMEOUT = 5_000;
/** Most bytes of a body that data planes collect for a service. */
const MAX_FORWARDED_BYTES = 1024 * 1024;
/** What the spec asks to be told in any case, besides Host, method, path and Content-Length. */
const ALWAYS_TOLD = ['authorization'];
const UNAVAILABLE = 503;

export type ReadExternalAuth = ExternalAuth | { field: string; fault: string };

export function readExternalAuth(filter: HTTPExternalAuthFilter, backend: string): ReadExternalAuth {
  const question = filter.protocol === 'HTTP' ? httpQuestion(filter.http ?? {}) : grpcQuestion(filter.grpc ?? {});
  if ('fault' in question) return question;
  const onFailure = { open: false, statusCode: UNAVAILABLE };
  const auth: ExternalAuth = { backend, timeout: EXTERNAL_AUTH_TIMEOUT, question, onFailure };
  const { maxSize = 0 } = filter.forwardBody ?? {};
  if (maxSize <= 0) return auth;
  if (maxSize > MAX_FORWARDED_BYTES) {
    const fault = `${maxSize} bytes are more than the ${MAX_FORWARDED_BYTES} that are collected at most: make it smaller`;
    return { field: 'forwardBody.maxSize', fault };
  }
  // The spec has it both ways (refused, cut short). A guard that has not seen the rest has not guarded it.
  return { ...auth, body: { maxBytes: maxSize, partial: false } };
}

type Read<Q> = Q | { field: string; fault: string };

function httpQuestion({
  path = '',
  allowedHeaders = [],
  allowedResponseHeaders = [],
}: NonNullable<HTTPExternalAuthFilter['http']>): Read<HttpQuestion> {
  const unsound = allowedResponseHeaders.findIndex((name) => headerFault(name) !== undefined);
  if (unsound >= 0) {
    const fault = headerFault(allowedResponseHeaders[unsound]!)!;
    return { field: `http.allowedResponseHeaders[${unsound}]`, fault };
  }
  return {
    protocol: 'HTTP',
    target: `${prefixOf(path)}{target}`,
    host: '{host}',
    headers: [...new Set([...ALWAYS_TOLD, ...allowedHeaders.map((name) => name.toLowerCase())])],
    set: [
      { name: 'X-Forwarded-For', value: '{clientAddress}' },
      { name: 'X-Forwarded-Proto', value: '{scheme}' },
      { name: 'X-Forwarded-Host', value: '{host}' },
      { name: 'X-Request-Id', value: '{requestId}' },
    ],
    admits: 'Only200',
    toBackend:
      allowedResponseHeaders.length === 0
        ? '*'
        : [...new Set(allowedResponseHeaders.map((name) => name.toLowerCase()))],
    cookies: 'Never',
  };
}

/** Before a path, which begins with a slash. */
function prefixOf(path: string): string {
  const bare = path.replace(/^\/+|\/+$/g, '');
  return bare === '' ? '' : `/${bare}`;
}

function grpcQuestion({ allowedHeaders = [] }: NonNullable<HTTPExternalAuthFilter['grpc']>): ExternalAuth['question'] {
  const headers = allowedHeaders.length === 0 ? '*' : allowedHeaders.map((name) => name.toLowerCase());
  return { protocol: 'GRPC', host: '{host}', headers };
}
