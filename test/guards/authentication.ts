/** AuthenticationPolicy with each of its methods. */
import { createHash } from 'node:crypto';
import {
  type ApiObject,
  changed,
  type Failure,
  type FailureName,
  type Guard,
  holding,
  NOBODY,
  type Place,
  replaced,
  type Statuses,
  shows,
  type Visitor,
  without,
} from './guard.ts';
import { MATERIAL } from './material.ts';
import { PASS } from './peers.ts';
import { asked, configMap, ofPolicy, peerService, policy, route, secret } from './rows.ts';

const KIND = 'AuthenticationPolicy';
const KEPT_OUT: Statuses = [401, 200];
const UNKNOWN: Statuses = [503, 503];
const ELSEWHERE = 'elsewhere';
/** Found by the translation alone. */
const NO_PATTERN = { anonymousPaths: [{ type: 'RegularExpression', value: '(' }] };

type Failures = Partial<Record<FailureName, Failure | string>>;

interface Method {
  name: string;
  of: string;
  method(place: Place): object;
  needs?(place: Place): ApiObject[];
  stranger?: Visitor;
  welcome: Visitor;
  whole?: Statuses;
  asks?: Guard['asks'];
  failures: Failures;
}

function guardOf({ name, of, method, needs, whole = KEPT_OUT, ...more }: Method): Guard {
  return {
    name: `${KIND}: ${name}`,
    of: `${KIND} ${of}`,
    objects: (place) => [route(place), ...(needs?.(place) ?? []), policy(KIND, place, { methods: [method(place)] })],
    stranger: NOBODY,
    ...{ whole, ...more },
    failures: { ...ofPolicy(KIND, whole, NO_PATTERN), ...more.failures },
  };
}

/** Only what refers to it is moved, and the object itself. */
function ungranted(kind: string) {
  return (objects: ApiObject[], place: Place): ApiObject[] =>
    objects.flatMap((object) => {
      if (object.kind === kind) return [{ ...object, metadata: { ...object.metadata, namespace: ELSEWHERE } }];
      return object.kind === KIND ? refersElsewhere(object, place) : [object];
    });
}

function refersElsewhere(object: ApiObject, { name }: Place): ApiObject[] {
  const methods = JSON.stringify(object.spec!.methods).replaceAll(
    `"name":"${name}"`,
    `"name":"${name}","namespace":"${ELSEWHERE}"`,
  );
  return [{ ...object, spec: { ...object.spec, methods: JSON.parse(methods) } }];
}

/** Of one whose Secret is where its name says; what stays of a Secret that is spoilt is nothing. */
const ofSecret = (failing: Statuses = UNKNOWN): Failures => ({
  secretMissing: { edit: without('Secret'), fresh: failing, served: failing },
  secretWithoutKey: { edit: holding({ other: '' }), fresh: failing, served: failing },
  secretEmptied: { edit: holding({}), fresh: failing, served: failing },
  grantMissing: { edit: ungranted('Secret'), fresh: failing, served: failing },
});

const basic = (user: string): Visitor =>
  shows({ headers: { authorization: `Basic ${Buffer.from(`${user}:secret`).toString('base64')}` } });
const bearer = (claims: object): Visitor => shows({ headers: { authorization: `Bearer ${MATERIAL.token(claims)}` } });
const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

const digest: Visitor = async (knock) => {
  const { status, headers } = await knock();
  const nonce = /nonce="([^"]+)"/.exec(String(headers['www-authenticate']))?.[1];
  if (nonce === undefined) return status;
  const response = md5(`${md5('u:shop:secret')}:${nonce}:00000001:c:auth:${md5('GET:/')}`);
  const said = { username: 'u', realm: 'shop', nonce, uri: '/', cnonce: 'c', response };
  const quoted = Object.entries(said).map(([name, value]) => `${name}="${value}"`);
  return (await knock({ headers: { authorization: `Digest ${quoted.join(', ')}, qop=auth, nc=00000001` } })).status;
};

