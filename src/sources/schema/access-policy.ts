import type { AccessEntry, AccessRules } from '../../api/index.ts';
import { method } from './filter.ts';
import { cidr, corsOrigin, label, mediaType } from './format.ts';
import { valueMatches } from './http-route.ts';
import { pathMatch } from './path-match.ts';
import { requestPolicySpec, streamTargets } from './request-policy.ts';
import {
  celRule,
  flag,
  integer,
  list,
  NAMES_ARE_DISTINCT,
  object,
  oneOf,
  optional,
  required,
  rule,
  text,
} from './schema.ts';

/** Networks of one rule. */
const MOST_ADDRESSES = 10_000;
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

const timeOfDay = text({
  format: {
    is: 'a time of day such as 08:30, or 24:00 for its end',
    matches: (value) => /^(?:[01]\d|2[0-3]):[0-5]\d$|^24:00$/.test(value),
    openApi: { pattern: '^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$' },
  },
});

const country = text({
  format: {
    is: 'a code of ISO 3166-1 in two capital letters, such as DE',
    matches: (value) => /^[A-Z]{2}$/.test(value),
    openApi: { pattern: '^[A-Z]{2}$' },
  },
});

const time = object({
  days: optional(list(oneOf(...DAYS), { max: 7, unique: 'set' })),
  from: optional(timeOfDay),
  to: optional(timeOfDay),
  timeZone: optional(text({ min: 1, max: 64 })),
});

const claim = object({
  name: required(text({ min: 1, max: 256 })),
  values: required(list(text({ max: 1_024 }), { min: 1, max: 256, unique: 'set' })),
});

const CONDITIONS = ['addresses', 'countries', 'methods', 'paths', 'headers', 'times', 'claims', 'cel'] as const;

/** People know lists of networks, of methods and of paths. */
function meantEntry(value: string): string | undefined {
  if (cidr.format!.matches(value)) return `{ addresses: [${value}] }`;
  if (method.values!.includes(value)) return `{ methods: [${value}] }`;
  return value.startsWith('/') ? `{ paths: [{ value: ${value} }] }` : undefined;
}

const entry = object(
  {
    name: optional(label),
    addresses: optional(list(cidr, { min: 1, max: MOST_ADDRESSES })),
    countries: optional(list(country, { min: 1, max: 256, unique: 'set' })),
    methods: optional(list(method, { min: 1, max: 9, unique: 'set' })),
    paths: optional(list(pathMatch, { min: 1, max: 64 })),
    headers: optional(valueMatches(4096)),
    times: optional(list(time, { min: 1, max: 16 })),
    claims: optional(list(claim, { min: 1, max: 16 })),
    cel: optional(text({ min: 1, max: 2_048 })),
  },
  {
    meant: meantEntry,
    rules: [
      celRule(
        CONDITIONS.map((name) => `has(self.${name})`).join(' || '),
        rule<AccessEntry>(`must have one of ${CONDITIONS.join(', ')} at least: it would take every request`, (one) =>
          CONDITIONS.some((name) => one[name] !== undefined),
        ),
      ),
    ],
  },
);

const namesAreDistinct = celRule(
  NAMES_ARE_DISTINCT,
  rule<AccessEntry[]>('must not have one name twice; rename one of the two', (entries) => {
    const names = entries.flatMap(({ name }) => name ?? []);
    return new Set(names).size === names.length;
  }),
);

export const accessPolicySpec = requestPolicySpec(
  {
    deny: optional(list(entry, { min: 1, max: 64, rules: [namesAreDistinct] })),
    allow: optional(list(entry, { min: 1, max: 64, rules: [namesAreDistinct] })),
    csrf: optional(
      object({
        allowedOrigins: optional(list(corsOrigin, { max: 64, unique: 'set' })),
        withoutOrigin: optional(oneOf('Deny', 'Allow'), 'Deny'),
      }),
    ),
    maxBodyBytes: optional(integer({ min: 1 })),
    refusal: optional(
      object({
        statusCode: optional(integer({ min: 400, max: 599 })),
        contentType: optional(mediaType),
        body: optional(text({ max: 4_096 })),
      }),
    ),
    shadow: optional(flag),
  },
  [
    celRule(
      'has(self.deny) || has(self.allow) || has(self.csrf) || has(self.maxBodyBytes)',
      rule<AccessRules>(
        'must have deny, allow, csrf or maxBodyBytes: it says nothing else',
        ({ deny, allow, csrf, maxBodyBytes }) => [deny, allow, csrf, maxBodyBytes].some((one) => one !== undefined),
      ),
    ),
  ],
  streamTargets,
);
