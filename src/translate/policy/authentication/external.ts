import { type ExternalAuthentication, type ExternalHttpQuestion, POLICY_REASON } from '../../../api/index.ts';
import { type ExternalAuth, type HttpQuestion, headerFault } from '../../../config/index.ts';
import { milliseconds } from '../../../value/duration.ts';
import { templateFault } from '../../../value/request-template.ts';
import { problem } from '../../verdict/problem.ts';
import type { MethodReader, MethodReading } from './method.ts';

/** Milliseconds for the answer of a service, where the policy says nothing. */
export const DEFAULT_EXTERNAL_TIMEOUT = 5_000;
const UNAVAILABLE = 503;
/** nginx's durations where a cache has none of its own. */
const DEFAULT_DURATIONS = [{ statusCodes: [200, 202, 401], milliseconds: 300_000 }];
const DEFAULT_PARAMETER = 'rd';

/** What the question says of the request where nothing else is said. */
const TOLD = {
  'X-Original-Method': '{method}',
  'X-Original-URL': '{url}',
  'X-Auth-Request-Redirect': '{target}',
  'X-Forwarded-For': '{clientAddress}',
  'X-Forwarded-Proto': '{scheme}',
  'X-Forwarded-Host': '{host}',
  'X-Forwarded-Method': '{method}',
  'X-Forwarded-Uri': '{target}',
  'X-Real-IP': '{clientAddress}',
  'X-Request-Id': '{requestId}',
};

export const readExternal: MethodReader<'external'> = (settings, at) => {
  const { protocol = 'HTTP', subjectHeader, body } = settings;
  const use = at.reading.serviceOf(settings.backendRef, `${at.field}.backendRef`, protocol);
  if ('reason' in use) return use;
  const question =
    protocol === 'GRPC'
      ? { protocol: 'GRPC' as const, host: '{host}', headers: settings.grpc?.headers?.map(lower) ?? ('*' as const) }
      : httpQuestion(settings.http ?? {}, at);
  const auth: ExternalAuth = {
    backend: use.key,
    timeout: timeoutOf(settings, at),
    question,
    onFailure: { open: settings.onFailure === 'Open', statusCode: settings.failureStatusCode ?? UNAVAILABLE },
  };
  if (body !== undefined) auth.body = { maxBytes: body.maxBytes, partial: body.onLarger === 'Truncate' };
  if (auth.onFailure.open) {
    const message = `method ${at.name} lets EVERY request pass where the service does not answer (onFailure: Open)`;
    at.reading.remarks.push(message);
  }
  return {
    type: 'External',
    name: at.name,
    auth,
    ...(subjectHeader === undefined ? {} : { subject: lower(subjectHeader) }),
  };
};

function timeoutOf({ timeout }: ExternalAuthentication, at: MethodReading): number {
  const time = timeout === undefined ? DEFAULT_EXTERNAL_TIMEOUT : (milliseconds(timeout) ?? 0);
  if (time === 0) invalid(at, 'timeout', 'must be longer than nothing: write it like 5s');
  return time;
}

function httpQuestion(http: ExternalHttpQuestion, at: MethodReading): HttpQuestion {
  const { method = 'GET', path = '/', host = '{host}', headers, setHeaders = [], responseHeaders = [] } = http;
  const given = new Set(setHeaders.map(({ name }) => lower(name)));
  const told = Object.entries(TOLD).map(([name, value]) => ({ name, value }));
  const set = [...told.filter(({ name }) => !given.has(lower(name))), ...setHeaders];
  const question: HttpQuestion = {
    protocol: 'HTTP',
    target: path,
    host,
    headers: headers?.map(lower) ?? '*',
    set,
    admits: 'Successful',
    toBackend: responseHeaders.map(lower),
    cookies: http.cookies ?? 'Success',
  };
  if (method !== 'Request') question.method = method;
  if (http.refusals !== undefined) question.refusals = http.refusals;
  if (http.signIn !== undefined) {
    const { url, redirectParameter = DEFAULT_PARAMETER } = http.signIn;
    question.signIn = { url, parameter: redirectParameter };
  }
  if (http.cache !== undefined) {
    const { key, durations } = http.cache;
    const times = durations?.map(({ statusCodes, duration }) => ({
      statusCodes,
      milliseconds: milliseconds(duration) ?? 0,
    }));
    question.cache = { key, durations: times ?? DEFAULT_DURATIONS };
  }
  for (const [at2, { name }] of setHeaders.entries()) fault(at, `http.setHeaders[${at2}].name`, headerFault(name));
  for (const [at2, name] of responseHeaders.entries()) fault(at, `http.responseHeaders[${at2}]`, headerFault(name));
  fault(at, 'http.path', templateFault(path));
  fault(at, 'http.host', templateFault(host));
  if (http.signIn !== undefined) fault(at, 'http.signIn.url', templateFault(http.signIn.url));
  for (const [at2, { value }] of setHeaders.entries()) fault(at, `http.setHeaders[${at2}].value`, templateFault(value));
  for (const [at2, key] of (http.cache?.key ?? []).entries()) fault(at, `http.cache.key[${at2}]`, templateFault(key));
  return question;
}

function fault(at: MethodReading, field: string, message: string | undefined): void {
  if (message !== undefined) invalid(at, field, message);
}

function invalid(at: MethodReading, field: string, message: string): void {
  at.reading.invalid.push(problem(POLICY_REASON.Invalid, `${at.field}.${field}`, message));
}

function lower(name: string): string {
  return name.toLowerCase();
}
