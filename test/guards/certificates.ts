/** Certificates of clients: as a ClientTrafficPolicy asks for them, as a Gateway does, and as who somebody is. */
import {
  type ApiObject,
  astray,
  changed,
  type Failure,
  type Guard,
  inSpec,
  type Place,
  replaced,
  type Statuses,
  shows,
  type Visitor,
  without,
} from './guard.ts';
import { MATERIAL } from './material.ts';
import { ALONE, asked, BROKEN, configMap, NOWHERE, OPEN, ofPolicy, peerService, policy, route } from './rows.ts';

const KIND = 'ClientTrafficPolicy';
const { known, foreign, revoked } = MATERIAL.clients;
/** Their connections end without an answer. */
const KEPT_OUT: Statuses = [0, 200];
const SHUT: Statuses = [0, 0];
const AT_CA = ({ name }: Place): object => ({ group: '', kind: 'ConfigMap', name });
const AT_LIST = ({ name }: Place): object => ({ group: '', kind: 'ConfigMap', name: `${name}-list` });
const WITH_KNOWN = shows({ certificate: known });

const listener = ({ name, host }: Place): ApiObject => ({
  ...{ kind: 'Listener', metadata: { name } },
  spec: { ...{ name, port: 443, protocol: 'HTTPS', hostname: host }, tls: { certificateRefs: [{ name: 'served' }] } },
});
const authorities = ({ name }: Place): ApiObject => configMap(name, { 'ca.crt': MATERIAL.authority });
const list = ({ name }: Place, which: 'current' | 'ended'): ApiObject =>
  configMap(`${name}-list`, { 'ca.crl': MATERIAL.revocations[which] });

/** Of the listener that has the place's name. */
function ofListener(place: Place, clientCertificates: object): ApiObject {
  const made = policy(KIND, place, { clientCertificates });
  const targetRefs = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw', sectionName: place.name }];
  return { ...made, spec: { ...made.spec, targetRefs } };
}

/** Of the ConfigMap of authorities. */
const holdingAuthorities = (data: object): Failure['edit'] =>
  changed('ConfigMap', (object, { name }) => (object.metadata.name === name ? { ...object, data } : object));
const withoutAuthorities: Failure['edit'] = (objects, { name }) =>
  objects.filter(({ kind, metadata }) => kind !== 'ConfigMap' || metadata.name !== name);
const ASTRAY = 'all of the Gateway is shut then, and neighbours with it: test/tls/client-certificates.test.ts';
const NO_SECRET = 'authorities of clients are no secret: they stand in a ConfigMap, which goes in other rows';

/** What stands in its ConfigMap: the last good authorities stay in service. */
const AUTHORITIES = {
  secretMissing: { edit: withoutAuthorities, fresh: SHUT, served: KEPT_OUT },
  secretWithoutKey: { edit: holdingAuthorities({ other: 'x' }), fresh: SHUT, served: KEPT_OUT },
  secretEmptied: { edit: holdingAuthorities({}), fresh: SHUT, served: KEPT_OUT },
  grantMissing: {
    edit: replaced('"kind":"ConfigMap","name"', '"kind":"ConfigMap","namespace":"elsewhere","name"'),
    fresh: SHUT,
    served: SHUT,
  },
} as const;

function asking(name: string, stranger: Visitor, more: { listed?: true; failures: Partial<Guard['failures']> }): Guard {
  const { listed, failures } = more;
  return {
    name: `${KIND}: clientCertificates, ${name}`,
    of: 'ClientTrafficPolicy clientCertificates',
    objects: (place) => [
      ...[listener(place), route(place), authorities(place)],
      ...(listed ? [list(place, 'current')] : []),
      ofListener(place, { caCertificateRefs: [AT_CA(place)], ...(listed && { revocationListRefs: [AT_LIST(place)] }) }),
    ],
    stranger,
    welcome: WITH_KNOWN,
    whole: KEPT_OUT,
    tls: true,
    failures: {
      ...ALONE,
      ...AUTHORITIES,
      sectionMissing: ASTRAY,
      targetMissing: ASTRAY,
      fieldInvalid: { edit: inSpec(KIND, { clientCertificates: { mode: 'Maybe' } }), fresh: SHUT, served: KEPT_OUT },
      fieldUnusable: { edit: inSpec(KIND, { tls: { ciphers: ['NOTHING'] } }), fresh: SHUT, served: SHUT },
      fieldUnknown: { edit: inSpec(KIND, { noSuchField: 1 }), fresh: SHUT, served: KEPT_OUT },
      deleted: { edit: without(KIND), served: OPEN },
      createdBroken: { edit: inSpec(KIND, { tls: { ciphers: ['NOTHING'] } }), served: SHUT },
      ...failures,
    },
  };
}

