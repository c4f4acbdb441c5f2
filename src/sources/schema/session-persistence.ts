import type { BackendSessionPersistence, SessionPersistence } from '../../api/index.ts';
import { duration, headerName } from './format.ts';
import {
  celRule,
  type Field,
  flag,
  integer,
  object,
  oneOf,
  optional,
  type Rule,
  required,
  rule,
  text,
} from './schema.ts';

const attribute = text({
  min: 1,
  max: 1024,
  format: {
    is: 'what may stand in an attribute of a cookie: visible characters but ";" and ","',
    matches: (value) => /^[!-+\--:<-~]*$/.test(value),
    openApi: { pattern: '^[!-+.-:<-~-]*$' },
  },
});

const cookieFields: Record<string, Field> = {
  name: optional(headerName),
  lifetimeType: optional(oneOf('Permanent', 'Session'), 'Session'),
  path: optional(attribute, '/'),
};
const header = object({ name: required(headerName) });
const shared: Record<string, Field> = {
  type: optional(oneOf('Cookie', 'Header'), 'Cookie'),
  absoluteTimeout: optional(duration),
};
const rules: Rule[] = [
  celRule(
    "!has(self.cookie) || !has(self.cookie.lifetimeType) || self.cookie.lifetimeType != 'Permanent' || has(self.absoluteTimeout)",
    rule<SessionPersistence>(
      'must be there where cookie.lifetimeType is Permanent: it is how long the cookie lives',
      ({ cookie, absoluteTimeout }) => cookie?.lifetimeType !== 'Permanent' || absoluteTimeout !== undefined,
      'absoluteTimeout',
    ),
  ),
  celRule(
    "!has(self.cookie) || self.type == 'Cookie'",
    rule<SessionPersistence>(
      'must not stand beside type Header; remove it, or change type to Cookie',
      ({ type, cookie }) => cookie === undefined || type === 'Cookie',
      'cookie',
    ),
  ),
  celRule(
    "has(self.header) == (self.type == 'Header')",
    rule<SessionPersistence>(
      'must be there with type Header, and only there: it names the header that carries the session',
      ({ type, header: named }) => (named !== undefined) === (type === 'Header'),
      'header',
    ),
  ),
];

export const routeSession = object(
  { ...shared, cookie: optional(object(cookieFields)), header: optional(header) },
  { rules },
);

export const backendSession = object(
  {
    ...shared,
    // GEP-1619 had it for routes, too; no release's CRD has.
    idleTimeout: optional(duration),
    mode: optional(oneOf('Persistent', 'Balanced'), 'Persistent'),
    changeOnFailure: optional(flag),
    canaryBehavior: optional(oneOf('Sticky', 'Legacy'), 'Sticky'),
    cookie: optional(
      object({
        ...cookieFields,
        pathFromMatch: optional(flag),
        domain: optional(attribute),
        sameSite: optional(oneOf('Strict', 'Lax', 'None')),
        conditionalSameSiteNone: optional(flag),
        secure: optional(oneOf('Auto', 'Always', 'Never'), 'Auto'),
        maxAgeSeconds: optional(integer({ min: -1 })),
        expiresSeconds: optional(integer({ min: -1 })),
      }),
    ),
    header: optional(header),
  },
  {
    rules: [
      ...rules,
      celRule(
        "self.mode != 'Balanced' || self.type == 'Cookie'",
        rule<BackendSessionPersistence>(
          'must be Persistent with type Header',
          ({ mode, type }) => mode !== 'Balanced' || type === 'Cookie',
          'mode',
        ),
      ),
    ],
  },
);
