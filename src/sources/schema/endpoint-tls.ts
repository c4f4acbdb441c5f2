import type { BackendTrafficPolicy } from '../../api/index.ts';
import { cipherSuite, preciseHostname } from './format.ts';
import { secretReference } from './reference.ts';
import { celRule, integer, list, object, oneOf, optional, rule } from './schema.ts';
import { TLS_CURVES, tlsVersion } from './tls-version.ts';

type EndpointTls = NonNullable<BackendTrafficPolicy['spec']['tls']>;

/** Below which a backend is spoken to only where a policy says so. */
const USUAL_LEAST = '1.2';

/** Authorities between a certificate and its root, at most. */
const MOST_DEPTH = 16;

export const endpointTls = object(
  {
    verification: optional(oneOf('Disabled')),
    serverName: optional(preciseHostname),
    minVersion: optional(tlsVersion),
    maxVersion: optional(tlsVersion),
    ciphers: optional(list(cipherSuite, { min: 1, max: 64, unique: 'set' })),
    curves: optional(list(oneOf(...TLS_CURVES), { min: 1, max: TLS_CURVES.length, unique: 'set' })),
    verifyDepth: optional(integer({ min: 0, max: MOST_DEPTH })),
    clientCertificateRef: optional(secretReference),
  },
  {
    rules: [
      celRule(
        `!has(self.maxVersion) || self.maxVersion >= (has(self.minVersion) ? self.minVersion : '${USUAL_LEAST}')`,
        rule<EndpointTls>(
          `must not be below minVersion, which is ${USUAL_LEAST} where it is not given: no version would be spoken`,
          ({ minVersion = USUAL_LEAST, maxVersion }) => maxVersion === undefined || maxVersion >= minVersion,
          'maxVersion',
        ),
      ),
      celRule(
        '!has(self.serverName) || has(self.verification)',
        rule<EndpointTls>(
          'is for verification: Disabled; a BackendTLSPolicy has validation.hostname, which is sent and asked for',
          ({ serverName, verification }) => serverName === undefined || verification !== undefined,
          'serverName',
        ),
      ),
      celRule(
        '!has(self.verifyDepth) || !has(self.verification)',
        rule<EndpointTls>(
          'must not stand beside verification: Disabled, where no authority is asked for',
          ({ verifyDepth, verification }) => verifyDepth === undefined || verification === undefined,
          'verifyDepth',
        ),
      ),
    ],
  },
);