const WITH_SECRET: Method[] = [
  {
    name: 'basic',
    of: 'basic',
    method: ({ name }) => ({ basic: { secretRef: { name } } }),
    needs: ({ name }) => [secret(name, { auth: 'u:{PLAIN}secret' })],
    stranger: basic('v'),
    welcome: basic('u'),
    failures: ofSecret(),
  },
  {
    name: 'digest',
    of: 'digest',
    method: ({ name }) => ({ digest: { secretRef: { name } } }),
    needs: ({ name }) => [secret(name, { auth: `u:shop:${md5('u:shop:secret')}` })],
    welcome: digest,
    failures: ofSecret(),
  },
  {
    name: 'apiKey',
    of: 'apiKey',
    method: ({ name }) => ({ apiKey: { secretRefs: [{ name }] } }),
    needs: ({ name }) => [secret(name, { u: 'the key of u' })],
    stranger: shows({ headers: { 'x-api-key': 'another' } }),
    welcome: shows({ headers: { 'x-api-key': 'the key of u' } }),
    failures: { ...ofSecret(), secretWithoutKey: 'any key of a Secret is a key of somebody' },
  },
  {
    name: 'apiKey by label',
    of: 'apiKey',
    method: ({ name }) => ({ apiKey: { secretSelector: { matchLabels: { of: name } } } }),
    needs: ({ name }) => {
      const { metadata, ...rest } = secret(name, { u: 'the key of u' });
      return [{ ...rest, metadata: { ...metadata, labels: { of: name } } } as ApiObject];
    },
    stranger: shows({ headers: { 'x-api-key': 'another' } }),
    welcome: shows({ headers: { 'x-api-key': 'the key of u' } }),
    failures: {
      ...ofSecret(),
      secretWithoutKey: 'any key of a Secret is a key of somebody',
      grantMissing: 'it selects in its own namespace alone',
    },
  },
  {
    name: 'jwt, keys of a Secret',
    of: 'jwt',
    method: ({ name }) => ({ jwt: { providers: [{ issuer: 'https://id.example', jwks: { secretRef: { name } } }] } }),
    needs: ({ name }) => [secret(name, { 'jwks.json': MATERIAL.jwks })],
    stranger: bearer({ iss: 'https://evil.example' }),
    welcome: bearer({ iss: 'https://id.example' }),
    failures: ofSecret(),
  },
  {
    name: 'jwt, keys of a ConfigMap',
    of: 'jwt',
    method: ({ name }) => ({
      jwt: { providers: [{ issuer: 'https://id.example', jwks: { configMapRef: { name } } }] },
    }),
    needs: ({ name }) => [configMap(name, { 'jwks.json': MATERIAL.jwks })],
    stranger: bearer({ iss: 'https://evil.example' }),
    welcome: bearer({ iss: 'https://id.example' }),
    failures: {
      // It stands in for a Secret.
      secretMissing: { edit: without('ConfigMap'), fresh: UNKNOWN, served: UNKNOWN },
      secretWithoutKey: { edit: emptied({ other: '' }), fresh: UNKNOWN, served: UNKNOWN },
      secretEmptied: { edit: emptied({}), fresh: UNKNOWN, served: UNKNOWN },
      grantMissing: { edit: ungranted('ConfigMap'), fresh: UNKNOWN, served: UNKNOWN },
    },
  },
];

function emptied(data: object): NonNullable<Failure['edit']> {
  return changed('ConfigMap', (object) => ({ ...object, data }));
}

/** Of whoever is asked for each request. */
const asking = (failing: Statuses): Failures => ({
  peerMissing: { edit: without('Service'), fresh: UNKNOWN, served: UNKNOWN },
  grantMissing: {
    edit: replaced('-peer","port"', `-peer","namespace":"${ELSEWHERE}","port"`),
    fresh: UNKNOWN,
    served: UNKNOWN,
  },
  ...Object.fromEntries(
    (['away', 'silent', 'resetting', 'babbling'] as const).map((peer) => [
      `peer${peer[0]!.toUpperCase()}${peer.slice(1)}`,
      { peer, fresh: failing, served: failing },
    ]),
  ),
});

/** Of whose keys are asked for once: without a token nobody needs them, and those that came are kept. */
const fetching = (served: Statuses = KEPT_OUT, refusal = 401): Failures =>
  Object.fromEntries(
    (['away', 'silent', 'resetting', 'babbling'] as const).map((peer) => [
      `peer${peer[0]!.toUpperCase()}${peer.slice(1)}`,
      { peer, fresh: [refusal, 503], served },
    ]),
  );