/** A Gateway of its own, that asks on all of its ports. */
const OWN_GATEWAY: Guard = {
  name: 'Gateway: tls.frontend',
  of: 'Gateway tls.frontend',
  objects: (place) => [
    {
      ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: place.name } },
      spec: {
        gatewayClassName: 'any',
        listeners: [{ ...listener(place).spec, port: place.port }],
        tls: { frontend: { default: { validation: { caCertificateRefs: [AT_CA(place)] } } } },
      },
    },
    ...[authorities(place), route(place, { parent: { name: place.name } })],
  ],
  stranger: shows({ certificate: foreign }),
  welcome: WITH_KNOWN,
  whole: KEPT_OUT,
  tls: true,
  failures: {
    ...ALONE,
    ...AUTHORITIES,
    sectionMissing: 'it stands in the Gateway itself',
    targetMissing: 'it stands in the Gateway itself',
    fieldInvalid: {
      edit: replaced('"caCertificateRefs":[', '"mode":"Maybe","caCertificateRefs":['),
      fresh: SHUT,
      served: KEPT_OUT,
    },
    fieldUnusable: { edit: replaced('"kind":"ConfigMap"', '"kind":"Service"'), fresh: SHUT, served: SHUT },
    fieldUnknown: 'a Gateway with a field that nobody knows is taken without it, as API servers do',
    deleted: { edit: without('Gateway'), served: SHUT },
    createdBroken: { edit: replaced('"kind":"ConfigMap"', '"kind":"Service"'), served: SHUT },
  },
};

/** Who somebody is: by a certificate that the listener asks for, and takes any. */
const WHO: Guard = {
  name: 'AuthenticationPolicy: clientCertificate',
  of: 'AuthenticationPolicy clientCertificate',
  objects: (place) => [
    ...[listener(place), route(place), authorities(place)],
    ofListener(place, { mode: 'Optional', caCertificateRefs: [AT_CA(place)] }),
    policy('AuthenticationPolicy', place, {
      methods: [{ clientCertificate: { match: [{ field: 'CommonName', value: 'known' }] } }],
    }),
  ],
  stranger: shows({ certificate: revoked }),
  welcome: WITH_KNOWN,
  whole: [403, 200],
  tls: true,
  failures: {
    ...ofPolicy('AuthenticationPolicy', [403, 200], { anonymousPaths: [{ type: 'RegularExpression', value: '(' }] }),
    secretMissing: NO_SECRET,
    secretWithoutKey: NO_SECRET,
    secretEmptied: NO_SECRET,
    // The listener that asks nobody: nobody is known.
    peerMissing: { edit: without(KIND), fresh: [403, 403], served: [403, 403] },
  },
};

