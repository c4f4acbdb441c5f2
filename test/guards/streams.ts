/** Guards where no request is read: of a TCPRoute, on a Gateway of its own. Who knocks speaks HTTP with whoever is behind it. */
import {
  type ApiObject,
  astray,
  type Guard,
  inSpec,
  type Place,
  type Statuses,
  shows,
  type Visitor,
  without,
} from './guard.ts';
import { ALONE, asked, OPEN, peerService, reasons } from './rows.ts';

const GROUP = 'gateway.networking.k8s.io';
/** Their connections end without an answer. */
const KEPT_OUT: Statuses = [0, 200];
const SHUT: Statuses = [0, 0];
/** What no connection has. */
const OF_REQUESTS = { deny: [{ paths: [{ value: '/admin' }] }] };
const STRANGER = shows({ local: '127.0.0.66' });
const WELCOME = shows({ local: '127.0.0.2' });

const gateway = ({ name, port }: Place): ApiObject => ({
  ...{ apiVersion: `${GROUP}/v1`, kind: 'Gateway', metadata: { name } },
  spec: { gatewayClassName: 'any', listeners: [{ name: 'tcp', port, protocol: 'TCP' }] },
});
const route = (place: Place): ApiObject => ({
  ...{ apiVersion: `${GROUP}/v1`, kind: 'TCPRoute', metadata: { name: place.name } },
  spec: { parentRefs: [{ name: place.name }], rules: [{ backendRefs: [asked(place)] }] },
});
const policy = (kind: string, { name }: Place, spec: object): ApiObject => ({
  ...{ apiVersion: 'policies.daemun.dev/v1alpha1', kind, metadata: { name } },
  spec: { targetRefs: [{ group: GROUP, kind: 'TCPRoute', name }], ...spec },
});

interface Row {
  of: string;
  spec: object;
  /** What it says instead that no connection can be asked. */
  unusable: object;
  stranger?: Visitor;
  failures?: Partial<Guard['failures']>;
}

function guardOf({ of, spec, unusable, stranger = STRANGER, failures = {} }: Row): Guard {
  const [kind = ''] = of.split(' ');
  return {
    name: `${of}, of connections`,
    of,
    objects: (place) => [gateway(place), route(place), peerService(place), policy(kind, place, spec)],
    stranger,
    welcome: WELCOME,
    whole: KEPT_OUT,
    asks: 'keys',
    failures: {
      ...ALONE,
      ...reasons(
        ['peerMissing', 'peerAway', 'peerSilent', 'peerResetting', 'peerBabbling'],
        'it asks nobody: who is there is its backend',
      ),
      sectionMissing: { edit: astray(kind), fresh: SHUT, served: SHUT },
      targetMissing: { edit: without('TCPRoute'), fresh: SHUT, served: SHUT },
      fieldInvalid: { edit: inSpec(kind, { defaults: 'all' }), fresh: SHUT, served: KEPT_OUT },
      fieldUnusable: { edit: inSpec(kind, unusable), fresh: SHUT, served: SHUT },
      fieldUnknown: { edit: inSpec(kind, { noSuchField: 1 }), fresh: SHUT, served: KEPT_OUT },
      deleted: { edit: without(kind), served: OPEN },
      createdBroken: { edit: inSpec(kind, unusable), served: SHUT },
      ...failures,
    },
  };
}

/** The second comes while the first is there. */
const atOnce: Visitor = async (knock) => {
  let status = 0;
  const local = '127.0.0.66';
  const second = async (): Promise<void> => {
    status = (await knock({ local })).status;
  };
  await knock({ local, headers: { connection: 'keep-alive' }, meanwhile: second });
  return status;
};

export const STREAMS: Guard[] = [
  guardOf({
    of: 'AccessPolicy addresses',
    spec: { deny: [{ addresses: ['127.0.0.66/32'] }] },
    unusable: OF_REQUESTS,
  }),
  guardOf({
    of: 'AccessPolicy countries',
    spec: { deny: [{ countries: ['FR'] }] },
    unusable: OF_REQUESTS,
    failures: { databaseMissing: { world: 'without database', fresh: SHUT } },
  }),
  guardOf({
    of: 'RateLimitPolicy maxConnections',
    spec: { limits: [{ maxConnections: 1, key: [{ type: 'ClientAddress' }] }] },
    unusable: { limits: [{ bytesPerSecond: 1 }] },
    stranger: atOnce,
  }),
];
