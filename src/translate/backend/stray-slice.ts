import {
  type EndpointSlice,
  type Endpoints,
  keyOf,
  objectKey,
  SERVICE_NAME_LABEL,
  type Service,
} from '../../api/index.ts';
import { absent, type Diagnostic, diagnosis, type Problem } from '../verdict/problem.ts';
import { sliceImport, sliceService } from './service.ts';

type Told = Omit<Problem, 'reason'>;

/**
 * Why an EndpointSlice gives no Service an endpoint. In a cluster a controller writes them, and much of this passes; by
 * hand it is most likely a slip.
 */
export function sliceFinding(
  slice: EndpointSlice,
  serviceOf: (key: string) => Service | undefined,
): Diagnostic | undefined {
  const service = sliceService(slice);
  if (service === undefined && sliceImport(slice) !== undefined) return undefined;
  const told = service === undefined ? unlabelled() : problemOf(slice, service, serviceOf(`Service/${service}`));
  return told && diagnosis('warning', objectKey(slice), told);
}

const LABEL = `metadata.labels["${SERVICE_NAME_LABEL}"]`;

function unlabelled(): Told {
  const message = `has no label ${SERVICE_NAME_LABEL}, so it belongs to no Service and is not used: add it, with the Service's name`;
  return { field: 'metadata.labels', message };
}

function problemOf(slice: EndpointSlice, name: string, service: Service | undefined): Told | undefined {
  if (service === undefined) {
    const [namespace, own] = name.split('/') as [string, string];
    return absent('', LABEL, keyOf('Service', namespace, own));
  }
  const wanted = (service.spec.ports ?? []).map(portText);
  const given = (slice.ports ?? []).map(portText);
  const astray = portsAstray(given, wanted, name);
  if (astray !== undefined) return { field: 'ports', message: astray };
  return namesLeft(slice) ?? (service.spec.publishNotReadyAddresses ? undefined : unready(slice, name));
}

function portsAstray(given: string[], wanted: string[], service: string): string | undefined {
  if (wanted.length === 0 || given.some((one) => wanted.includes(one))) return undefined;
  const has = `Service ${service}, which has ${wanted.join(', ')}: ports meet by their names`;
  return given.length === 0 ? `names no port of ${has}` : `none of ${given.join(', ')} is a port of ${has}`;
}

/** Names are looked up where requests go, and that is one name. */
function namesLeft({ addressType, endpoints }: EndpointSlice): Told | undefined {
  const names = (endpoints ?? []).flatMap(({ addresses }) => addresses);
  if (addressType !== 'FQDN' || names.length < 2) return undefined;
  const message = `only the first of ${names.length} names is used, ${names[0]}: give a name with several addresses, or the addresses themselves`;
  return { field: 'endpoints', message };
}

/** The same of the older form, which is named like its Service. */
export function endpointsFinding(
  endpoints: Endpoints,
  serviceOf: (key: string) => Service | undefined,
): Diagnostic | undefined {
  const { namespace = '', name } = endpoints.metadata;
  const key = keyOf('Service', namespace, name);
  const service = serviceOf(key);
  const told = service === undefined ? absent('', 'metadata.name', key) : subsetProblem(endpoints, service);
  return told && diagnosis('warning', objectKey(endpoints), told);
}

function subsetProblem({ metadata, subsets = [] }: Endpoints, { spec }: Service): Told | undefined {
  const name = `${metadata.namespace ?? ''}/${metadata.name}`;
  const given = subsets.flatMap(({ ports = [] }) => ports.map(portText));
  const astray = portsAstray([...new Set(given)], (spec.ports ?? []).map(portText), name);
  if (astray !== undefined) return { field: 'subsets', message: astray };
  if (subsets.some(({ addresses = [] }) => addresses.length > 0)) return undefined;
  const away = subsets.reduce((sum, { notReadyAddresses = [] }) => sum + notReadyAddresses.length, 0);
  const message =
    away === 0 ? `gives Service ${name} no endpoint` : `none of ${away} is ready: Service ${name} gets none of them`;
  return { field: 'subsets', message };
}

function portText({ name, protocol = 'TCP' }: { name?: string; protocol?: string }): string {
  return `${name === undefined || name === '' ? '(no name)' : name}/${protocol}`;
}

function unready({ endpoints }: EndpointSlice, service: string): Told | undefined {
  const all = endpoints ?? [];
  if (all.length === 0) return { field: 'endpoints', message: `gives Service ${service} no endpoint` };
  if (all.some(({ conditions = {} }) => (conditions.ready ?? true) || conditions.serving)) return undefined;
  return { field: 'endpoints', message: `none of ${all.length} is ready: Service ${service} gets none of them` };
}
