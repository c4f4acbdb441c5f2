import type { ErrorPage, ResponseSettings } from '../../api/index.ts';
import { cidr, duration, headerName, mediaType } from './format.ts';
import { backendObjectReference } from './reference.ts';
import { requestPolicySpec } from './request-policy.ts';
import { celRule, integer, list, object, oneOf, optional, required, rule, text } from './schema.ts';

/** Characters of a body that stands in a manifest. */
const LONGEST_BODY = 65_536;

const line = text({
  min: 1,
  max: 4_096,
  format: {
    is: 'one line of visible characters',
    matches: (value) => /^[\x20-\x7e]+$/.test(value),
    openApi: { pattern: '^[ -~]+$' },
  },
});
const body = text({ max: LONGEST_BODY });
const plainType = text({
  min: 1,
  max: 128,
  format: {
    is: 'a media type without parameters, such as text/html',
    matches: (value) => /^[a-z]+\/[a-z0-9.+-]+$/.test(value),
    openApi: { pattern: '^[a-z]+/[a-z0-9.+-]+$' },
  },
});
/** Nothing at all, or a line: what it becomes part of is one. */
const replacement = text({
  max: 4_096,
  format: {
    is: 'visible characters of one line',
    matches: (value) => /^[\x20-\x7e]*$/.test(value),
    openApi: { pattern: '^[ -~]*$' },
  },
});
const replacements = list(object({ from: required(line), to: required(replacement) }), { min: 1, max: 16 });

/** RFC 9110 15: answers with these have no content. */
const BODILESS = [204, 205, 304];
const bodyIsSent = rule<NonNullable<ResponseSettings['directResponse']>>(
  'is never sent with status 204, 205 or 304; remove it, or change statusCode',
  ({ statusCode, body: sent }) => sent === undefined || !BODILESS.includes(statusCode),
  'body',
);

export const responsePolicySpec = requestPolicySpec(
  {
    securityHeaders: optional(
      object({
        contentSecurityPolicy: optional(line),
        contentTypeOptions: optional(oneOf('nosniff')),
        frameOptions: optional(oneOf('DENY', 'SAMEORIGIN')),
        permissionsPolicy: optional(line),
        referrerPolicy: optional(line),
        strictTransportSecurity: optional(line),
      }),
    ),
    errorPages: optional(
      list(
        object(
          {
            codes: required(list(integer({ min: 400, max: 599 }), { min: 1, max: 64, unique: 'set' })),
            contentType: optional(mediaType),
            body: optional(body),
            backendRef: optional(backendObjectReference),
          },
          {
            rules: [
              celRule(
                'has(self.body) != has(self.backendRef)',
                rule<ErrorPage>(
                  'must have exactly one of body and backendRef',
                  ({ body: text, backendRef }) => (text === undefined) !== (backendRef === undefined),
                ),
              ),
            ],
          },
        ),
        { min: 1, max: 16 },
      ),
    ),
    directResponse: optional(
      object(
        {
          statusCode: required(integer({ min: 200, max: 599 })),
          contentType: optional(mediaType),
          body: optional(body),
        },
        { rules: [celRule(`!has(self.body) || !(self.statusCode in [${BODILESS.join(', ')}])`, bodyIsSent)] },
      ),
    ),
    maintenance: optional(
      object({
        body: optional(body),
        contentType: optional(mediaType),
        retryAfterSeconds: optional(integer({ min: 0 })),
        exempt: optional(list(cidr, { max: 256, unique: 'set' })),
      }),
    ),
    cookieDomains: optional(replacements),
    cookiePaths: optional(replacements),
    locations: optional(replacements),
    cache: optional(
      object({
        maxObjectBytes: optional(integer({ min: 1, max: 67_108_864 })),
        maxBytes: optional(integer({ min: 1, max: 268_435_456 })),
        disk: optional(object({ maxBytes: optional(integer({ min: 1, max: 1_099_511_627_776 })) })),
        defaultTtl: optional(duration),
        staleWhileRevalidate: optional(duration),
        staleIfError: optional(duration),
        keyHeaders: optional(list(headerName, { max: 16, unique: 'set' })),
        generation: optional(text({ max: 64 })),
      }),
    ),
    accessLog: optional(oneOf('Enabled', 'Disabled')),
    compression: optional(
      object({
        algorithms: optional(list(oneOf('br', 'gzip', 'zstd'), { min: 1, max: 3, unique: 'set' })),
        types: optional(list(plainType, { min: 1, max: 64, unique: 'set' })),
        minimumBytes: optional(integer({ min: 0 })),
        level: optional(integer({ min: 1, max: 9 })),
      }),
    ),
  },
  [
    celRule(
      '!has(self.directResponse) || !has(self.maintenance)',
      rule<ResponseSettings>(
        'must not stand beside maintenance: both answer in the place of backends; remove one of the two',
        ({ directResponse, maintenance }) => directResponse === undefined || maintenance === undefined,
        'directResponse',
      ),
    ),
  ],
);
