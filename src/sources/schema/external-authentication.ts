import type { ExternalAuthentication } from '../../api/index.ts';
import { MAX_TEMPLATE_LENGTH, templateFault } from '../../value/request-template.ts';
import { duration, headerName } from './format.ts';
import { backendObjectReference } from './reference.ts';
import { celRule, integer, list, type ObjectSchema, object, oneOf, optional, required, rule, text } from './schema.ts';

const template = text({
  min: 1,
  max: MAX_TEMPLATE_LENGTH,
  format: {
    is: 'text with places such as {target}, {host} or {header:X-User}',
    matches: (value) => templateFault(value) === undefined,
    openApi: { pattern: '^([^{}]|\\{[^{}]+\\})*$' },
  },
});
const path = text({
  min: 1,
  max: MAX_TEMPLATE_LENGTH,
  format: {
    is: 'a path such as /check or /check{target}, with places such as {target} or {host}',
    matches: (value) => /^(\/|\{target\}|\{path\})[\x21-\x7e]*$/.test(value) && templateFault(value) === undefined,
    openApi: { pattern: '^(/|\\{target\\}|\\{path\\})([!-z|~]|\\{[^{}]+\\})*$' },
  },
});
const method = oneOf('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'Request');
const signInUrl = text({
  min: 1,
  max: MAX_TEMPLATE_LENGTH,
  format: {
    is: 'a URL such as https://login.example.com/start, with places such as {host}',
    matches: (value) => /^(https?:\/\/|\/)[\x21-\x7e]+$/.test(value) && templateFault(value) === undefined,
    openApi: { pattern: '^(https?://|/)([!-z|~]|\\{[^{}]+\\})+$' },
  },
});
const parameter = text({
  min: 1,
  max: 64,
  format: {
    is: 'a name of letters, digits, "-", "." and "_"',
    matches: (value) => /^[A-Za-z0-9._-]+$/.test(value),
    openApi: { pattern: '^[A-Za-z0-9._-]+$' },
  },
});
const statusCodes = list(integer({ min: 200, max: 599 }), { min: 1, max: 64, unique: 'set' });
const headers = list(headerName, { max: 64, unique: 'set' });

const http = object({
  method: optional(method),
  path: optional(path),
  host: optional(template),
  headers: optional(headers),
  setHeaders: optional(list(object({ name: required(headerName), value: required(template) }), { min: 1, max: 32 })),
  refusals: optional(list(integer({ min: 300, max: 499 }), { min: 1, max: 64, unique: 'set' })),
  responseHeaders: optional(headers),
  cookies: optional(oneOf('Success', 'Always', 'Never')),
  signIn: optional(object({ url: required(signInUrl), redirectParameter: optional(parameter) })),
  cache: optional(
    object({
      key: required(list(template, { min: 1, max: 8 })),
      durations: optional(
        list(object({ statusCodes: required(statusCodes), duration: required(duration) }), { min: 1, max: 16 }),
      ),
    }),
  ),
});

export const externalAuthentication: ObjectSchema = object(
  {
    backendRef: required(backendObjectReference),
    protocol: optional(oneOf('HTTP', 'GRPC')),
    timeout: optional(duration),
    onFailure: optional(oneOf('Closed', 'Open')),
    failureStatusCode: optional(integer({ min: 400, max: 599 })),
    http: optional(http),
    grpc: optional(object({ headers: optional(headers) })),
    body: optional(
      object({
        maxBytes: required(integer({ min: 1, max: 1024 * 1024 })),
        onLarger: optional(oneOf('Refuse', 'Truncate')),
      }),
    ),
    subjectHeader: optional(headerName),
  },
  {
    rules: [
      celRule(
        'has(self.protocol) && self.protocol == "GRPC" ? !has(self.http) : !has(self.grpc)',
        rule<ExternalAuthentication>(
          'http goes with protocol HTTP, which is the default, and grpc with protocol GRPC',
          ({ protocol = 'HTTP', http: asHttp, grpc }) =>
            protocol === 'GRPC' ? asHttp === undefined : grpc === undefined,
        ),
      ),
    ],
  },
);
