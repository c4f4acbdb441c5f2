import type { HTTPExternalAuthFilter, HTTPPathModifier, HTTPRequestMirrorFilter } from '../../api/index.ts';
import { corsOrigin, headerName, preciseHostname } from './format.ts';
import { backendObjectReference, localReference, portNumber } from './reference.ts';
import {
  type Field,
  flag,
  integer,
  type ListSchema,
  list,
  object,
  oneOf,
  optional,
  type Rule,
  required,
  rule,
  secret,
  text,
} from './schema.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
export const method = oneOf(...METHODS);

const headerLines = list(object({ name: required(headerName), value: required(secret(text({ min: 1, max: 4096 }))) }), {
  max: 16,
  unique: ['name'],
});
export const headerModifier = object({
  set: optional(headerLines),
  add: optional(headerLines),
  remove: optional(list(text(), { max: 16, unique: 'set' })),
});

export const mirror = object(
  {
    backendRef: required(backendObjectReference),
    percent: optional(integer({ min: 0, max: 100 })),
    fraction: optional(
      object(
        { numerator: required(integer({ min: 0 })), denominator: optional(integer({ min: 1 }), 100) },
        {
          rules: [
            rule<{ numerator: number; denominator: number }>(
              'must not be greater than denominator',
              ({ numerator, denominator }) => numerator <= denominator,
              'numerator',
            ),
          ],
        },
      ),
    ),
  },
  {
    rules: [
      rule<HTTPRequestMirrorFilter>(
        'must not have both percent and fraction; remove one of the two',
        ({ percent, fraction }) => percent === undefined || fraction === undefined,
      ),
    ],
  },
);

const path = text({ max: 1024 });

function modifierFits(type: HTTPPathModifier['type'], field: 'replaceFullPath' | 'replacePrefixMatch'): Rule[] {
  return [
    rule<HTTPPathModifier>(
      `is required when type is ${type}`,
      (modifier) => modifier.type !== type || modifier[field] !== undefined,
      field,
    ),
    rule<HTTPPathModifier>(
      `goes with type ${type} only; change type or remove it`,
      (modifier) => modifier.type === type || modifier[field] === undefined,
      field,
    ),
  ];
}

const pathModifier = object(
  {
    type: required(oneOf('ReplaceFullPath', 'ReplacePrefixMatch')),
    replaceFullPath: optional(path),
    replacePrefixMatch: optional(path),
  },
  {
    rules: [
      ...modifierFits('ReplaceFullPath', 'replaceFullPath'),
      ...modifierFits('ReplacePrefixMatch', 'replacePrefixMatch'),
    ],
  },
);

const redirect = object({
  scheme: optional(oneOf('http', 'https')),
  hostname: optional(preciseHostname),
  path: optional(pathModifier),
  port: optional(portNumber),
  statusCode: optional(integer({ values: [301, 302, 303, 307, 308] }), 302),
});

const rewrite = object({ hostname: optional(preciseHostname), path: optional(pathModifier) });

const starStandsAlone = rule<string[]>(
  'must not have other items beside "*"; remove them or the "*"',
  (items) => items.length <= 1 || !items.includes('*'),
);

const cors = object({
  allowOrigins: optional(list(corsOrigin, { max: 64, unique: 'set', rules: [starStandsAlone] })),
  allowCredentials: optional(flag),
  allowMethods: optional(list(oneOf(...METHODS, '*'), { max: 9, unique: 'set', rules: [starStandsAlone] })),
  allowHeaders: optional(list(headerName, { max: 64, unique: 'set', rules: [starStandsAlone] })),
  exposeHeaders: optional(list(headerName, { max: 64, unique: 'set' })),
  maxAge: optional(integer({ min: 1 }), 5),
});

/** Looser than a path: it is put before one. */
const pathPrefix = text({
  max: 1024,
  format: {
    is: "letters, digits, %XX and -/._~!$&'()*+,;=:@, as they stand in a path",
    matches: (value) => /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+$/.test(value),
  },
});
const allowedHeaders = optional(list(text(), { max: 64, unique: 'set' }));