/** What endpoints must be: where that cannot be known, nothing is sent. */
function ofEndpoints(kind: 'BackendTLSPolicy' | 'BackendTrafficPolicy'): Guard {
  const both: Statuses = [200, 200];
  const unsent: Statuses = [502, 502];
  const verified = kind === 'BackendTLSPolicy';
  return {
    name: verified ? kind : `${kind}: tls`,
    of: verified ? kind : `${kind} tls`,
    objects: (place) => [
      ...[route(place, { backend: `${place.name}-peer` }), peerService(place), authorities(place), tlsOf(place)],
      ...(verified ? [] : [ofService('BackendTrafficPolicy', place, { tls: { minVersion: '1.2' } })]),
    ],
    stranger: shows({}),
    welcome: shows({}),
    whole: both,
    asks: 'endpoint',
    failures: {
      ...ALONE,
      ...(verified && AT_ENDPOINTS),
      peerMissing: { edit: without('Service'), fresh: BROKEN, served: BROKEN },
      peerAway: { peer: 'away', fresh: unsent, served: unsent },
      peerSilent: 'a backend that is silent is no failure of a guard: its time is that of the route',
      peerResetting: { peer: 'resetting', fresh: unsent, served: unsent },
      peerBabbling: { peer: 'babbling', fresh: unsent, served: unsent },
      sectionMissing: verified
        ? 'as the Gateway API has it, it attaches to nothing then'
        : { edit: astray(kind), fresh: BROKEN, served: BROKEN },
      targetMissing: { edit: without('HTTPRoute'), fresh: NOWHERE, served: NOWHERE },
      fieldInvalid: {
        edit: inSpec(kind, verified ? { validation: 'none' } : { tls: { minVersion: '9' } }),
        fresh: BROKEN,
        served: both,
      },
      fieldUnusable: {
        edit: inSpec(
          kind,
          verified
            ? {
                validation: { hostname: 's.example', caCertificateRefs: [{ group: '', kind: 'Service', name: 'web' }] },
              }
            : { tls: { ciphers: ['NOTHING'] } },
        ),
        fresh: BROKEN,
        served: BROKEN,
      },
      fieldUnknown: verified
        ? 'as API servers do, it is taken without the field: it has a name and authorities in any case'
        : { edit: inSpec(kind, { tls: { noSuchField: 1 } }), fresh: BROKEN, served: both },
      deleted: verified ? { edit: without(kind), served: unsent } : { edit: without(kind), served: both },
      createdBroken: {
        edit: inSpec(
          kind,
          verified
            ? {
                validation: { hostname: 's.example', caCertificateRefs: [{ group: '', kind: 'Service', name: 'web' }] },
              }
            : { tls: { ciphers: ['NOTHING'] } },
        ),
        served: BROKEN,
      },
    },
  };
}

const AT_ENDPOINTS = {
  secretMissing: { edit: withoutAuthorities, fresh: BROKEN, served: [200, 200] },
  secretWithoutKey: { edit: holdingAuthorities({ other: 'x' }), fresh: BROKEN, served: [200, 200] },
  secretEmptied: { edit: holdingAuthorities({}), fresh: BROKEN, served: [200, 200] },
} as const;

const tlsOf = (place: Place): ApiObject => ({
  ...ofService('BackendTLSPolicy', place, {
    validation: { hostname: 's.example', caCertificateRefs: [AT_CA(place)] },
  }),
  apiVersion: 'gateway.networking.k8s.io/v1',
});

function ofService(kind: string, place: Place, spec: object): ApiObject {
  const { name } = asked(place) as { name: string };
  const made = policy(kind, place, spec);
  return { ...made, spec: { ...made.spec, targetRefs: [{ group: '', kind: 'Service', name }] } };
}

export const CERTIFICATES: Guard[] = [
  asking('by authority', shows({ certificate: foreign }), { failures: {} }),
  asking('by a list of revoked ones', shows({ certificate: revoked }), {
    listed: true,
    failures: {
      revocationsMissing: {
        edit: (objects, { name }) => objects.filter(({ metadata }) => metadata.name !== `${name}-list`),
        fresh: SHUT,
        served: SHUT,
      },
      revocationsExpired: {
        edit: (objects, place) =>
          objects.map((object) => (object.metadata.name === `${place.name}-list` ? list(place, 'ended') : object)),
        fresh: SHUT,
        served: SHUT,
      },
    },
  }),
  OWN_GATEWAY,
  WHO,
  ofEndpoints('BackendTLSPolicy'),
  ofEndpoints('BackendTrafficPolicy'),
];
