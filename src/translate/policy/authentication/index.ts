import { type Authentication, type AuthenticationEntry, POLICY_REASON } from '../../../api/index.ts';
import { type AuthenticationMethod, headerFault } from '../../../config/index.ts';
import { readHttpMatches } from '../../http-match.ts';
import { type Problem, problem } from '../../verdict/problem.ts';
import { requestPolicy, type SettingsReading } from '../request-policy.ts';
import { readApiKey } from './api-key.ts';
import { readBasic } from './basic.ts';
import { readClientCertificate } from './client-certificate.ts';
import { readDigest } from './digest.ts';
import { readExternal } from './external.ts';
import { readJwt } from './jwt.ts';
import type { MethodField, MethodReader } from './method.ts';
import { readOidc } from './oidc.ts';

/** Every method: a new one has its line here. */
const METHODS: { readonly [F in MethodField]: MethodReader<F> } = {
  basic: readBasic,
  digest: readDigest,
  apiKey: readApiKey,
  clientCertificate: readClientCertificate,
  external: readExternal,
  jwt: readJwt,
  oidc: readOidc,
};

export const authentication = requestPolicy({
  kind: 'AuthenticationPolicy',
  types: ['Authentication'],
  joins: true,
  refers: true,
  read(settings, reading) {
    const {
      methods = [],
      require = 'All',
      anonymousPaths = [],
      anonymousAddresses = [],
      claimsToHeaders = [],
    } = settings;
    const paths = readHttpMatches(
      anonymousPaths.map((path) => ({ path })),
      reading.field,
    );
    reading.invalid.push(...paths.invalid, ...headerFaults(claimsToHeaders, reading.field));
    return {
      Authentication: {
        methods: methods.map((entry, at) => methodOf(entry, at, reading)),
        require,
        anonymous: {
          paths: anonymousPaths.length === 0 ? [] : paths.matches.map(({ path }) => path),
          addresses: anonymousAddresses,
        },
        headers: claimsToHeaders.map(({ name, claim, values }) => ({
          name,
          claim,
          ...(values === undefined ? {} : { values }),
        })),
      },
    };
  },
});

function methodOf(entry: AuthenticationEntry, at: number, reading: SettingsReading): AuthenticationMethod {
  const { name = String(at) } = entry;
  const kind = (Object.keys(METHODS) as MethodField[]).find((one) => entry[one] !== undefined);
  const field = `${reading.field}.methods[${at}]`;
  if (kind === undefined) {
    reading.invalid.push(problem(POLICY_REASON.Invalid, field, 'says by no method who it is'));
    return { type: 'Broken', name, message: 'no method' };
  }
  // The settings are those of the method by whose name they were found.
  const read = METHODS[kind] as MethodReader<MethodField>;
  const found = read(entry[kind]!, { reading, name, field: `${field}.${kind}` });
  if ('type' in found) return found;
  reading.unresolved.push(found);
  return { type: 'Broken', name, message: `${found.field}: ${found.message}` };
}

function headerFaults(headers: NonNullable<Authentication['claimsToHeaders']>, field: string): Problem[] {
  return headers.flatMap(({ name }, at) => {
    const fault = headerFault(name);
    return fault === undefined ? [] : [problem(POLICY_REASON.Invalid, `${field}.claimsToHeaders[${at}].name`, fault)];
  });
}