function goesWithProtocol(protocol: 'HTTP' | 'GRPC', field: 'http' | 'grpc'): Rule[] {
  return [
    rule<HTTPExternalAuthFilter>(
      `is required when protocol is ${protocol}`,
      (auth) => auth.protocol !== protocol || auth[field] !== undefined,
      field,
    ),
    rule<HTTPExternalAuthFilter>(
      `goes with protocol ${protocol} only; change protocol or remove it`,
      (auth) => auth.protocol === protocol || auth[field] === undefined,
      field,
    ),
  ];
}

const externalAuth = object(
  {
    protocol: required(oneOf('HTTP', 'GRPC')),
    backendRef: required(backendObjectReference),
    grpc: optional(object({ allowedHeaders })),
    http: optional(object({ path: optional(pathPrefix), allowedHeaders, allowedResponseHeaders: allowedHeaders })),
    forwardBody: optional(object({ maxSize: optional(integer({ min: 0 })) })),
  },
  { rules: [...goesWithProtocol('GRPC', 'grpc'), ...goesWithProtocol('HTTP', 'http')] },
);

/** The field of each type of filter. A filter has exactly the field of its type. */
const grpcFields: Readonly<Record<string, { field: string; schema: Field['schema'] }>> = {
  RequestHeaderModifier: { field: 'requestHeaderModifier', schema: headerModifier },
  ResponseHeaderModifier: { field: 'responseHeaderModifier', schema: headerModifier },
  RequestMirror: { field: 'requestMirror', schema: mirror },
  ExtensionRef: { field: 'extensionRef', schema: localReference },
};
const httpFields: typeof grpcFields = {
  ...grpcFields,
  RequestRedirect: { field: 'requestRedirect', schema: redirect },
  URLRewrite: { field: 'urlRewrite', schema: rewrite },
  CORS: { field: 'cors', schema: cors },
  ExternalAuth: { field: 'externalAuth', schema: externalAuth },
};

const listenerFields: typeof grpcFields = {
  ExternalAuth: { field: 'externalAuth', schema: externalAuth },
  ExtensionRef: { field: 'extensionRef', schema: localReference },
};

type AnyFilter = { type: string } & Record<string, unknown>;

function filterOf(types: typeof grpcFields): Field['schema'] {
  const rules = Object.entries(types).flatMap(([type, { field }]) => [
    rule<AnyFilter>(`is required when type is ${type}`, (f) => f.type !== type || f[field] !== undefined, field),
    rule<AnyFilter>(
      `goes with type ${type} only; change type or remove it`,
      (f) => f.type === type || f[field] === undefined,
      field,
    ),
  ]);
  const fields = Object.values(types).map(({ field, schema }) => [field, optional(schema)]);
  return object({ type: required(oneOf(...Object.keys(types))), ...Object.fromEntries(fields) }, { rules });
}

function atMostOne(type: string): Rule {
  return rule<AnyFilter[]>(
    `must not have two filters of type ${type}; merge them into one`,
    (filters) => filters.filter((f) => f.type === type).length <= 1,
  );
}

const redirectOrRewrite = rule<AnyFilter[]>(
  'must not have both a RequestRedirect and a URLRewrite; the redirect has hostname and path of its own',
  (filters) => !filters.some((f) => f.type === 'RequestRedirect') || !filters.some((f) => f.type === 'URLRewrite'),
);

export const httpFilters: ListSchema = list(filterOf(httpFields), {
  max: 16,
  rules: [
    redirectOrRewrite,
    ...['CORS', 'RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite'].map(atMostOne),
  ],
});

export const grpcFilters: ListSchema = list(filterOf(grpcFields), {
  max: 16,
  rules: ['RequestHeaderModifier', 'ResponseHeaderModifier'].map(atMostOne),
});

/** Of a listener: what acts before a route is chosen. */
export const listenerFilters: ListSchema = list(filterOf(listenerFields), { max: 16 });
