/** The filter ExternalAuth: of a route, and of a listener of a Gateway of its own. */
import { type ApiObject, type Guard, type Place, replaced, type Statuses, shows, without } from './guard.ts';
import { PASS } from './peers.ts';
import { ALONE, asked, BROKEN, NOWHERE, OPEN, peerService, route } from './rows.ts';

const KEPT_OUT: Statuses = [403, 200];
const UNKNOWN: Statuses = [503, 503];

const filterOf = (place: Place, protocol: 'HTTP' | 'GRPC'): object => ({
  type: 'ExternalAuth',
  externalAuth: {
    protocol,
    backendRef: asked(place),
    ...(protocol === 'HTTP' ? { http: { allowedHeaders: [PASS] } } : { grpc: { allowedHeaders: [PASS] } }),
  },
});

const service = (place: Place, protocol: string): ApiObject =>
  peerService(place, protocol === 'GRPC' ? { appProtocol: 'kubernetes.io/h2c' } : {});

function gateway(place: Place, filters: object[]): ApiObject {
  const { name, port } = place;
  return {
    ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name } },
    spec: {
      gatewayClassName: 'any',
      listeners: [{ name: 'http', port, protocol: 'HTTP', filters: { requests: filters } }],
    },
  };
}

/** The filter alone goes. */
function unfiltered(objects: ApiObject[]): ApiObject[] {
  return JSON.parse(JSON.stringify(objects, (key, value) => (key === 'filters' ? undefined : value))) as ApiObject[];
}

function guardOf(on: 'route' | 'listener', protocol: 'HTTP' | 'GRPC'): Guard {
  const ofRoute = on === 'route';
  const filtered = (place: Place): ApiObject[] =>
    ofRoute
      ? [route(place, { filters: [filterOf(place, protocol)] })]
      : [gateway(place, [filterOf(place, protocol)]), route(place, { parent: { name: place.name } })];
  return {
    name: `ExternalAuth of a ${on}, ${protocol}`,
    of: `ExternalAuth of a ${on}`,
    objects: (place) => [...filtered(place), service(place, protocol)],
    stranger: shows({}),
    welcome: shows({ headers: { [PASS]: 'yes' } }),
    whole: KEPT_OUT,
    asks: protocol === 'HTTP' ? 'auth' : 'grpcAuth',
    failures: {
      ...ALONE,
      grantMissing: {
        edit: replaced('-peer","port"', '-peer","namespace":"elsewhere","port"'),
        fresh: BROKEN,
        served: BROKEN,
      },
      sectionMissing: 'it stands in what it guards',
      targetMissing: 'it stands in what it guards',
      peerMissing: { edit: without('Service'), fresh: BROKEN, served: BROKEN },
      peerAway: { peer: 'away', fresh: UNKNOWN, served: UNKNOWN },
      peerSilent: { peer: 'silent', fresh: UNKNOWN, served: UNKNOWN },
      peerResetting: { peer: 'resetting', fresh: UNKNOWN, served: UNKNOWN },
      peerBabbling: { peer: 'babbling', fresh: UNKNOWN, served: UNKNOWN },
      // The whole object is refused, so that nothing is there, or what was there before.
      fieldInvalid: {
        edit: replaced(`"protocol":"${protocol}"`, '"protocol":"SMTP"'),
        fresh: NOWHERE,
        served: KEPT_OUT,
      },
      fieldUnusable: { edit: replaced('-peer","port":80', '-peer","port":81'), fresh: BROKEN, served: BROKEN },
      fieldUnknown: {
        edit: replaced('"backendRef"', '"noSuchField":1,"backendRef"'),
        fresh: NOWHERE,
        served: KEPT_OUT,
      },
      deleted: { edit: unfiltered, served: OPEN },
      createdBroken: { edit: replaced('-peer","port":80', '-peer","port":81'), served: BROKEN },
    },
  };
}

export const FILTERS: Guard[] = (['route', 'listener'] as const).flatMap((on) =>
  (['HTTP', 'GRPC'] as const).map((protocol) => guardOf(on, protocol)),
);
