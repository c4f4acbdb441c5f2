import { duration, hostname } from './format.ts';
import { pathMatch } from './path-match.ts';
import { redis } from './rate-limit-policy.ts';
import { authorityReference, secretReference } from './reference.ts';
import { flag, list, type ObjectSchema, object, oneOf, optional, required, text } from './schema.ts';

const issuer = text({
  max: 1024,
  format: {
    is: 'a URL with https and neither query nor fragment, such as https://login.example.com/realms/shop',
    matches: (value) => /^https:\/\/[^@?#\s]+$/.test(value) && URL.canParse(value),
    openApi: { pattern: '^https://[^@?#\\s]+$' },
  },
});
const path = text({
  min: 1,
  max: 512,
  format: {
    is: 'a path such as /oauth2/callback',
    matches: (value) => /^\/(?!\/)[A-Za-z0-9/._~-]*$/.test(value),
    openApi: { pattern: '^/([A-Za-z0-9._~-][A-Za-z0-9/._~-]*)?$' },
  },
});
const token = text({
  min: 1,
  max: 256,
  format: {
    is: 'printable ASCII without blanks',
    matches: (value) => /^[\x21-\x7e]+$/.test(value),
    openApi: { pattern: '^[!-~]+$' },
  },
});
const cookieName = text({
  min: 1,
  max: 128,
  format: {
    is: 'a name of letters, digits, "-", "." and "_"',
    matches: (value) => /^[A-Za-z0-9._-]+$/.test(value),
    openApi: { pattern: '^[A-Za-z0-9._-]+$' },
  },
});

export const oidcAuthentication: ObjectSchema = object({
  issuer: required(issuer),
  clientId: required(token),
  secretRef: required(secretReference),
  caCertificateRef: optional(authorityReference),
  scopes: optional(list(token, { min: 1, max: 32, unique: 'set' })),
  callbackPath: optional(path),
  logoutPath: optional(path),
  backchannelLogoutPath: optional(path),
  shared: optional(object({ redis: required(redis), timeout: optional(duration, '250ms') })),
  afterLogout: optional(path),
  apiPaths: optional(list(pathMatch, { min: 1, max: 64 })),
  sessionLifetime: optional(duration),
  refreshInterval: optional(duration),
  cookie: optional(
    object({
      name: optional(cookieName),
      domain: optional(hostname),
      secure: optional(flag),
      sameSite: optional(oneOf('Lax', 'None')),
    }),
  ),
  externalScheme: optional(oneOf('http', 'https')),
});