const CA = ({ name }: Place): object => ({ group: '', kind: 'ConfigMap', name });
const issuerOf = ({ peer }: Place): string => `https://localhost:${peer}`;

const ASKING: Method[] = [
  {
    name: 'external by HTTP',
    of: 'external',
    method: (place) => ({ external: { backendRef: asked(place), timeout: '300ms' } }),
    needs: (place) => [peerService(place)],
    welcome: shows({ headers: { [PASS]: 'yes' } }),
    whole: [403, 200],
    asks: 'auth',
    failures: asking(UNKNOWN),
  },
  {
    name: 'external by gRPC',
    of: 'external',
    method: (place) => ({ external: { backendRef: asked(place), protocol: 'GRPC', timeout: '300ms' } }),
    needs: (place) => [peerService(place, { appProtocol: 'kubernetes.io/h2c' })],
    welcome: shows({ headers: { [PASS]: 'yes' } }),
    whole: [403, 200],
    asks: 'grpcAuth',
    failures: asking(UNKNOWN),
  },
  {
    name: 'jwt, keys of a Service',
    of: 'jwt',
    method: (place) => ({ jwt: { providers: [{ issuer: 'https://id.example', jwks: { backendRef: asked(place) } }] } }),
    needs: (place) => [peerService(place)],
    stranger: bearer({ iss: 'https://id.example', exp: 1 }),
    welcome: bearer({ iss: 'https://id.example' }),
    asks: 'keys',
    failures: {
      ...fetching(),
      peerMissing: { edit: without('Service'), fresh: UNKNOWN, served: UNKNOWN },
      grantMissing: {
        edit: replaced('-peer","port"', `-peer","namespace":"${ELSEWHERE}","port"`),
        fresh: UNKNOWN,
        served: UNKNOWN,
      },
    },
  },
  {
    name: 'jwt, keys of a URL',
    of: 'jwt',
    method: (place) => ({
      jwt: {
        providers: [
          { issuer: 'https://id.example', jwks: { url: `${issuerOf(place)}/jwks`, caCertificateRef: CA(place) } },
        ],
      },
    }),
    needs: ({ name }) => [configMap(name, { 'ca.crt': MATERIAL.authority })],
    stranger: bearer({ iss: 'https://id.example', exp: 1 }),
    welcome: bearer({ iss: 'https://id.example' }),
    asks: 'issuer',
    failures: {
      ...fetching(),
      // Who vouches for it stands in a ConfigMap.
      secretMissing: { edit: without('ConfigMap'), fresh: UNKNOWN, served: UNKNOWN },
      secretWithoutKey: { edit: emptied({ other: '' }), fresh: UNKNOWN, served: UNKNOWN },
      secretEmptied: { edit: emptied({}), fresh: UNKNOWN, served: UNKNOWN },
      grantMissing: { edit: ungranted('ConfigMap'), fresh: UNKNOWN, served: UNKNOWN },
    },
  },
  {
    name: 'oidc',
    of: 'oidc',
    method: (place) => ({
      oidc: {
        issuer: issuerOf(place),
        clientId: 'shop',
        secretRef: { name: place.name },
        caCertificateRef: { group: '', kind: 'ConfigMap', name: `${place.name}-ca` },
      },
    }),
    needs: ({ name }) => [
      secret(name, { 'client-secret': 's', 'cookie-secret': 'x'.repeat(32) }),
      configMap(`${name}-ca`, { 'ca.crt': MATERIAL.authority }),
    ],
    // Whoever comes without a session is sent to sign in, whoever it is.
    welcome: NOBODY,
    whole: [302, 302],
    asks: 'issuer',
    failures: { ...ofSecret(), ...fetching([302, 302], 503) },
  },
];

export const AUTHENTICATION: Guard[] = [
  ...[...WITH_SECRET, ...ASKING].map(guardOf),
  guardOf({
    name: 'jwt, keys in the policy',
    of: 'jwt',
    method: () => ({ jwt: { providers: [{ issuer: 'https://id.example', jwks: { inline: MATERIAL.jwks } }] } }),
    stranger: bearer({ iss: 'https://evil.example' }),
    welcome: bearer({ iss: 'https://id.example' }),
    failures: { secretEmptied: { edit: replaced('\\"kty\\"', '\\"no\\"'), fresh: UNKNOWN, served: UNKNOWN } },
  }),
];
