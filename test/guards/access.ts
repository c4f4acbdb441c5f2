/** AccessPolicy with each kind of rule, and RateLimitPolicy and RewritePolicy where they ask nobody. */

import {
  type Asked,
  type Failure,
  type FailureName,
  type Guard,
  holding,
  NOBODY,
  type Statuses,
  shows,
  without,
} from './guard.ts';
import { ofPolicy, policy, route, secret } from './rows.ts';

const ELSEWHERE = '198.51.100.1';
const REFUSED: Statuses = [403, 200];
/** A pattern that is none, which only the translation finds. */
const BROKEN_RULE = { deny: [{ headers: [{ type: 'RegularExpression', name: 'x', value: '(' }] }] };

interface Rule {
  spec: object;
  stranger: Asked;
  welcome?: Asked;
  refusal?: number;
  failures?: Partial<Record<FailureName, Failure | string>>;
}

const evening = { days: ['Monday'], from: '00:00', to: '00:01' };
const today = {
  days: [['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'][new Date().getUTCDay()]],
};

const RULES: Record<string, Rule> = {
  'addresses, denied': { spec: { deny: [{ addresses: [`${ELSEWHERE}/32`] }] }, stranger: { from: ELSEWHERE } },
  'addresses, allowed': { spec: { allow: [{ addresses: ['192.0.2.0/24'] }] }, stranger: { from: ELSEWHERE } },
  countries: {
    spec: { deny: [{ countries: ['FR'] }] },
    stranger: { from: ELSEWHERE },
    failures: { databaseMissing: { world: 'without database', fresh: [500, 500] } },
  },
  'countries, allowed': {
    spec: { allow: [{ countries: ['DE'] }] },
    stranger: { from: ELSEWHERE },
    failures: { databaseMissing: { world: 'without database', fresh: [500, 500] } },
  },
  methods: { spec: { deny: [{ methods: ['PUT'] }] }, stranger: { method: 'PUT' } },
  paths: { spec: { deny: [{ paths: [{ value: '/admin' }] }] }, stranger: { path: '/admin/x' } },
  headers: {
    spec: { allow: [{ headers: [{ name: 'x-team', value: 'ops' }] }] },
    stranger: {},
    welcome: { headers: { 'x-team': 'ops' } },
  },
  times: { spec: { deny: [{ times: [today, evening], methods: ['PUT'] }] }, stranger: { method: 'PUT' } },
  cel: { spec: { deny: [{ cel: 'request.method == "PUT"' }] }, stranger: { method: 'PUT' } },
  csrf: {
    spec: { csrf: { allowedOrigins: ['https://shop.example'] } },
    stranger: { method: 'POST', headers: { origin: 'https://evil.example' } },
    welcome: { method: 'POST', headers: { origin: 'https://shop.example' } },
  },
  maxBodyBytes: { spec: { maxBodyBytes: 4 }, stranger: { method: 'POST', body: '12345' }, refusal: 413 },
};

const BASIC = `Basic ${Buffer.from('u:secret').toString('base64')}`;
const OTHER = `Basic ${Buffer.from('v:secret').toString('base64')}`;

/** By what an AuthenticationPolicy has found; without one, nobody is anybody. */
const claims: Guard = {
  name: 'AccessPolicy: claims',
  of: 'AccessPolicy claims',
  objects: (place) => [
    route(place),
    secret(place.name, { auth: 'u:{PLAIN}secret\nv:{PLAIN}secret' }),
    policy('AuthenticationPolicy', place, { methods: [{ basic: { secretRef: { name: place.name } } }] }),
    policy('AccessPolicy', place, { allow: [{ claims: [{ name: 'sub', values: ['u'] }] }] }),
  ],
  stranger: shows({ headers: { authorization: OTHER } }),
  welcome: shows({ headers: { authorization: BASIC } }),
  whole: REFUSED,
  failures: {
    ...ofPolicy('AccessPolicy', REFUSED, BROKEN_RULE),
    // Of the policy that says who asks: what it cannot say nobody has.
    secretMissing: { edit: without('Secret'), fresh: [503, 503], served: [503, 503] },
    secretWithoutKey: { edit: holding({ other: 'x' }), fresh: [503, 503], served: [503, 503] },
    secretEmptied: { edit: holding({ auth: '' }), fresh: [503, 503], served: [503, 503] },
    peerMissing: { edit: without('AuthenticationPolicy'), fresh: [403, 403], served: [403, 403] },
  },
};

export const ACCESS: Guard[] = [
  ...Object.entries(RULES).map(([name, { spec, stranger, welcome = {}, refusal = 403, failures }]): Guard => {
    const whole: Statuses = [refusal, 200];
    return {
      name: `AccessPolicy: ${name}`,
      of: `AccessPolicy ${name.split(',')[0]}`,
      objects: (place) => [route(place), policy('AccessPolicy', place, spec)],
      stranger: shows(stranger),
      welcome: shows(welcome),
      whole,
      failures: { ...ofPolicy('AccessPolicy', whole, BROKEN_RULE), ...failures },
    };
  }),
  claims,
  {
    name: 'RewritePolicy',
    of: 'RewritePolicy',
    objects: (place) => [
      route(place),
      policy('RewritePolicy', place, { paths: [{ pattern: '^/x/(.*)$', substitution: '/$1' }] }),
    ],
    stranger: NOBODY,
    welcome: NOBODY,
    // It keeps nobody out, unless it cannot be followed: the path would be another than was meant.
    whole: [200, 200],
    failures: ofPolicy('RewritePolicy', [200, 200], { paths: [{ pattern: '(', substitution: '/' }] }),
  },
];
